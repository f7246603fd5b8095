import type { ReopenableSource } from "../bytes.ts";
import { addedSources } from "../content/source-label.ts";
import type { ContentInfo, ContentProvider, ContentStore } from "../content/store.ts";
import { writeBlob } from "../content/write.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import { mapConcurrently } from "../exporter/concurrency.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { isIndex, isManifest } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import { matchPlatform } from "../oci/platform-match.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import { type ImageGraph, type ReadGraphOptions, readGraph } from "./graph.ts";

/** Options of {@link copyImage}. */
export interface CopyImageOptions extends OperationOptions {
  /** Of an index: only manifests for one of these platforms, and those that name none. The index itself stays as it is. Default all. */
  readonly platforms?: readonly Platform[] | undefined;
  /** Blobs that are copied at the same time. Default 4. */
  readonly concurrency?: number | undefined;
}

/** How many blobs are copied at the same time, unless the caller says it. */
const CONCURRENCY = 4;

/**
 * Copies an image, or an index with all its images, from one store to another: only what is missing there, each blob verified,
 * and what is named before what names it, so that whatever document the other store has is complete at any moment.
 *
 * Blobs are copied several at a time, each as a step of its own. What was copied of a blob of a registry when it fails is kept, and the next
 * try goes on there. Where the blobs are known to come from is noted with them, so that a push to the same registry need not send them.
 * A foreign layer is copied from a registry, which gets it or refuses; from a store, if that has it.
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
  const { signal, onProgress, platforms, concurrency = CONCURRENCY } = options;
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new SlipwayError("INVALID_ARGUMENT", `Cannot copy ${concurrency} blobs at a time: at least 1 is needed`);
  }
  const name = `copying image ${descriptor.digest}`;
  return await runStep(onProgress, { id: name, name }, async (report) => {
    const documents = from.remote ? nearest(to, from) : from;
    const graph = await readGraph(documents, descriptor, { signal, include: forPlatforms(platforms) });
    if (graph.manifests.length === 0 && graph.excluded.length > 0) {
      throw new SlipwayError("NOT_FOUND", `Cannot copy image ${descriptor.digest}: it is for none of the platforms`);
    }
    const layers: Descriptor[] = [];
    for (const layer of graph.layers) {
      if (!isElsewhere(layer) || from.remote || (await hasBlob(from, layer))) layers.push(layer);
    }
    const isNaming = ({ mediaType }: Descriptor): boolean => isManifest(mediaType) || isIndex(mediaType);
    const leaves = [...layers, ...graph.documents.filter((document) => !isNaming(document))];
    const naming = graph.documents.filter(isNaming).reverse();
    const total = [...leaves, ...naming].reduce((sum, { size }) => sum + size, 0);
    let done = 0;
    const copy = (blob: Descriptor, signalOfAll: AbortSignal | undefined): Promise<void> =>
      copyOne(from, to, blob, name, { signal: signalOfAll, onProgress }, (more) => {
        done += more;
        report.running(done, total);
      });
    await mapConcurrently(leaves, concurrency, signal, copy);
    for (const document of naming) {
      signal?.throwIfAborted();
      await copy(document, signal);
    }
    return graph;
  });
}

/** What `near` has is read there, which spares requests. */
function nearest(near: ContentProvider, far: ContentProvider): ContentProvider {
  return {
    hasher: near.hasher,
    info: (digest, operation) => far.info(digest, operation),
    async *open(digest, range, operation) {
      const has = await near.info(digest, operation).catch((error: unknown) => {
        if (!isSlipwayError(error, "NOT_FOUND")) throw error;
      });
      yield* (has === undefined ? far : near).open(digest, range, operation);
    },
  };
}

/** Copies one blob, if it is not there, as a step. @param advance told of bytes that are done; negative where a blob begins anew */
async function copyOne(
  from: ContentProvider,
  to: ContentStore,
  blob: Descriptor,
  parent: string,
  operation: OperationOptions,
  advance: (bytes: number) => void,
): Promise<void> {
  const { digest, size } = blob;
  const step = { id: `${parent}: ${digest}`, name: `copying ${digest}`, parent };
  await runStep(operation.onProgress, step, async (report) => {
    let current = 0;
    const reach = (position: number): void => {
      advance(position - current);
      current = position;
      report.running(position, size);
    };
    const there = await findBlob(to, blob);
    const sources = addedSources(there?.labels ?? {}, await labelsOf(from, blob, operation));
    if (there !== undefined) {
      if (Object.keys(sources).length > 0) await to.label(digest, sources);
      report.cached();
    } else {
      const source: ReopenableSource = {
        size,
        open: (range) => reaching(from.open(digest, range, operation), range?.offset ?? 0, reach),
      };
      // Bytes of a store are as near as those of an ingest.
      const resumable = from.remote === true;
      await writeBlob(to, source, { digest, size, labels: sources, resumable, signal: operation.signal });
    }
    reach(size);
  });
}

/** What `from` knows of a blob besides its bytes; nothing, if it does not have it. */
async function labelsOf(
  from: ContentProvider,
  { digest }: Descriptor,
  operation: OperationOptions,
): Promise<ContentInfo["labels"]> {
  try {
    return (await from.info(digest, operation)).labels;
  } catch (error) {
    // Whether it is missed is seen when it is read.
    if (isSlipwayError(error, "NOT_FOUND")) return {};
    throw error;
  }
}

async function* reaching(
  chunks: AsyncIterable<Uint8Array>,
  start: number,
  reach: (position: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let position = start;
  for await (const chunk of chunks) {
    yield chunk;
    position += chunk.byteLength;
    reach(position);
  }
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
export async function hasBlob(content: ContentProvider, blob: Descriptor): Promise<boolean> {
  return (await findBlob(content, blob)) !== undefined;
}

async function findBlob(content: ContentProvider, { digest, size }: Descriptor): Promise<ContentInfo | undefined> {
  try {
    const info = await content.info(digest);
    if (info.size === size) return info;
    throw new SlipwayError("SIZE_MISMATCH", `Cannot use blob ${digest}: it has ${info.size} bytes instead of ${size}`);
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND")) return undefined;
    throw error;
  }
}
