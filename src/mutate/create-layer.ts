import { type ByteSource, chunksOf, concatBytes } from "../bytes.ts";
import { type CompressPool, decompress, detectCompression, type GzipEngine, gzip } from "../compress/index.ts";
import type { ContentInfo, ContentStore, ContentWriter } from "../content/store.ts";
import { DIFF_ID_LABEL } from "../diff/create-differ.ts";
import type { Layer, LayerCompression } from "../diff/differ.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { hostHasher, toDigest } from "../hash/index.ts";
import type { Digest } from "../oci/digest.ts";
import { OCI_TYPES } from "../oci/media-types.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import { randomName } from "../random.ts";
import { decodeHeader, isZeroBlock } from "../tar/decode-header.ts";

/** Options of {@link createLayer}. */
export interface CreateLayerOptions extends OperationOptions {
  /** Takes the layer. */
  readonly content: ContentStore;
  /** Default: a tar that is compressed stays as it is, any other is compressed with gzip. */
  readonly compression?: LayerCompression | undefined;
  /** gzip 0 … 9, default 6. */
  readonly compressionLevel?: number | undefined;
  /** Who makes the gzip, default `slipway`. Another engine gives other bytes. */
  readonly compressionEngine?: GzipEngine | undefined;
  /** Who compresses. Default: this thread. It stays open. */
  readonly compressPool?: CompressPool | undefined;
  /** Default: the store's own, or else `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
}

const MEDIA_TYPES: ReadonlyMap<string, string> = new Map([
  ["uncompressed", OCI_TYPES.layer],
  ["gzip", OCI_TYPES.layerGzip],
  ["zstd", OCI_TYPES.layerZstd],
]);

const BLOCK_SIZE = 512;

/**
 * Makes a layer of a tar as it is, entry for entry, and puts it into a store: for `mutateImage` to append. The tar is read once, and
 * may be compressed.
 * @throws SlipwayError `INVALID_TAR` if it does not begin as a tar does, `INVALID_COMPRESSION`, `UNSUPPORTED` for a compression that is
 *   not known; what source and store throw. Nothing of it stays in the store then.
 */
export async function createLayer(tar: ByteSource, options: CreateLayerOptions): Promise<Layer> {
  const { content, signal, onProgress } = options;
  signal?.throwIfAborted();
  const ref = `layer-${randomName()}`;
  return await runStep(onProgress, { id: ref, name: "creating layer" }, async (report) => {
    const writer = await content.writer({ ref, resumable: false, signal });
    try {
      return await ingest(tar, writer, options, (size) => report.running(size));
    } catch (error) {
      await writer.close();
      // The first error is the one to report; an ingest that cannot be aborted now is collected later.
      await content.abort(ref).catch(() => undefined);
      signal?.throwIfAborted();
      throw error;
    } finally {
      await writer.close();
    }
  });
}

async function ingest(
  tar: ByteSource,
  writer: ContentWriter,
  options: CreateLayerOptions,
  onSize: (size: number) => void,
): Promise<Layer> {
  const { content, signal, hasher = content.hasher ?? hostHasher } = options;
  const chunks = chunksOf(tar);
  try {
    const first = await beginning(chunks);
    const found = detectCompression(first);
    const mediaType = MEDIA_TYPES.get(found);
    if (mediaType === undefined) {
      const reason = `it is compressed with ${found}, which no layer is; recompress it with gzip`;
      throw new SlipwayError("UNSUPPORTED", `Cannot make a layer of the tar: ${reason}`);
    }
    const wanted = options.compression ?? (found === "uncompressed" ? "gzip" : found);
    const whole = chain(first, chunks, signal);
    const diffID = hasher("sha256");
    let size = 0;
    async function* measured(plain: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const chunk of checked(plain)) {
        diffID.update(chunk);
        size += chunk.byteLength;
        onSize(size);
        yield chunk;
      }
    }
    if (found === wanted) {
      // The bytes as they came are the blob, and what is in them is looked at as they pass.
      const passing = written(whole, writer);
      for await (const _ of measured(found === "uncompressed" ? passing : decompress(passing)));
    } else {
      const plain = measured(decompress(whole));
      const { compressionLevel: level, compressionEngine: engine, compressPool: pool } = options;
      const blob = wanted === "gzip" ? gzip(plain, { level, engine, pool, signal }) : plain;
      for await (const _ of written(blob, writer));
    }
    signal?.throwIfAborted();
    const uncompressed = toDigest("sha256", diffID.digest());
    const blob = await commit(content, writer, uncompressed);
    const type = MEDIA_TYPES.get(wanted) ?? mediaType;
    return {
      descriptor: { mediaType: type, digest: blob.digest, size: blob.size },
      diffID: uncompressed,
      uncompressedSize: size,
    };
  } finally {
    await chunks.return();
  }
}

/** Enough to know a compression by. */
async function beginning(chunks: AsyncIterator<Uint8Array, void, undefined>): Promise<Uint8Array> {
  const first: Uint8Array[] = [];
  for (let size = 0; size < BLOCK_SIZE; ) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    first.push(value);
    size += value.byteLength;
  }
  return concatBytes(first);
}

async function* chain(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first;
  for await (const chunk of rest) {
    signal?.throwIfAborted();
    yield chunk;
  }
}

async function* written(
  chunks: AsyncIterable<Uint8Array>,
  writer: ContentWriter,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    await writer.write(chunk);
    yield chunk;
  }
}

/** The same chunks, the first of which must be a tar's: a file of another kind would be an image that cannot be run. */
async function* checked(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const refuse = (reason: string): SlipwayError =>
    new SlipwayError("INVALID_TAR", `Cannot make a layer: it is no tar, ${reason}`);
  const head = new Uint8Array(BLOCK_SIZE);
  let filled = 0;
  for await (const chunk of chunks) {
    if (filled < BLOCK_SIZE) {
      const part = chunk.subarray(0, BLOCK_SIZE - filled);
      head.set(part, filled);
      filled += part.byteLength;
      if (filled === BLOCK_SIZE && !isZeroBlock(head)) decodeHeader(head, refuse);
    }
    yield chunk;
  }
  if (filled < BLOCK_SIZE) throw refuse("as it is shorter than a header");
}

async function commit(content: ContentStore, writer: ContentWriter, diffID: Digest): Promise<ContentInfo> {
  const digest = writer.digest();
  const labels = { [DIFF_ID_LABEL]: diffID };
  try {
    return await writer.commit({ digest, labels });
  } catch (error) {
    if (!isSlipwayError(error, "ALREADY_EXISTS")) throw error;
    return await content.label(digest, labels);
  }
}
