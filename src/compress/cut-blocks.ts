import { type ByteSource, chunksOf } from "../bytes.ts";
import { BLOCK_SIZE as HEADER_SIZE } from "../tar/block.ts";
import { glanceAtHeader, hashOfName, hasMoreSparse, sizeOfPax } from "./entry-glance.ts";

/** Bytes that a block of small files has on average. */
export const TARGET_SIZE: number = 1024 * 1024;
/** A block of small files is not ended before it has so many bytes. */
export const SMALLEST_SIZE: number = 256 * 1024;
/** Contents of a large file are cut into pieces of so many bytes, counted from their beginning. */
export const PIECE_SIZE: number = 1024 * 1024;
/** A file from this size on is large. The last piece is smaller than this. */
export const LARGE_SIZE: number = PIECE_SIZE + PIECE_SIZE / 2;
/** No block is larger than this. */
export const LARGEST_SIZE: number = 2 * 1024 * 1024;

/**
 * Cuts a tar into blocks, at places that depend on its bytes alone, not on the chunks it comes in, and only on what is near: a file
 * that changes, comes or goes leaves the blocks before and after it as they were.
 *
 * - Between entries, where a hash of the next one's name falls below the share that the entry before it has of {@link TARGET_SIZE}:
 *   so blocks have that size on average, however large the entries are.
 * - Before a large file, and inside of it after each {@link PIECE_SIZE} bytes of contents.
 * - Where a block would grow beyond {@link LARGEST_SIZE}.
 *
 * What is no tar, or cannot be followed, is cut after each {@link PIECE_SIZE} bytes. Each block is an array of its own, never empty.
 */
export async function* cutBlocks(source: ByteSource): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const cutter = new BlockCutter();
  for await (const chunk of chunksOf(source)) {
    for (let read = 0; read < chunk.byteLength; ) {
      read += cutter.take(chunk, read);
      const block = cutter.cut();
      if (block !== undefined) yield block;
    }
  }
  for (let rest = cutter.rest(); rest.byteLength > 0; rest = cutter.rest()) yield rest;
}

/** What is known to be at a place of the tar when all bytes before it have come. */
type Place = "end of header" | "end of pax" | "end of long name" | "end of sparse map" | "end of piece" | "anywhere";

/** Gathers bytes up to the next place where there is something to decide. All places are offsets into the buffer. */
class BlockCutter {
  readonly #buffer = new Uint8Array(LARGEST_SIZE + HEADER_SIZE);
  #size = 0;
  #place: Place = "end of header";
  /** Where the place is. It may be beyond the buffer. */
  #placeAt = HEADER_SIZE;
  /** Where the current entry begins, with the headers that belong to it; negative if that is in an earlier block. */
  #entryAt = 0;
  /** Bytes of the entry before the current one. */
  #entryBefore = 0;
  /** Where the body of a PAX header begins. */
  #paxAt = 0;
  /** What a PAX header says of the size of the entry that follows. */
  #paxSize: number | undefined;
  /** Bytes of contents to come after the next place. */
  #contents = 0;

  /** Takes bytes of `chunk` from `at` on, no further than to where something is decided, and tells how many. */
  take(chunk: Uint8Array, at: number): number {
    const count = Math.min(chunk.byteLength - at, this.#limit() - this.#size);
    this.#buffer.set(count === chunk.byteLength ? chunk : chunk.subarray(at, at + count), this.#size);
    this.#size += count;
    return count;
  }

  /** A block, if one ends at or before what was taken. */
  cut(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#size < this.#limit()) return undefined;
    let end = this.#size === this.#placeAt ? this.#decide() : 0;
    if (end === 0 && this.#size >= LARGEST_SIZE) end = this.#endOfLargest();
    return end > 0 ? this.#remove(end) : undefined;
  }

  /** What is left when no more comes; empty if nothing is. */
  rest(): Uint8Array<ArrayBuffer> {
    return this.#remove(Math.min(this.#size, LARGEST_SIZE));
  }

  /** Where something is decided: at the next place, or where a block becomes too large. A header is not taken apart by that. */
  #limit(): number {
    const wholeHeader = this.#place === "end of header" || this.#place === "end of sparse map";
    const largest = wholeHeader ? LARGEST_SIZE + HEADER_SIZE - 1 : LARGEST_SIZE;
    return this.#placeAt <= largest ? this.#placeAt : LARGEST_SIZE;
  }

  /** Where a block ends that has become too large: before the current entry, or in its midst if it is all of the block. */
  #endOfLargest(): number {
    if (this.#entryAt > 0 && this.#entryAt < this.#size) return this.#entryAt;
    return this.#size > LARGEST_SIZE ? this.#size - HEADER_SIZE : this.#size;
  }

  #remove(end: number): Uint8Array<ArrayBuffer> {
    const block = this.#buffer.slice(0, end);
    this.#buffer.copyWithin(0, end, this.#size);
    this.#size -= end;
    this.#placeAt -= end;
    this.#entryAt -= end;
    this.#paxAt -= end;
    return block;
  }

  /** Decides what is to be decided at this place, and sets the next one. Returns where a block ends, 0 if none does. */
  #decide(): number {
    switch (this.#place) {
      case "end of header":
        return this.#decideOnHeader();
      case "end of pax":
        if (this.#paxAt >= 0)
          this.#paxSize = sizeOfPax(this.#buffer.subarray(this.#paxAt, this.#size)) ?? this.#paxSize;
        this.#expectHeader();
        return 0;
      case "end of long name":
        this.#expectHeader();
        return 0;
      case "end of sparse map":
        if (hasMoreSparse(this.#buffer, this.#size - HEADER_SIZE)) this.#placeAt += HEADER_SIZE;
        else this.#expectContents();
        return 0;
      case "end of piece":
        this.#expectContents();
        return this.#size;
      case "anywhere":
        this.#placeAt += PIECE_SIZE;
        return this.#size;
    }
  }

  #decideOnHeader(): number {
    const headerAt = this.#size - HEADER_SIZE;
    const glance = glanceAtHeader(this.#buffer, headerAt);
    if (glance === undefined) {
      // The end of the archive, or nothing that can be followed.
      this.#place = "anywhere";
      this.#placeAt += PIECE_SIZE;
      return 0;
    }
    if (glance.kind !== "entry") {
      this.#paxAt = this.#size;
      this.#place = glance.kind === "pax" ? "end of pax" : "end of long name";
      this.#placeAt += glance.size;
      // A header of nothing: the next place is here.
      return glance.size === 0 ? this.#decide() : 0;
    }
    this.#contents = this.#paxSize ?? glance.size;
    this.#paxSize = undefined;
    const end = this.#endsBeforeEntry(hashOfName(this.#buffer, headerAt)) ? this.#entryAt : 0;
    this.#entryBefore = this.#size - this.#entryAt + this.#contents;
    if (glance.moreSparse) {
      this.#place = "end of sparse map";
      this.#placeAt += HEADER_SIZE;
    } else {
      this.#expectContents();
    }
    return end;
  }

  #endsBeforeEntry(hash: number): boolean {
    const blockSize = this.#entryAt;
    if (blockSize <= 0) return false;
    if (this.#contents >= LARGE_SIZE) return true;
    if (this.#size + this.#contents > LARGEST_SIZE) return true;
    return blockSize >= SMALLEST_SIZE && hash < (this.#entryBefore / TARGET_SIZE) * 2 ** 32;
  }

  /** The next place is at the end of a piece, or at that of the header after the contents. */
  #expectContents(): void {
    if (this.#contents >= LARGE_SIZE) {
      this.#place = "end of piece";
      this.#placeAt += PIECE_SIZE;
      this.#contents -= PIECE_SIZE;
      return;
    }
    this.#placeAt += this.#contents;
    this.#entryAt = this.#placeAt;
    this.#contents = 0;
    this.#expectHeader();
  }

  #expectHeader(): void {
    this.#place = "end of header";
    this.#placeAt += HEADER_SIZE;
  }
}
