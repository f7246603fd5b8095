import { copyImage, hasBlob, isElsewhere } from "../archive/copy.ts";
import type { ImageGraph } from "../archive/graph.ts";
import { namedImages } from "../archive/layout.ts";
import { selectImage } from "../archive/resolve.ts";
import { underLease } from "../content/leased-store.ts";
import type { LeaseManager } from "../content/leases.ts";
import { readBlobBytes } from "../content/read.ts";
import type { ContentProvider, ContentStore } from "../content/store.ts";
import { isSlipwayError } from "../errors.ts";
import { createOrUpdate } from "../exporter/naming.ts";
import type { ImageStore } from "../images/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { parseIndex } from "../oci/image-index.ts";
import { detectDocument } from "../oci/kind.ts";
import { parseManifest } from "../oci/manifest.ts";
import { OCI_TYPES } from "../oci/media-types.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import { countingStore } from "./counting-store.ts";
import type { ImageSource, ImageTarget, SourceImage } from "./transfer.ts";

/** Options of {@link storeSource} and {@link storeTarget}. */
export interface StoreEndpointOptions {
  /** What messages call it, for example `oci:layout`. Default: the image's name. */
  readonly description?: string | undefined;
}

/**
 * An image of any pair of stores: in memory, a layout directory, IndexedDB, R2.
 * @param name in any spelling, a tag, `NAME@DIGEST`, or the digest of a manifest or index that `content` has; not needed if there is
 *   one image only
 * @returns a source whose `resolve` throws `NOT_FOUND`, or `INVALID_ARGUMENT` if it could be several
 */
export function storeSource(
  stores: { readonly content: ContentProvider; readonly images: ImageStore },
  name?: string,
  options: StoreEndpointOptions = {},
): ImageSource {
  return {
    description: options.description ?? name ?? "the only image of the store",
    async resolve({ signal } = {}): Promise<SourceImage> {
      signal?.throwIfAborted();
      const { content } = stores;
      const named = await namedImages(stores.images);
      if (name !== undefined && isDigest(name) && !named.some(({ descriptor }) => descriptor.digest === name)) {
        const descriptor = await storedDocument(content, name, signal);
        if (descriptor !== undefined) return { descriptor, content, names: [] };
      }
      const { descriptor, names } = selectImage(named, name);
      return { descriptor, content, names };
    },
  };
}

/** A manifest or index that no name leads to; undefined if it is not there. */
async function storedDocument(
  content: ContentProvider,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<Descriptor | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readBlobBytes(content, { digest }, { signal });
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND")) return undefined;
    throw error;
  }
  const what = `blob ${digest}`;
  const kind = detectDocument(bytes, what);
  const { mediaType = OCI_TYPES[kind] } = kind === "index" ? parseIndex(bytes, what) : parseManifest(bytes, what);
  return { mediaType, digest, size: bytes.byteLength };
}

/**
 * Any pair of stores as a place to copy to.
 * @param name in any spelling; default: the names that the image has at its source. An image without any is there by its digest
 *   only, for a garbage collection to take it.
 * @returns a target whose `write` throws as {@link copyImage} and the stores do
 * @throws SlipwayError `INVALID_REFERENCE`
 */
export function storeTarget(
  stores: {
    readonly content: ContentStore;
    readonly images: ImageStore;
    /** With them, a garbage collection at the same time takes nothing that the image needs. */
    readonly leases?: LeaseManager | undefined;
  },
  name?: string,
  options: StoreEndpointOptions = {},
): ImageTarget {
  const given = name === undefined ? undefined : formatReference(parseReference(name));
  return {
    description: options.description ?? given ?? "the store",
    async write(image, { signal, onProgress, platforms } = {}) {
      const { content, descriptor } = image;
      return await underLease(stores.leases, stores.content, async (store) => {
        const counted = countingStore(store);
        const graph = await copyImage(content, counted.store, descriptor, { signal, onProgress, platforms });
        const count = await countPresent(store, graph);
        const names = given === undefined ? image.names : [given];
        await nameAll(stores.images, names, descriptor, { signal, onProgress });
        const { moved, movedBytes } = counted.counts();
        return { descriptor, names, blobs: { moved, existing: count - moved }, movedBytes };
      });
    },
  };
}

/** What a store has of an image after it was copied: all but foreign layers that its source did not have either. */
async function countPresent(content: ContentProvider, { documents, layers }: ImageGraph): Promise<number> {
  let count = documents.length;
  for (const layer of layers) if (!isElsewhere(layer) || (await hasBlob(content, layer))) count++;
  return count;
}

async function nameAll(
  images: ImageStore,
  names: readonly string[],
  target: Descriptor,
  { signal, onProgress }: OperationOptions,
): Promise<void> {
  for (const name of names) {
    signal?.throwIfAborted();
    const step = `naming to ${name}`;
    await runStep(onProgress, { id: step, name: step }, () => createOrUpdate(images, { name, target }));
  }
}
