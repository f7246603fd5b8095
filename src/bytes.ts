import { SlipwayError } from "./errors.ts";

/** Bytes that can be read once. Strings are not bytes: encode them first. */
export type ByteSource = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** Bytes of known size that can be read any number of times, from any place. A `Blob` becomes one with {@link blobSource}. */
export interface ReopenableSource {
  /** Bytes in all. */
  readonly size: number;
  /**
   * Starts reading, by default at the beginning and to the end.
   * @param range `offset` and `length` in bytes, within the size; `reuse` may be passed over
   */
  open(range?: ReadRange): AsyncIterable<Uint8Array>;
  /**
   * All bytes as one array, at once where nothing has to be waited for; else as a promise. For sources that are small: it spares what
   * a stream costs, which for a file of some KiB is more than reading it. Fails as `open` does, by throwing or by rejecting. Absent where
   * `open` is as quick.
   */
  readWhole?(): Uint8Array | Promise<Uint8Array>;
}

/** Up to so many bytes reading a source at one go is worth its memory. */
export const SMALL_SIZE: number = 64 * 1024;

/** A part of a blob, in bytes. */
export interface ByteRange {
  /** First byte, default 0. */
  readonly offset?: number | undefined;
  /** Number of bytes, default all that follow. */
  readonly length?: number | undefined;
}

const isReadableStream = (source: ByteSource): source is ReadableStream<Uint8Array> =>
  typeof (source as ReadableStream<Uint8Array>).getReader === "function";

/** What of a blob is read, and how. */
export interface ReadRange extends ByteRange {
  /**
   * The reader is done with each array when it asks for the next, so that it may be filled again. Default false: each is the reader's
   * own.
   */
  readonly reuse?: boolean | undefined;
}

/**
 * The chunks of any source, one after the other. Not every engine can iterate a `ReadableStream` (WebKit cannot), so this
 * reads it by its reader; leaving the loop early cancels the stream.
 */
export async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  if (source instanceof Uint8Array) {
    if (source.byteLength > 0) yield source;
    return;
  }
  if (!isReadableStream(source)) {
    yield* source;
    return;
  }
  const reader = source.getReader();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        ended = true;
        return;
      }
      yield value;
    }
  } catch (error) {
    ended = true;
    throw error;
  } finally {
    if (!ended) await reader.cancel().catch(() => undefined);
    reader.releaseLock();
  }
}

/** The chunks as a `ReadableStream` that is filled only as it is read; cancelling it ends the source. */
export function toReadableStream(source: ByteSource): ReadableStream<Uint8Array> {
  const chunks = chunksOf(source);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await chunks.return();
      },
    },
    { highWaterMark: 0 },
  );
}

/** How large a part of a {@link toBlob} may become in memory before it is handed to the engine. */
const BLOB_PART = 4 * 1024 * 1024;

/**
 * All bytes as one `Blob`, to be downloaded or stored. They are handed over in parts of some MiB as they come, which browsers may
 * keep on disk: what does not fit into one array can fit into a `Blob`. A source that fails makes it reject with the same error.
 * @param options `type` is the Blob's media type, default none
 */
export async function toBlob(source: ByteSource, options: { readonly type?: string } = {}): Promise<Blob> {
  const parts: Blob[] = [];
  let chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of chunksOf(source)) {
    // A copy: whose chunk it is may use its array again.
    chunks.push(new Uint8Array(chunk));
    size += chunk.byteLength;
    if (size < BLOB_PART) continue;
    parts.push(new Blob(chunks));
    chunks = [];
    size = 0;
  }
  return new Blob([...parts, ...chunks], options);
}

/**
 * The same bytes in chunks of exactly `size` bytes, the last one excepted.
 * @param inTurn how many arrays are filled in turn, so that a chunk is overwritten that many chunks later; default: each is the
 *   reader's own
 */
export async function* rechunk(
  source: ByteSource,
  size: number,
  inTurn = 0,
): AsyncGenerator<Uint8Array, void, undefined> {
  const buffers: Uint8Array<ArrayBuffer>[] = [];
  let buffer = new Uint8Array(size);
  let filled = 0;
  for await (const chunk of chunksOf(source)) {
    let read = 0;
    while (read < chunk.byteLength) {
      const count = Math.min(size - filled, chunk.byteLength - read);
      buffer.set(chunk.subarray(read, read + count), filled);
      read += count;
      filled += count;
      if (filled === size) {
        yield buffer;
        if (inTurn > 0) buffers.push(buffer);
        buffer = (buffers.length >= inTurn ? buffers.shift() : undefined) ?? new Uint8Array(size);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

/** All bytes in one array. */
export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const chunk of chunks) size += chunk.byteLength;
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

/**
 * Reads a source whole, for documents and other small things.
 * @param limit most bytes that are taken in
 * @throws SlipwayError `SIZE_MISMATCH` if the source is longer than `limit`
 */
export async function readAll(source: ByteSource, limit: number, what = "content"): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunksOf(source)) {
    size += chunk.byteLength;
    if (size > limit) {
      throw new SlipwayError("SIZE_MISMATCH", `Cannot read ${what}: it is longer than ${limit} bytes`);
    }
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}

/** Bytes in memory as a source that can be opened again. */
export function bytesSource(bytes: Uint8Array): ReopenableSource {
  return {
    size: bytes.byteLength,
    async *open({ offset = 0, length } = {}) {
      const part = bytes.subarray(offset, length === undefined ? undefined : offset + length);
      if (part.byteLength > 0) yield part;
    },
    readWhole: () => bytes,
  };
}

/** A `Blob` or `File` as a source that can be opened again; its bytes stay where they are until they are read. */
export function blobSource(blob: Blob): ReopenableSource {
  return {
    size: blob.size,
    open: ({ offset = 0, length } = {}) =>
      chunksOf(blob.slice(offset, length === undefined ? blob.size : offset + length).stream()),
    readWhole: async () => new Uint8Array(await blob.arrayBuffer()),
  };
}

/** Whether both hold the same bytes. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Order of two byte strings: byte by byte, the shorter first where one begins the other. Negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.byteLength, b.byteLength);
  for (let i = 0; i < shorter; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.byteLength - b.byteLength;
}
