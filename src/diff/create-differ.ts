import type { SourceBlock } from "../compress/deflate-blocks.ts";
import { freeMemory } from "../compress/free-memory.ts";
import { blockLevel, gzipBlocks } from "../compress/gzip.ts";
import { type BlockCache, type CompressPool, type DeflateLevel, gzip } from "../compress/index.ts";
import type { ContentInfo, ContentStore, ContentWriter } from "../content/store.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { hostHasher, toDigest } from "../hash/index.ts";
import type { Digest } from "../oci/digest.ts";
import { runStep, type StepReporter } from "../progress.ts";
import { randomName } from "../random.ts";
import type { Tree } from "../snapshots/tree.ts";
import { type TarInput, writeTar } from "../tar/index.ts";
import type { Differ, DiffOptions, Layer, LayerCompression } from "./differ.ts";
import { type LayerBlocksOptions, layerBlocks } from "./layer-blocks.ts";
import { type ContentReading, withContents } from "./layer-contents.ts";
import { type LayerEntry, layerEntries } from "./layer-entries.ts";
import { planUnits } from "./layer-units.ts";

/** What a differ works on. */
export interface DifferOptions {
  /** Has the contents of the trees, and takes the layers in. */
  readonly content: ContentStore;
  /** Default: the store's own, or else `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
  /** Who compresses. Default: this thread. It stays open. */
  readonly compressPool?: CompressPool | undefined;
}

/** The label under which containerd, too, notes the diffID of a compressed layer. */
export const DIFF_ID_LABEL = "containerd.io/uncompressed";

const MEDIA_TYPES: Readonly<Record<LayerCompression, string>> = {
  gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  uncompressed: "application/vnd.oci.image.layer.v1.tar",
};

/** Bytes between two reports of progress. */
const REPORT_EVERY = 1024 * 1024;

/**
 * A {@link Differ} that writes its layers to a content store, labelled with their diffID (`containerd.io/uncompressed`).
 *
 * An ingest that an earlier try left under the given `ref` is started over. When a comparison fails or is aborted, its ingest
 * is aborted too. Progress counts bytes of file contents.
 */
export function createDiffer({ content, hasher = content.hasher ?? hostHasher, compressPool }: DifferOptions): Differ {
  return {
    compare: (lower, upper, options = {}) => make((report) => storedSource(lower, upper, report, options), options),
    write: (inputs, options = {}) => make(() => ({ inputs }), options),
  };

  async function make(sourceOf: (report: StepReporter) => LayerSource, options: DiffOptions): Promise<Layer> {
    const compression = options.compression ?? "gzip";
    if (!Object.hasOwn(MEDIA_TYPES, compression)) {
      throw new SlipwayError(
        "INVALID_OPTION",
        `Cannot write a layer with compression ${JSON.stringify(compression)}: known are gzip and uncompressed`,
      );
    }
    options.signal?.throwIfAborted();
    const ref = options.ref ?? `layer-${randomName()}`;
    return await runStep(options.onProgress, { id: ref, name: "creating layer" }, async (report) => {
      const writer = await content.writer({ ref, resumable: options.ref !== undefined, signal: options.signal });
      try {
        return await ingest(sourceOf(report), compression, writer, options);
      } catch (error) {
        await writer.close();
        // The first error is the one to report; an ingest that cannot be aborted now is collected later.
        await content.abort(ref).catch(() => undefined);
        options.signal?.throwIfAborted();
        throw error;
      } finally {
        await writer.close();
      }
    });
  }

  async function ingest(
    source: LayerSource,
    compression: LayerCompression,
    writer: ContentWriter,
    options: DiffOptions,
  ): Promise<Layer> {
    if (writer.status().offset > 0) await writer.truncate(0);
    const diffID = hasher("sha256");
    let uncompressedSize = 0;
    const measure = (bytes: Uint8Array): void => {
      diffID.update(bytes);
      uncompressedSize += bytes.byteLength;
    };
    async function* tar(): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const chunk of writeTar(inputsOf(source))) {
        options.signal?.throwIfAborted();
        measure(chunk);
        yield chunk;
      }
    }
    const { compressionLevel: level, compressionEngine: engine, blockCache: cache, signal } = options;
    if (compression === "gzip") {
      const how = { pool: compressPool, cache, signal };
      const planned = blocksOf(source, options, measure);
      await writeBehind(
        writer,
        planned === undefined
          ? gzip(tar(), { level, engine, ...how })
          : gzipBlocks(planned.blocks, { level: planned.level, ...how }),
      );
    } else {
      // A source may use the array of its chunk again: it has to be written first.
      for await (const chunk of tar()) await writer.write(chunk);
    }
    options.signal?.throwIfAborted();
    const uncompressed = toDigest("sha256", diffID.digest());
    const { digest, size } = await commit(writer, uncompressed);
    return {
      descriptor: { mediaType: MEDIA_TYPES[compression], digest, size },
      diffID: uncompressed,
      uncompressedSize,
    };
  }

  async function commit(writer: ContentWriter, diffID: Digest): Promise<ContentInfo> {
    const digest = writer.digest();
    const labels = { [DIFF_ID_LABEL]: diffID };
    try {
      return await writer.commit({ digest, labels });
    } catch (error) {
      if (!isSlipwayError(error, "ALREADY_EXISTS")) throw error;
      return await content.label(digest, labels);
    }
  }

  /** The blocks of the layer, if there are any and a cache may know them by what they are made of. */
  function blocksOf(
    source: LayerSource,
    { blockCache, compressionLevel, compressionEngine }: DiffOptions,
    measure: (tar: Uint8Array) => void,
  ): { readonly blocks: AsyncIterable<SourceBlock>; readonly level: DeflateLevel } | undefined {
    const level = blockLevel(compressionLevel, compressionEngine);
    if (!("entries" in source) || level === undefined || !knowsRecipes(blockCache)) return undefined;
    const { entries, reading } = source;
    const blocks = layerBlocks(planUnits(entries(), hasher), { cache: blockCache, level, reading, measure });
    return { blocks, level };
  }

  function storedSource(lower: Tree | undefined, upper: Tree, report: StepReporter, options: DiffOptions): LayerSource {
    // The first walk refuses what a layer cannot hold. A second one costs less than keeping the headers of the first.
    let total = 0;
    for (const entry of layerEntries(lower, upper, { ...options, onWarning: undefined })) total += entry.header.size;
    const entries = (): Iterable<LayerEntry> => layerEntries(lower, upper, options);
    let current = 0;
    let reported = 0;
    const advance = (bytes: number): void => {
      current += bytes;
      if (current - reported < REPORT_EVERY && current < total) return;
      reported = current;
      report.running(current, total);
    };
    return { entries, reading: { content, hasher, advance, signal: options.signal } };
  }
}

/** What a layer is made of: entries whose files are in the store, or come with them. */
type LayerSource =
  | { readonly entries: () => Iterable<LayerEntry>; readonly reading: ContentReading }
  | { readonly inputs: AsyncIterable<TarInput> };

function inputsOf(source: LayerSource): Iterable<TarInput> | AsyncIterable<TarInput> {
  return "inputs" in source ? source.inputs : withContents(source.entries(), source.reading);
}

type RecipeCache = LayerBlocksOptions["cache"];

const knowsRecipes = (cache: BlockCache | undefined): cache is RecipeCache => cache?.recipeKey !== undefined;

/**
 * Writes chunks that are this writer's own, each while the next one is made. What is written is not left to be collected: with half a
 * MiB for each block this thread would keep tens of MiB of it.
 */
async function writeBehind(writer: ContentWriter, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let written: Promise<void> = Promise.resolve();
  try {
    for await (const chunk of chunks) {
      await written;
      written = writer.write(chunk).then(() => giveBack(chunk));
      // It is waited for below, perhaps long after it has failed.
      written.catch(() => undefined);
    }
    await written;
  } finally {
    // When making the next one failed, the writer must not be closed under it; that failure is the one to report.
    await written.catch(() => undefined);
  }
}

/** From so many bytes on, memory is worth being given back by itself. */
const WORTH_FREEING = 64 * 1024;

function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= WORTH_FREEING && buffer instanceof ArrayBuffer && buffer.byteLength === byteLength)
    freeMemory(buffer);
}
