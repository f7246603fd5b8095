import { type ByteSource, chunksOf } from "../bytes.ts";
import { invalidZstd } from "./invalid.ts";

const NOTHING = new Uint8Array(0);

/** Reads a source of zstd data by what its frames consist of, however it is cut into chunks. */
export class ZstdInput {
  readonly #chunks: AsyncIterator<Uint8Array, void, undefined>;
  #chunk: Uint8Array = NOTHING;

  constructor(source: ByteSource) {
    this.#chunks = chunksOf(source);
  }

  /** Whether anything follows. */
  async hasMore(): Promise<boolean> {
    while (this.#chunk.byteLength === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return false;
      this.#chunk = value;
    }
    return true;
  }

  /**
   * The next `size` bytes. They are the caller's until the next call.
   * @throws SlipwayError `INVALID_COMPRESSION` if there are not so many
   */
  async take(size: number): Promise<Uint8Array> {
    if (this.#chunk.byteLength < size) return await this.#gather(size);
    const bytes = this.#chunk.subarray(0, size);
    this.#chunk = this.#chunk.subarray(size);
    return bytes;
  }

  /** A number of up to six bytes, the lowest first. */
  async number(size: number): Promise<number> {
    return numberOf(await this.take(size));
  }

  /** Passes over so many bytes, which must be there. */
  async skip(size: number): Promise<void> {
    for (let left = size; left > 0; ) {
      await this.#need();
      const skipped = Math.min(left, this.#chunk.byteLength);
      this.#chunk = this.#chunk.subarray(skipped);
      left -= skipped;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #gather(size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    for (let filled = 0; filled < size; ) {
      await this.#need();
      const part = this.#chunk.subarray(0, size - filled);
      bytes.set(part, filled);
      filled += part.byteLength;
      this.#chunk = this.#chunk.subarray(part.byteLength);
    }
    return bytes;
  }

  async #need(): Promise<void> {
    if (!(await this.hasMore())) throw invalidZstd("it is truncated");
  }
}

/** Bytes as a number, the lowest first. Exact up to 2^53. */
export function numberOf(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}
