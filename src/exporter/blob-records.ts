import type { ContentInfo, ContentStore } from "../content/store.ts";
import type { Layer, LayerWarning } from "../diff/differ.ts";
import { isSlipwayError } from "../errors.ts";
import { digestOf } from "../hash/index.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestHex, isDigest } from "../oci/digest.ts";
import type { MetadataStore } from "../snapshots/metadata.ts";
import { BLOCKS } from "./block-cache-index.ts";

/** A layer and what had to be left out of it. */
export interface RecordedLayer extends Pick<Layer, "descriptor" | "diffID"> {
  /** What the layer could not hold; told again whenever the layer is used again. */
  readonly warnings: readonly LayerWarning[];
}

/**
 * Which layers were made before, by what decides their bytes. The key is hashed, so that it can be of any form; what is
 * recorded is believed only as long as the blob is there with the right size.
 */
export interface BlobRecords {
  /** The layer under this key, if its blob is still there. */
  find(key: string): Promise<RecordedLayer | undefined>;
  record(key: string, layer: RecordedLayer): Promise<void>;
}

/** Part of every key. Raised when the same input gives other bytes: another gzip engine, another rule of the byte contract. */
export const FORMAT = 4;

const PREFIX = "layers/";

/**
 * Removes the records of layers that the content store no longer has, and of their blocks, from a metadata store that exporters keep them
 * in. They do no harm; they only take room. A record goes without its layer, never the other way round: one that another exporter makes of the same layer
 * meanwhile may be lost, which costs it time the next time and nothing else.
 */
export async function removeLostBlobRecords(
  metadata: Pick<MetadataStore, "get" | "keys" | "delete">,
  content: Pick<ContentStore, "info">,
): Promise<void> {
  for (const key of await metadata.keys(BLOCKS)) {
    const layer = key.slice(BLOCKS.length);
    if (isDigest(layer) && (await infoIfThere(content, layer)) === undefined) await metadata.delete(key);
  }
  for (const key of await metadata.keys(PREFIX)) {
    const value = await metadata.get(key);
    const layer = value && parseRecord(value);
    if (layer === undefined || !(await holdBlob(content, layer.descriptor))) await metadata.delete(key);
  }
}

/** Records kept in a metadata store under `layers/`, for blobs in a content store. */
export function createBlobRecords(metadata: MetadataStore, content: ContentStore): BlobRecords {
  const path = (key: string): string => {
    const digest = digestOf(new TextEncoder().encode(JSON.stringify([FORMAT, key])), content.hasher);
    return `${PREFIX}${digestHex(digest)}`;
  };
  return {
    async find(key) {
      const value = await metadata.get(path(key));
      const layer = value && parseRecord(value);
      return layer && (await holdBlob(content, layer.descriptor)) ? layer : undefined;
    },
    async record(key, { descriptor, diffID, warnings }) {
      const { mediaType, digest, size } = descriptor;
      const value = JSON.stringify({ mediaType, digest, size, diffID, warnings });
      await metadata.set(path(key), new TextEncoder().encode(value));
    },
  };
}

/** Whether the store has a blob of this digest and size. A store under a lease protects what it is asked for. */
export async function holdBlob(content: Pick<ContentStore, "info">, { digest, size }: Descriptor): Promise<boolean> {
  const found = await infoIfThere(content, digest);
  return found?.size === size;
}

async function infoIfThere(content: Pick<ContentStore, "info">, digest: Digest): Promise<ContentInfo | undefined> {
  try {
    return await content.info(digest);
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND")) return undefined;
    throw error;
  }
}

/** A record as it was written, or nothing: what cannot be read is made anew. */
function parseRecord(value: Uint8Array): RecordedLayer | undefined {
  let record: unknown;
  try {
    record = JSON.parse(new TextDecoder().decode(value));
  } catch {
    return undefined;
  }
  if (typeof record !== "object" || record === null) return undefined;
  const { mediaType, digest, size, diffID, warnings } = record as Readonly<Record<string, unknown>>;
  if (typeof mediaType !== "string" || !isDigest(digest) || !isDigest(diffID)) return undefined;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
  if (!Array.isArray(warnings) || !warnings.every(isWarning)) return undefined;
  return { descriptor: { mediaType, digest, size }, diffID, warnings };
}

const isWarning = (value: unknown): value is LayerWarning => {
  const { path, message } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof path === "string" && typeof message === "string";
};
