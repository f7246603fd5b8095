import { join } from "node:path";
import {
  type ArchivedImage,
  archivedImage,
  indexedImages,
  type ResolvedImage,
  readArchive,
  readGraph,
  resolveImage,
  selectImage,
} from "../archive/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { OperationOptions } from "../index.ts";
import { isSlipwayError, SlipwayError } from "../index.ts";
import { fileSource, openDirectoryStore, openTemporaryStore, readDocument } from "../node/index.ts";
import type { Platform } from "../oci/index.ts";
import { formatReference, parseIndex, parseReference } from "../oci/index.ts";
import { exists } from "./host-paths.ts";
import { IMAGE_FORMS, type ImageArgument } from "./image-argument.ts";

/** Images that can be read until they are closed. */
export interface OpenImages {
  readonly content: ContentStore;
  readonly images: readonly ArchivedImage[];
  close(): Promise<void>;
}

/** One image of them. */
export interface OpenImage {
  readonly content: ContentStore;
  readonly image: ArchivedImage;
  close(): Promise<void>;
}

/** Where images are looked for and how. */
export interface OpenImageOptions extends OperationOptions {
  /** The store in which a name is looked up. */
  readonly store: string;
}

/**
 * Opens the image that an argument names. An archive is read as a whole, verified, into temporary files.
 * @throws SlipwayError `NOT_FOUND`, `INVALID_ARGUMENT` if several could be meant, `UNSUPPORTED` for a name that is not in the store:
 *   there are no registries yet; what reading it throws
 */
export async function openImage(argument: ImageArgument, options: OpenImageOptions): Promise<OpenImage> {
  const opened = await openImages(argument, options);
  try {
    const wanted = argument.kind === "name" ? argument.name : argument.tag;
    return { content: opened.content, image: selectImage(opened.images, wanted), close: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw argument.kind === "name" ? notInStore(argument.name, options.store, error) : error;
  }
}

/** The image for one platform: the only one, or the one that was asked for. */
export function choosePlatform(image: ArchivedImage, platform: Platform | undefined): ResolvedImage {
  return resolveImage([image], { platform });
}

async function openImages(argument: ImageArgument, options: OpenImageOptions): Promise<OpenImages> {
  switch (argument.kind) {
    case "name":
      // Before anything is opened: a name that is none is told so.
      formatReference(parseReference(argument.name));
      if (!(await exists(options.store))) throw notInStore(argument.name, options.store, undefined);
      return await openLayout(options.store, options);
    case "layout":
      return await openLayout(argument.path, options);
    default:
      return await openArchive(argument.path, options);
  }
}

async function openLayout(path: string, { signal }: OpenImageOptions): Promise<OpenImages> {
  const store = await openDirectoryStore(path, { create: false });
  try {
    const file = join(path, "index.json");
    const bytes = await readDocument(file);
    const images: ArchivedImage[] = [];
    for (const indexed of indexedImages(parseIndex(bytes, file))) {
      const { manifests } = await readGraph(store.content, indexed.descriptor, { signal });
      images.push(archivedImage(indexed, manifests));
    }
    return { content: store.content, images, close: () => store.close() };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openArchive(path: string, { signal, onProgress }: OpenImageOptions): Promise<OpenImages> {
  const source = await fileSource(path);
  const store = await openTemporaryStore();
  try {
    const images = await readArchive(source.open(), store.content, { signal, onProgress, allowMissingPlatforms: true });
    return { content: store.content, images, close: () => store.close() };
  } catch (error) {
    await store.close();
    if (isSlipwayError(error) && !error.message.includes(path)) throw at(path, error);
    throw error;
  }
}

/** The same error, saying which file it is about. */
function at(path: string, error: SlipwayError): SlipwayError {
  return new SlipwayError(error.code, `Cannot use ${path}: ${error.message.replace(/^Cannot /, "cannot ")}`, {
    cause: error,
  });
}

function notInStore(name: string, store: string, cause: unknown): unknown {
  if (cause !== undefined && !isSlipwayError(cause, "NOT_FOUND")) return cause;
  return new SlipwayError(
    "UNSUPPORTED",
    `Cannot find image ${name} in the store ${store}, and this version reads no registries; name ${IMAGE_FORMS}, or a name that slipway ls shows`,
    { cause },
  );
}
