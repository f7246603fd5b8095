import { type ByteSource, chunksOf, type ReopenableSource } from "../bytes.ts";

/** What is nearer than this is read rather than sought: opening a source anew costs as much. */
const SEEK_FROM = 64 * 1024;

/** Reads a source in pieces of any size and counts what was read. In one that can be opened anywhere, it does not read what it skips. */
export class ByteReader {
  readonly #seekable: ReopenableSource | undefined;
  #chunks: AsyncIterator<Uint8Array, void, undefined>;
  readonly #signal: AbortSignal | undefined;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #ended = false;
  #offset = 0;

  constructor(source: ByteSource | ReopenableSource, signal: AbortSignal | undefined) {
    this.#seekable = isReopenable(source) ? source : undefined;
    this.#chunks = chunksOf(isReopenable(source) ? source.open() : source);
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
    const buffered = this.#chunk.byteLength - this.#at;
    if (this.#seekable !== undefined && size - buffered > SEEK_FROM) return await this.#seek(this.#seekable, size);
    let skipped = 0;
    while (skipped < size) {
      const part = await this.readSome(size - skipped);
      if (part === undefined) break;
      skipped += part.byteLength;
    }
    return skipped;
  }

  async #seek(source: ReopenableSource, size: number): Promise<number> {
    this.#signal?.throwIfAborted();
    const offset = Math.min(this.#offset + size, source.size);
    const skipped = offset - this.#offset;
    await this.close();
    this.#ended = offset === source.size;
    this.#chunks = chunksOf(this.#ended ? [] : source.open({ offset }));
    this.#chunk = new Uint8Array(0);
    this.#at = 0;
    this.#offset = offset;
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

const isReopenable = (source: ByteSource | ReopenableSource): source is ReopenableSource =>
  typeof (source as ReopenableSource).open === "function";
