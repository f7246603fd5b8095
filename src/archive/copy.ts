import type { ContentProvider, ContentStore } from "../content/store.ts";
import { copyBlob } from "../content/write.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { isIndex } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import { matchPlatform } from "../oci/platform-match.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import { type ImageGraph, type ReadGraphOptions, readGraph } from "./graph.ts";

/** Options of {@link copyImage}. */
export interface CopyImageOptions extends OperationOptions {
  /** Of an index: only manifests for one of these platforms, and those that name none. The index itself stays as it is. Default all. */
  readonly platforms?: readonly Platform[] | undefined;
}

/**
 * Copies an image, or an index with all its images, from one store to another: only what is missing there, each blob verified,
 * and what is named before what names it, so that whatever document the other store has is complete at any moment.
 * @returns what the image consists of
 * @throws SlipwayError `NOT_FOUND` for a blob that `from` lacks or a platform that the index does not have, and as
 *   {@link readGraph}; what the stores throw. Blobs that were copied before an error stay, for a later try and garbage collection.
 */
export async function copyImage(
  from: ContentProvider,
  to: ContentStore,
  descriptor: Descriptor,
  options: CopyImageOptions = {},
): Promise<ImageGraph> {
  const { signal, onProgress, platforms } = options;
  const name = `copying image ${descriptor.digest}`;
  return await runStep(onProgress, { id: name, name }, async (report) => {
    const graph = await readGraph(from, descriptor, { signal, include: forPlatforms(platforms) });
    if (graph.manifests.length === 0 && graph.excluded.length > 0) {
      throw new SlipwayError("NOT_FOUND", `Cannot copy image ${descriptor.digest}: it is for none of the platforms`);
    }
    const blobs = [...graph.documents, ...graph.layers.filter((blob) => !isElsewhere(blob))].reverse();
    const total = blobs.reduce((sum, { size }) => sum + size, 0);
    let done = 0;
    for (const blob of blobs) {
      signal?.throwIfAborted();
      if (!(await hasBlob(to, blob))) await copyBlob(from, to, blob, { signal });
      done += blob.size;
      report.running(done, total);
    }
    return graph;
  });
}

/** Nested indexes are looked into; of the manifests only those that some platform can run, attestations and the like not. */
export function forPlatforms(platforms: readonly Platform[] | undefined): ReadGraphOptions["include"] {
  if (platforms === undefined) return undefined;
  return ({ mediaType, platform }) =>
    isIndex(mediaType) ||
    platform === undefined ||
    platforms.some((wanted) => matchPlatform(wanted, platform, { strict: true }) !== undefined);
}

/** Whether a layer is one that images name, but do not carry: Windows base layers come from elsewhere. */
export function isElsewhere({ mediaType, urls }: Descriptor): boolean {
  return /\.nondistributable\.|\.foreign\./.test(mediaType) && urls !== undefined && urls.length > 0;
}

/** Whether the store has the blob, in the size that the descriptor says. @throws SlipwayError `SIZE_MISMATCH` */
export async function hasBlob(content: ContentProvider, { digest, size }: Descriptor): Promise<boolean> {
  try {
    const info = await content.info(digest);
    if (info.size === size) return true;
    throw new SlipwayError("SIZE_MISMATCH", `Cannot use blob ${digest}: it has ${info.size} bytes instead of ${size}`);
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND")) return false;
    throw error;
  }
}
