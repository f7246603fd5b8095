import { invalidZstd } from "./invalid.ts";

/** Most bytes that a block may have, compressed or not (RFC 8878, section 3.1.1.2.4). */
export const BLOCK_LIMIT: number = 128 * 1024;

/** How much is written before the window is moved to the beginning again. */
const SLACK = 4 * 1024 * 1024;

/** What is copied byte by byte: calls cost more than that. */
const SHORT = 32;

/**
 * The last bytes of what was decompressed, up to the size of the window, and the block that is being written. They lie in one
 * piece, in memory that grows with what there is, and are moved only once in some MiB.
 */
export class ZstdWindow {
  readonly #size: number;
  readonly #capacity: number;
  readonly #blockLimit: number;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** Where the oldest byte is that can be referred to, */
  #oldest = 0;
  /** where the block begins, */
  #block = 0;
  /** where it goes on, */
  #end = 0;
  /** and where it must have ended. */
  #limit = 0;

  /** @param size bytes of the window */
  constructor(size: number) {
    this.#size = size;
    this.#capacity = size + Math.min(size, SLACK);
    this.#blockLimit = Math.min(size, BLOCK_LIMIT);
  }

  /** Begins a block. */
  begin(): void {
    this.#oldest = Math.max(this.#oldest, this.#end - this.#size);
    if (this.#end + this.#blockLimit > this.#buffer.byteLength) this.#makeRoom();
    this.#block = this.#end;
    this.#limit = this.#end + this.#blockLimit;
  }

  /** Ends the block. @returns its bytes, which are the caller's */
  take(): Uint8Array {
    return this.#buffer.slice(this.#block, this.#end);
  }

  /** Appends a part of other bytes. */
  append(bytes: Uint8Array, from: number, count: number): void {
    const buffer = this.#buffer;
    const to = this.#end;
    this.#advance(count);
    if (count <= SHORT) for (let i = 0; i < count; i++) buffer[to + i] = bytes[from + i] as number;
    else buffer.set(bytes.subarray(from, from + count), to);
  }

  /** Appends one byte again and again. */
  repeat(byte: number, count: number): void {
    const to = this.#end;
    this.#advance(count);
    this.#buffer.fill(byte, to, to + count);
  }

  /** Appends what is so far back; what it appends itself counts, too. */
  copy(distance: number, count: number): void {
    const buffer = this.#buffer;
    const to = this.#end;
    const from = to - distance;
    if (distance === 0 || from < this.#oldest || distance > this.#size) {
      throw invalidZstd(`a match in it reaches back ${distance} bytes, further than there is anything`);
    }
    this.#advance(count);
    if (count <= SHORT) for (let i = 0; i < count; i++) buffer[to + i] = buffer[from + i] as number;
    else {
      // What is there already is copied whole, and so becomes longer each time.
      for (let copied = 0; copied < count; ) {
        const part = Math.min(distance + copied, count - copied);
        buffer.copyWithin(to + copied, from, from + part);
        copied += part;
      }
    }
  }

  #advance(count: number): void {
    this.#end += count;
    if (this.#end > this.#limit) throw invalidZstd(`a block of it has more than ${this.#blockLimit} bytes`);
  }

  #makeRoom(): void {
    const kept = this.#buffer.subarray(this.#oldest, this.#end);
    const { byteLength } = this.#buffer;
    if (byteLength === this.#capacity) {
      this.#buffer.copyWithin(0, this.#oldest, this.#end);
    } else {
      const needed = kept.byteLength + this.#blockLimit;
      this.#buffer = new Uint8Array(Math.min(Math.max(needed, 2 * byteLength), this.#capacity));
      this.#buffer.set(kept);
    }
    this.#oldest = 0;
    this.#end = kept.byteLength;
  }
}
