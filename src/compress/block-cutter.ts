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

/** What is known to be at a place of the tar when all bytes before it have come. */
type Place = "end of header" | "end of pax" | "end of long name" | "end of sparse map" | "end of piece" | "anywhere";

/**
 * Gathers bytes up to the next place where there is something to decide. All places are offsets into the buffer. Nothing is decided by
 * contents: who only wants to know where blocks end need not have them.
 */
export class BlockCutter {
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

  /** As {@link take} for `count` bytes of a file's contents or padding which are not at hand: they are anything in blocks that are removed. */
  pass(count: number): number {
    const passed = Math.min(count, this.#limit() - this.#size);
    this.#size += passed;
    return passed;
  }

  /** Where a block ends, at or before what was taken; 0 if none does. It has to be removed before more is taken. */
  end(): number {
    if (this.#size < this.#limit()) return 0;
    const end = this.#size === this.#placeAt ? this.#decide() : 0;
    return end === 0 && this.#size >= LARGEST_SIZE ? this.#endOfLargest() : end;
  }

  /** Where the next block ends when no more comes; 0 if nothing is left. */
  lastEnd(): number {
    return Math.min(this.#size, LARGEST_SIZE);
  }

  /** Removes a block. */
  remove(end: number): Uint8Array<ArrayBuffer> {
    const block = this.#buffer.slice(0, end);
    this.drop(end);
    return block;
  }

  /** Removes a block that nobody wants. */
  drop(end: number): void {
    this.#buffer.copyWithin(0, end, this.#size);
    this.#size -= end;
    this.#placeAt -= end;
    this.#entryAt -= end;
    this.#paxAt -= end;
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
