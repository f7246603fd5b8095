/** Bytes that are gathered until they are stored, in one piece of memory that grows up to `limit`. */
export class Gathered {
  readonly #limit: number;
  #buffer: Uint8Array = new Uint8Array(0);
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** Takes in as many as there is room for. @returns how many */
  take(bytes: Uint8Array): number {
    const count = Math.min(bytes.byteLength, this.#limit - this.#size);
    this.#makeRoom(this.#size + count);
    this.#buffer.set(bytes.subarray(0, count), this.#size);
    this.#size += count;
    return count;
  }

  /** Cuts them to their first `size`. */
  cut(size: number): void {
    this.#size = size;
  }

  /** A view, which the next `take` may change. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  #makeRoom(size: number): void {
    if (this.#buffer.byteLength >= size) return;
    const room = new Uint8Array(Math.min(this.#limit, Math.max(size, this.#buffer.byteLength * 2)));
    room.set(this.view());
    this.#buffer = room;
  }
}
