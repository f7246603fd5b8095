import { type ByteSource, chunksOf } from "../bytes.ts";

/** Reads a source in pieces of any size and counts what was read. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array, void, undefined>;
  readonly #signal: AbortSignal | undefined;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #ended = false;
  #offset = 0;

  constructor(source: ByteSource, signal: AbortSignal | undefined) {
    this.#chunks = chunksOf(source);
    this.#signal = signal;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** The next `size` bytes; fewer only where the source ends. They are the source's own where they lie in one chunk. */
  async read(size: number): Promise<Uint8Array> {
    if (this.#chunk.byteLength - this.#at >= size) return this.#advance(size);
    const bytes = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      const part = await this.readSome(size - filled);
      if (part === undefined) return bytes.subarray(0, filled);
      bytes.set(part, filled);
      filled += part.byteLength;
    }
    return bytes;
  }

  /** What comes next, at least one byte and at most `most`; undefined at the end. */
  async readSome(most: number): Promise<Uint8Array | undefined> {
    while (this.#at === this.#chunk.byteLength) {
      if (this.#ended) return undefined;
      this.#signal?.throwIfAborted();
      const { done, value } = await this.#chunks.next();
      this.#signal?.throwIfAborted();
      this.#ended = done === true;
      this.#chunk = value ?? new Uint8Array(0);
      this.#at = 0;
    }
    return this.#advance(Math.min(most, this.#chunk.byteLength - this.#at));
  }

  /** Passes over `size` bytes; says how many there were. */
  async skip(size: number): Promise<number> {
    let skipped = 0;
    while (skipped < size) {
      const part = await this.readSome(size - skipped);
      if (part === undefined) break;
      skipped += part.byteLength;
    }
    return skipped;
  }

  /** Lets go of the source, wherever it is. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  #advance(size: number): Uint8Array {
    const part = this.#chunk.subarray(this.#at, this.#at + size);
    this.#at += size;
    this.#offset += size;
    return part;
  }
}
