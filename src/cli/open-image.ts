import {
  type ArchivedImage,
  archivedImage,
  type ResolvedImage,
  readArchive,
  readGraph,
  resolveImage,
  selectImage,
} from "../archive/index.ts";
import type { ContentProvider } from "../content/index.ts";
import type { OperationOptions } from "../index.ts";
import { isSlipwayError, SlipwayError } from "../index.ts";
import { fileSource, openDirectoryStore, openTemporaryStore } from "../node/index.ts";
import type { Descriptor, Platform } from "../oci/index.ts";
import { formatPlatform, matchPlatform, parseReference } from "../oci/index.ts";
import type { Registry } from "../registry/index.ts";
import { exists } from "./host-paths.ts";
import type { ImageArgument } from "./image-argument.ts";
import { layoutImages } from "./layout-images.ts";
import { askedFor, type ImagePlaces, inFile, noRegistry, notInStore, takenFrom } from "./open-source.ts";

/** An image that can be read until it is closed. */
export interface OpenImage {
  readonly content: ContentProvider;
  readonly image: ArchivedImage;
  close(): Promise<void>;
}

/** Where images are looked for and how. */
export interface OpenImageOptions extends OperationOptions, ImagePlaces {
  /** Of an index at a registry: only what is for these is read. Default all. */
  readonly platforms?: readonly Platform[] | undefined;
}

/**
 * Opens the image that an argument names. An archive is read as a whole, verified, into temporary files; of an image at a registry no more is
 * read than its documents.
 * @throws SlipwayError `NOT_FOUND`, `INVALID_ARGUMENT` if several could be meant; what reading it throws
 */
export async function openImage(argument: ImageArgument, options: OpenImageOptions): Promise<OpenImage> {
  if (argument.kind === "registry") {
    const { registry } = options;
    if (registry === undefined) throw noRegistry(argument.name);
    return await openRemote(argument.name, registry, options);
  }
  if (argument.kind === "name") return await openNamed(argument.name, options);
  return argument.kind === "layout"
    ? await openInLayout(argument.path, argument.tag, options)
    : await openInArchive(argument.path, argument.tag, options);
}

/** The image for one platform: the only one, or the one that was asked for. */
export function choosePlatform(image: ArchivedImage, platform: Platform | undefined): ResolvedImage {
  return resolveImage([image], { platform });
}

/** A name is one of the store, or else one at a registry. */
async function openNamed(name: string, options: OpenImageOptions): Promise<OpenImage> {
  const { store, registry, note } = options;
  // Before anything is opened: a name that is none is told so.
  const reference = parseReference(name);
  if (await hasImage(store, name)) {
    if (registry !== undefined) note(takenFrom(name));
    return await openInLayout(store, name, options);
  }
  if (registry === undefined) throw notInStore(name, store);
  note(askedFor(reference));
  return await openRemote(name, registry, options);
}

async function hasImage(directory: string, name: string): Promise<boolean> {
  if (!(await exists(directory))) return false;
  try {
    selectImage(await layoutImages(directory), name);
    return true;
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND")) return false;
    throw error;
  }
}

async function openRemote(name: string, registry: Registry, options: OpenImageOptions): Promise<OpenImage> {
  const { signal, onProgress, platforms } = options;
  const { descriptor, content, names } = await registry.source(name).resolve({ signal, onProgress });
  const include = ({ platform }: Descriptor): boolean =>
    platform === undefined ||
    platforms === undefined ||
    platforms.some((wanted) => matchPlatform(wanted, platform) !== undefined);
  const { manifests, excluded } = await readGraph(content, descriptor, { signal, include });
  if (platforms !== undefined && manifests.length === 0) {
    const there = excluded.map(({ platform }) => (platform === undefined ? "?" : formatPlatform(platform))).join(", ");
    const wanted = platforms.map(formatPlatform).join(", ");
    throw new SlipwayError("NOT_FOUND", `Cannot use ${name} for ${wanted}: it is for ${there || "no platform"}`);
  }
  const image = archivedImage({ descriptor, names, tags: [] }, manifests);
  return { content, image, close: async () => undefined };
}

async function openInLayout(
  path: string,
  wanted: string | undefined,
  { signal }: OpenImageOptions,
): Promise<OpenImage> {
  const store = await openDirectoryStore(path, { create: false });
  try {
    const indexed = selectImage(await layoutImages(path), wanted);
    const { manifests } = await readGraph(store.content, indexed.descriptor, { signal });
    return { content: store.content, image: archivedImage(indexed, manifests), close: () => store.close() };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openInArchive(
  path: string,
  wanted: string | undefined,
  { signal, onProgress }: OpenImageOptions,
): Promise<OpenImage> {
  const source = await fileSource(path);
  const store = await openTemporaryStore();
  try {
    const images = await readArchive(source.open(), store.content, { signal, onProgress, allowMissingPlatforms: true });
    return { content: store.content, image: selectImage(images, wanted), close: () => store.close() };
  } catch (error) {
    await store.close();
    throw isSlipwayError(error) && !error.message.includes(path) ? inFile(path, error) : error;
  }
}
