import { invalidZstd } from "./invalid.ts";

/** Reads bits from the end of data to its beginning, as zstd writes them (RFC 8878, section 4.1). */
export class BackwardBits {
  readonly #data: Uint8Array;
  /** Bits that are left. */
  #left: number;

  /** The highest set bit of the last byte only marks the end. */
  constructor(data: Uint8Array) {
    const last = data.at(-1) ?? 0;
    if (last === 0) throw invalidZstd("a block of it is damaged");
    // With room behind it, so that four bytes can be read at each place.
    this.#data = new Uint8Array(data.byteLength + 4);
    this.#data.set(data, 0);
    this.#left = data.byteLength * 8 - 8 + (31 - Math.clz32(last));
  }

  /** Whether all was read, and no more. */
  get ended(): boolean {
    return this.#left === 0;
  }

  /** The next bits as a number, at most 32. @throws SlipwayError `INVALID_COMPRESSION` if there are not so many */
  read(count: number): number {
    if (count > 24) return this.read(count - 16) * 65536 + this.read(16);
    const at = this.#left - count;
    if (at < 0) throw invalidZstd("a block of it is damaged");
    this.#left = at;
    const data = this.#data;
    const byte = at >> 3;
    const word =
      (data[byte] as number) |
      ((data[byte + 1] as number) << 8) |
      ((data[byte + 2] as number) << 16) |
      ((data[byte + 3] as number) << 24);
    return (word >>> (at & 7)) & ((1 << count) - 1);
  }
}
