import { isElsewhere } from "../../archive/copy.ts";
import { type ImageGraph, type ReadGraphOptions, readGraph } from "../../archive/graph.ts";
import { readBlob, readBlobBytes } from "../../content/read.ts";
import { addedSources, sourceLabel, sourceRepositories } from "../../content/source-label.ts";
import type { ContentInfo, ContentProvider, ContentStore } from "../../content/store.ts";
import { isSlipwayError, SlipwayError } from "../../errors.ts";
import { mapConcurrently } from "../../exporter/concurrency.ts";
import type { PushableImage, PushedImage, PushOptions } from "../../exporter/image-pusher.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { isConfig } from "../../oci/media-types.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import { type OperationOptions, runStep } from "../../progress.ts";
import type { Repository, UploadOutcome, UploadSource } from "../repository.ts";

/** How an image is pushed into a repository. */
export interface PushImageOptions extends Omit<PushOptions, "insecure"> {
  /** Blobs that are moved at the same time. Default 4. */
  readonly concurrency?: number | undefined;
  /** Which of the manifests that an index names are pushed. Default all. */
  readonly include?: ReadGraphOptions["include"];
}

const CONCURRENCY = 4;

/**
 * Pushes what a repository lacks of an image: blobs side by side, then manifests, then indexes, each after what it names, the one
 * that is named last. Layers that images only point to (foreign ones) are not pushed, as Docker has it.
 * @param reference with the tag that is set; with a digest, that must be the image's
 */
export async function pushImage(
  repository: Repository,
  image: PushableImage,
  reference: Reference,
  options: PushImageOptions = {},
): Promise<PushedImage> {
  const { digest } = image.descriptor;
  if (reference.digest !== undefined && reference.digest !== digest) {
    throw new SlipwayError(
      "INVALID_REFERENCE",
      `Cannot push ${formatReference(reference)}: the image has digest ${digest}`,
    );
  }
  const { concurrency = CONCURRENCY } = options;
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new SlipwayError("INVALID_ARGUMENT", `Cannot push ${concurrency} blobs at a time: at least 1 is needed`);
  }
  const tag = options.byDigest === true ? undefined : reference.tag;
  const { domain, path } = reference;
  const name = formatReference(tag === undefined ? { domain, path, digest } : { domain, path, tag });
  const step = `pushing ${name}`;
  return await runStep(options.onProgress, { id: step, name: step }, async (report) => {
    const operation: OperationOptions = { signal: options.signal, onProgress: within(step, options) };
    const { signal, include } = options;
    const graph = await readGraph(image.content, image.descriptor, { signal, include });
    if (graph.manifests.length === 0 && graph.excluded.length > 0) {
      throw new SlipwayError("NOT_FOUND", `Cannot push ${name}: the image is for none of the platforms`);
    }
    const blobs = blobsOf(graph);
    const outcomes = await mapConcurrently(blobs, concurrency, signal, (blob, shared) =>
      pushBlob(repository, image.content, reference, blob, { ...operation, signal: shared }),
    );
    const sent = await pushDocuments(repository, image.content, graph, tag, operation);
    const count = (wanted: UploadOutcome): number => outcomes.filter((outcome) => outcome === wanted).length;
    const uploaded = [...blobs.filter((_, at) => outcomes[at] === "uploaded"), ...sent];
    if (uploaded.length === 0 && count("mounted") === 0) report.cached();
    return {
      name,
      descriptor: image.descriptor,
      blobs: { existing: count("existing"), mounted: count("mounted"), uploaded: count("uploaded") },
      uploadedBytes: uploaded.reduce((sum, { size }) => sum + size, 0),
    };
  });
}

/** Steps of parts belong to the step of the whole. */
function within(parent: string, { onProgress }: OperationOptions): OperationOptions["onProgress"] {
  return onProgress && ((event) => onProgress(event.parent === undefined ? { ...event, parent } : event));
}

const blobsOf = (graph: ImageGraph): readonly Descriptor[] => [
  ...graph.layers.filter((layer) => !isElsewhere(layer)),
  ...graph.documents.filter(({ mediaType }) => isConfig(mediaType)),
];

async function pushBlob(
  repository: Repository,
  content: ContentProvider,
  { domain, path }: Reference,
  blob: Descriptor,
  operation: OperationOptions,
): Promise<UploadOutcome> {
  const info = await infoOf(content, blob, operation);
  const mountFrom = info === undefined ? [] : sourceRepositories(info.labels, domain);
  const outcome = await repository.pushBlob(uploadSource(content, blob, operation), { ...operation, mountFrom });
  if (info !== undefined && isStore(content)) {
    const labels = addedSources(info.labels, { [sourceLabel(domain)]: path });
    if (Object.keys(labels).length > 0) await content.label(blob.digest, labels).catch(ignoreMissing);
  }
  return outcome;
}

/** What is known of a blob, if anything is: one that is nowhere else may still be in the repository. */
async function infoOf(
  content: ContentProvider,
  { digest, size }: Descriptor,
  operation: OperationOptions,
): Promise<ContentInfo | undefined> {
  const info = await content.info(digest, operation).catch(ignoreMissing);
  if (info === undefined || info.size === size) return info;
  throw new SlipwayError("SIZE_MISMATCH", `Cannot push blob ${digest}: it has ${info.size} bytes instead of ${size}`);
}

function ignoreMissing(error: unknown): undefined {
  if (!isSlipwayError(error, "NOT_FOUND")) throw error;
}

const isStore = (content: ContentProvider): content is ContentStore => "label" in content;

/** From its beginning a blob is verified while it is read; a rest is left to the registry, which checks the digest. */
function uploadSource(
  content: ContentProvider,
  { digest, size }: Descriptor,
  { signal }: OperationOptions,
): UploadSource {
  return {
    digest,
    size,
    body: {
      size,
      open: (range) =>
        range === undefined ? readBlob(content, { digest, size }, { signal }) : content.open(digest, range, { signal }),
    },
  };
}

/** @returns those that were sent */
async function pushDocuments(
  repository: Repository,
  content: ContentProvider,
  graph: ImageGraph,
  tag: string | undefined,
  operation: OperationOptions,
): Promise<readonly Descriptor[]> {
  const sent: Descriptor[] = [];
  // What is named comes before what names it.
  for (const document of [...graph.documents].reverse()) {
    if (isConfig(document.mediaType)) continue;
    const reference = document === graph.root && tag !== undefined ? tag : document.digest;
    const id = `pushing manifest ${document.digest}`;
    await runStep(operation.onProgress, { id, name: id }, async (report) => {
      if (await isThere(repository, reference, document, operation)) {
        report.cached();
        report.rename(`${id} (exists)`);
        return;
      }
      const bytes = await readBlobBytes(content, document, { signal: operation.signal });
      await repository.pushManifest(bytes, document.mediaType, reference, operation);
      sent.push(document);
    });
  }
  return sent;
}

async function isThere(
  repository: Repository,
  reference: string,
  { digest }: Descriptor,
  operation: OperationOptions,
): Promise<boolean> {
  try {
    return (await repository.resolve(reference, operation)).digest === digest;
  } catch (error) {
    // Whatever else is there is replaced.
    if (isSlipwayError(error) && REPLACED.includes(error.code)) return false;
    throw error;
  }
}

const REPLACED: readonly string[] = [
  "NOT_FOUND",
  "UNSUPPORTED",
  "INVALID_RESPONSE",
  "INVALID_DOCUMENT",
  "AMBIGUOUS_DOCUMENT",
  "DIGEST_MISMATCH",
  "SIZE_MISMATCH",
];
