import { type ByteSource, chunksOf } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import { BLOCK_SIZE, paddingOf } from "./block.ts";
import { headerSize, paxOf, writeHeader } from "./encode-header.ts";
import type { TarHeader } from "./entry.ts";

/** An entry to be written. */
export interface TarInput {
  /** Written as `encodeHeader` does; its `size` must be that of the content. */
  readonly header: TarHeader;
  /** Exactly `header.size` bytes. May be left out if that is 0. */
  readonly content?: ByteSource | undefined;
}

/** Bytes of the zero blocks at the end. */
export const END_SIZE: number = 2 * BLOCK_SIZE;
/** Headers, padding and contents are gathered to chunks of so many bytes: what each chunk costs downstream must not count. */
const BATCH_SIZE = 256 * 1024;
/** Chunks of contents from this size on are passed on as they are, without a copy. */
const PASS_ON_SIZE = 64 * 1024;

/**
 * Writes a tar: the headers as `encodeHeader` makes them, each content padded to whole blocks, and two zero blocks at the end,
 * without padding to 10 KiB. The bytes depend only on the entries, the chunks also on how the contents come. Contents that are
 * arrays are the quickest: nothing is waited for.
 * @throws SlipwayError `SIZE_MISMATCH` naming the entry if its content is longer or shorter than its size; `INVALID_PATH` and
 *   `INVALID_ARGUMENT` as `encodeHeader` does
 */
export function writeTar(
  entries: Iterable<TarInput> | AsyncIterable<TarInput>,
): AsyncGenerator<Uint8Array, void, undefined> {
  return writeEntries(entries, true);
}

/** A part of a tar, as {@link writeTar} writes it; `last`: the two zero blocks come after it. */
export async function* writeEntries(
  entries: Iterable<TarInput> | AsyncIterable<TarInput>,
  last: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  const batch = new Batch();
  for await (const { header, content } of entries) {
    const pax = paxOf(header);
    const size = headerSize(pax);
    if (!batch.hasRoom(size)) yield* batch.take();
    // Reserving may bring a new array, so it comes before the array is looked at.
    const at = batch.reserve(size);
    writeHeader(header, pax, batch.bytes, at);
    let left = header.size;
    if (content instanceof Uint8Array && content.byteLength < PASS_ON_SIZE) {
      left = remaining(left, content, header);
      if (!batch.hasRoom(content.byteLength)) yield* batch.take();
      batch.append(content);
    } else if (content !== undefined) {
      for await (const chunk of chunksOf(content)) {
        left = remaining(left, chunk, header);
        if (chunk.byteLength >= PASS_ON_SIZE) {
          yield* batch.take();
          yield chunk;
        } else {
          if (!batch.hasRoom(chunk.byteLength)) yield* batch.take();
          batch.append(chunk);
        }
      }
    }
    if (left > 0) throw wrongSize(header, `${left} bytes less`);
    const padding = paddingOf(header.size);
    if (!batch.hasRoom(padding)) yield* batch.take();
    batch.reserve(padding);
  }
  if (last) {
    if (!batch.hasRoom(END_SIZE)) yield* batch.take();
    batch.reserve(END_SIZE);
  }
  yield* batch.take();
}

/** What of a content is still to come after this chunk. */
function remaining(left: number, chunk: Uint8Array, header: TarHeader): number {
  if (chunk.byteLength > left) throw wrongSize(header, "more");
  return left - chunk.byteLength;
}

/** Gathers bytes. What was taken is never written to again. */
class Batch {
  /** Zero wherever nothing was reserved yet. */
  bytes: Uint8Array = new Uint8Array(BATCH_SIZE);
  #start = 0;
  #end = 0;

  hasRoom(size: number): boolean {
    return this.#end + size <= this.bytes.byteLength;
  }

  /** Where the next `size` bytes are; {@link hasRoom} or {@link take} came before. */
  reserve(size: number): number {
    if (!this.hasRoom(size)) {
      this.bytes = new Uint8Array(Math.max(size, BATCH_SIZE));
      this.#start = 0;
      this.#end = 0;
    }
    const at = this.#end;
    this.#end += size;
    return at;
  }

  /** {@link hasRoom} or {@link take} came before, as for {@link reserve}. */
  append(chunk: Uint8Array): void {
    const at = this.reserve(chunk.byteLength);
    this.bytes.set(chunk, at);
  }

  /** What was gathered, if anything. */
  take(): readonly Uint8Array[] {
    if (this.#end === this.#start) return [];
    const taken = this.bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return [taken];
  }
}

function wrongSize({ name, size }: TarHeader, difference: string): SlipwayError {
  return new SlipwayError(
    "SIZE_MISMATCH",
    `Cannot write ${JSON.stringify(name)} to the tar: its content has ${difference} than the ${size} bytes of its header`,
  );
}
