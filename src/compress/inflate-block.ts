import { concatBytes } from "../bytes.ts";
import { builtinModule } from "../host.ts";
import type { DeflatedBlock } from "./compress-pool.ts";
import { crc32 } from "./crc32.ts";
import { Inflater } from "./inflate.ts";
import { invalidGzip } from "./invalid.ts";

/** What of `node:zlib` is needed. */
interface Zlib {
  inflateRaw(data: Uint8Array, options: object, done: (error: unknown, bytes: Uint8Array) => void): void;
  readonly constants: { readonly Z_SYNC_FLUSH: number };
}

/** What has to follow the data of a block to make it a stream of its own: a final block of nothing (RFC 1951, section 3.2.6). */
const END = Uint8Array.of(3, 0);

/**
 * The bytes that were deflated to a block: by the host's own engine where it has one, which works beside this thread.
 * @returns an array whose memory is the caller's
 * @throws SlipwayError `INVALID_COMPRESSION` if it is no such data, or of another size or CRC-32
 */
export async function inflateBlock({ data, size, crc32: expected }: DeflatedBlock): Promise<Uint8Array> {
  const bytes = (await byZlib(data, size)) ?? (await byStream(data)) ?? byInflater(data);
  if (bytes.byteLength !== size) throw invalidGzip(`a block of it has ${bytes.byteLength} bytes instead of ${size}`);
  // Whoever unpacks the layer checks it by this sum: its diffID must be of the same bytes.
  if (crc32(bytes) !== expected) throw invalidGzip("a block of it inflates to other bytes than it was made of");
  return bytes;
}

/** Undefined where there is none. Bundlers put stand-ins in its place. */
async function byZlib(data: Uint8Array, size: number): Promise<Uint8Array | undefined> {
  const { inflateRaw, constants } = (builtinModule("node:zlib") ?? {}) as Partial<Zlib>;
  const finishFlush = constants?.Z_SYNC_FLUSH;
  if (inflateRaw === undefined || finishFlush === undefined) return undefined;
  return await new Promise((resolve, reject) => {
    // With a byte to spare it learns that there is no more without more memory.
    inflateRaw(data, { finishFlush, chunkSize: size + 64, maxOutputLength: size + 64 }, (error, bytes) => {
      if (error) reject(invalidGzip(`a block of it cannot be inflated: ${String(error)}`));
      else resolve(bytes);
    });
  });
}

/** Undefined where there is none. */
async function byStream(data: Uint8Array): Promise<Uint8Array | undefined> {
  if (typeof DecompressionStream !== "function") return undefined;
  let stream: ReadableStream<Uint8Array>;
  try {
    stream = new Blob([new Uint8Array(data), END]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  } catch {
    // An engine that knows gzip only.
    return undefined;
  }
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (error) {
    throw invalidGzip(`a block of it cannot be inflated: ${String(error)}`);
  }
}

function byInflater(data: Uint8Array): Uint8Array {
  return concatBytes([...new Inflater().push(concatBytes([data, END]))]);
}
