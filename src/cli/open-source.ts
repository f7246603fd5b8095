import { isSlipwayError, SlipwayError } from "../index.ts";
import { fileSource, openDirectoryStore, openTemporaryStore } from "../node/index.ts";
import { familiarName, parseReference, type Reference } from "../oci/index.ts";
import type { Registry } from "../registry/index.ts";
import { archiveSource, type ImageSource } from "../transfer/index.ts";
import { exists } from "./host-paths.ts";
import { IMAGE_FORMS, type ImageArgument } from "./image-argument.ts";
import { layoutSource } from "./layout-images.ts";

/** Where images are looked for. */
export interface ImagePlaces {
  /** The directory of the store in which a name is looked up first. */
  readonly store: string;
  /** Where it is looked for then, and where `docker://` is. Undefined: nowhere. */
  readonly registry: Registry | undefined;
  /** Told which of both it was. */
  readonly note: (message: string) => void;
  /**
   * Whether an archive is read as a whole, verified, before anything is done with it, so that what is wrong with it is told as that. Default: what
   * is needed is read where it lies, and verified by who takes it.
   */
  readonly verifyFirst?: boolean | undefined;
}

/** A source that can be used until it is closed. */
export interface OpenSource {
  readonly source: ImageSource;
  close(): Promise<void>;
}

/** Runs `work` on the image that an argument names. */
export async function withSource<T>(
  argument: ImageArgument,
  places: ImagePlaces,
  work: (source: ImageSource) => Promise<T>,
): Promise<T> {
  const { source, close } = await openSource(argument, places);
  try {
    return await work(source);
  } finally {
    await close();
  }
}

/**
 * Opens what an argument names, for copying. Nothing is read of it yet, but names are looked up in the store.
 * @throws SlipwayError `NOT_FOUND`, `INVALID_REFERENCE`; what opening a store or a file throws
 */
export async function openSource(argument: ImageArgument, places: ImagePlaces): Promise<OpenSource> {
  switch (argument.kind) {
    case "registry":
      return atRegistry(argument.name, places);
    case "name":
      return await openNamed(argument.name, places);
    case "layout": {
      const { path, tag } = argument;
      const store = await openDirectoryStore(path, { create: false });
      return { source: layoutSource(store, tag, described("oci", path, tag)), close: () => store.close() };
    }
    default: {
      const { kind, path, tag } = argument;
      const file = await fileSource(path);
      const scratch = await openTemporaryStore();
      const description = described(kind, path, tag);
      const archive = places.verifyFirst === true ? () => file.open() : file;
      const source = archiveSource(archive, scratch.content, { name: tag, description, allowMissingPlatforms: true });
      return { source: naming(path, source), close: () => scratch.close() };
    }
  }
}

/** Errors about an archive's inside say which file it is. */
function naming(path: string, source: ImageSource): ImageSource {
  return {
    description: source.description,
    resolve: async (operation) => {
      try {
        return await source.resolve(operation);
      } catch (error) {
        throw isSlipwayError(error) && !error.message.includes(path) ? inFile(path, error) : error;
      }
    },
  };
}

/** The same error, saying which file it is about. */
export function inFile(path: string, error: SlipwayError): SlipwayError {
  return new SlipwayError(error.code, `Cannot use ${path}: ${error.message.replace(/^Cannot /, "cannot ")}`, {
    cause: error,
  });
}

async function openNamed(name: string, places: ImagePlaces): Promise<OpenSource> {
  const reference = parseReference(name);
  const { store: directory, registry, note } = places;
  if (await exists(directory)) {
    const store = await openDirectoryStore(directory, { create: false });
    const source = layoutSource(store, name, name);
    try {
      await source.resolve();
      if (registry !== undefined) note(takenFrom(name));
      return { source, close: () => store.close() };
    } catch (error) {
      await store.close();
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
    }
  }
  if (registry === undefined) throw notInStore(name, directory);
  note(askedFor(reference));
  return atRegistry(name, places);
}

/** Said of a name that is in the store. */
export const takenFrom = (name: string): string =>
  `${name} is taken from the store; docker://${name} asks its registry`;

/** Said of a name that is looked for at its registry, because the store has it not. */
export const askedFor = (reference: Reference): string =>
  `${familiarName(reference)} is not in the store, and is asked for at ${reference.domain}`;

function atRegistry(name: string, { registry }: ImagePlaces): OpenSource {
  if (registry === undefined) throw noRegistry(name);
  return { source: registry.source(name), close: async () => undefined };
}

/** For who takes no image from a registry. */
export function noRegistry(name: string): SlipwayError {
  return new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot use docker://${name}: this command takes what is on this machine; slipway copy goes from one registry to another`,
  );
}

/** For who looks nowhere else. */
export function notInStore(name: string, store: string): SlipwayError {
  return new SlipwayError(
    "NOT_FOUND",
    `Cannot find image ${name} in the store ${store}: slipway ls shows what is there; or write ${IMAGE_FORMS}`,
  );
}

const described = (transport: string, path: string, tag: string | undefined): string =>
  `${transport}:${path}${tag === undefined ? "" : `:${tag}`}`;
