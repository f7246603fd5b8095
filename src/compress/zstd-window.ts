/** How much is written before the window is moved to the beginning again. */
const SLACK = 4 * 1024 * 1024;

/**
 * The last bytes of what was decompressed, up to the size of the window. They lie in one piece, in memory that grows with what
 * there is, and are moved only once in some MiB.
 */
export class ZstdWindow {
  readonly #size: number;
  readonly #capacity: number;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #end = 0;

  /** @param size bytes of the window */
  constructor(size: number) {
    this.#size = size;
    this.#capacity = size + Math.min(size, SLACK);
  }

  /** What can be referred to. Valid until the next `append`. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(Math.max(0, this.#end - this.#size), this.#end);
  }

  append(bytes: Uint8Array): void {
    const fitting = bytes.byteLength > this.#size ? bytes.subarray(bytes.byteLength - this.#size) : bytes;
    this.#makeRoom(fitting.byteLength);
    this.#buffer.set(fitting, this.#end);
    this.#end += fitting.byteLength;
  }

  #makeRoom(size: number): void {
    if (this.#end + size <= this.#buffer.byteLength) return;
    const kept = this.bytes;
    if (kept.byteLength + size <= this.#buffer.byteLength && this.#buffer.byteLength === this.#capacity) {
      this.#buffer.set(kept, 0);
    } else {
      const wanted = Math.max(kept.byteLength + size, 2 * this.#buffer.byteLength);
      const larger = new Uint8Array(Math.min(wanted, this.#capacity));
      larger.set(kept, 0);
      this.#buffer = larger;
    }
    this.#end = kept.byteLength;
  }
}
