import { type BlockCache, type CompressPool, decompress, type GzipEngine, gzip } from "../compress/index.ts";
import { readBlob, writeBlob } from "../content/index.ts";
import type { ContentProvider, ContentStore } from "../content/store.ts";
import type { LayerCompression } from "../diff/differ.ts";
import { DIFF_ID_LABEL } from "../diff/index.ts";
import { SlipwayError } from "../errors.ts";
import { hashing, hostHasher, toDigest } from "../hash/index.ts";
import { digestAlgorithm } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import type { BaseLayer } from "./base-image.ts";
import type { RecordedLayer } from "./blob-records.ts";
import { newLayerType } from "./layer-media-types.ts";
import { hasLaterTimes, rewriteTimes } from "./rewrite-times.ts";

/** How a layer is made over. */
export interface LayerConversion {
  /** Has the layer. */
  readonly from: ContentProvider;
  /** Takes the new one. */
  readonly to: ContentStore;
  readonly compression: LayerCompression;
  readonly compressionLevel: number | undefined;
  readonly compressionEngine: GzipEngine | undefined;
  /** Who compresses; undefined: this thread. */
  readonly compressPool: CompressPool | undefined;
  /** Blocks that were compressed before; undefined: none. */
  readonly blockCache?: BlockCache | undefined;
  /** Seconds since 1970: later times inside are set to it. Undefined: the tar stays as it is. */
  readonly epoch: number | undefined;
}

/** Whether something inside of a layer is later than `epoch`, so that it has to be rewritten. */
export async function needsRewrite(
  from: ContentProvider,
  { descriptor }: BaseLayer,
  epoch: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return await hasLaterTimes(decompress(readBlob(from, descriptor, { signal })), epoch);
}

/**
 * Makes a layer anew in one streaming pass: decompressed, checked against its diffID, its times rewritten if asked, compressed.
 * Progress counts bytes of the layer's blob.
 * @throws SlipwayError `DIGEST_MISMATCH` if it is not what its descriptor and diffID say, `INVALID_COMPRESSION`, `INVALID_TAR`;
 *   nothing is written then
 */
export async function convertLayer(
  layer: BaseLayer,
  { from, to, compression, epoch, ...conversion }: LayerConversion,
  operation: OperationOptions,
): Promise<RecordedLayer> {
  const hasher = (to.hasher ?? hostHasher)("sha256");
  const original = verifiedTar(from, layer, operation);
  const tar = hashing(epoch === undefined ? original : rewriteTimes(original, epoch), hasher);
  const { compressionLevel: level, compressionEngine: engine, compressPool: pool, blockCache: cache } = conversion;
  const blob = compression === "gzip" ? gzip(tar, { level, engine, pool, cache, signal: operation.signal }) : tar;
  const { digest, size } = await writeBlob(to, blob, { signal: operation.signal });
  const diffID = toDigest("sha256", hasher.digest());
  await to.label(digest, { [DIFF_ID_LABEL]: diffID });
  return { descriptor: { mediaType: newLayerType(compression), digest, size }, diffID, warnings: [] };
}

/** The uncompressed tar of a layer; its end is reported only if blob and tar have the digests they should have. */
async function* verifiedTar(
  from: ContentProvider,
  { descriptor, diffID }: BaseLayer,
  { signal, onProgress }: OperationOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { digest, size: total } = descriptor;
  async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
    let current = 0;
    for await (const chunk of readBlob(from, descriptor, { signal, onProgress })) {
      current += chunk.byteLength;
      onProgress?.({ id: digest, name: "converting layer", state: "running", current, total });
      yield chunk;
    }
  }
  const algorithm = digestAlgorithm(diffID);
  const hasher = (from.hasher ?? hostHasher)(algorithm);
  yield* hashing(decompress(counted()), hasher);
  const actual = toDigest(algorithm, hasher.digest());
  if (actual === diffID) return;
  throw new SlipwayError(
    "DIGEST_MISMATCH",
    `Cannot convert layer ${digest}: its diffID is ${diffID} in the config, but ${actual} in fact`,
  );
}
