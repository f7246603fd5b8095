import type { ReopenableSource } from "../../bytes.ts";
import { SlipwayError } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";

/**
 * Reads a source part by part. As long as each part begins where the last one ended, the source is opened once, so that one who
 * verifies what is read from beginning to end can; another place opens it anew.
 */
export class SourceCursor {
  readonly #source: ReopenableSource;
  readonly #digest: Digest;
  readonly #onBytes: (position: number) => void;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #rest: Uint8Array | undefined;
  #position = 0;
  #reader = 0;
  #failure: { readonly error: unknown } | undefined;

  /** @param onBytes told how far was read */
  constructor(source: ReopenableSource, digest: Digest, onBytes: (position: number) => void) {
    this.#source = source;
    this.#digest = digest;
    this.#onBytes = onBytes;
  }

  /** Why the source could not be read, if it was the source. Who sends what is read sees only a body that broke. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** A part of the source as a source of its own. */
  part(offset: number, length: number): ReopenableSource {
    return {
      size: length,
      open: (range = {}) => {
        const skipped = range.offset ?? 0;
        return this.#read(offset + skipped, range.length ?? length - skipped);
      },
    };
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    this.#reader++;
    await this.#leave();
  }

  async *#read(offset: number, length: number): AsyncGenerator<Uint8Array, void, undefined> {
    // Whoever read before has been given up.
    const reader = ++this.#reader;
    this.#failure = undefined;
    try {
      const iterator = await this.#at(offset);
      let left = length;
      while (left > 0) {
        const chunk = this.#rest ?? (await this.#next(iterator));
        if (reader !== this.#reader) return;
        this.#rest = chunk.byteLength > left ? chunk.subarray(left) : undefined;
        let taken = chunk.subarray(0, left);
        left -= taken.byteLength;
        this.#position += taken.byteLength;
        if (this.#position === this.#source.size) {
          // Corrupt content is told at the end of reading: before the last bytes are sent. Their array may be used again.
          taken = taken.slice();
          await this.#expectEnd(iterator);
          if (reader !== this.#reader) return;
        }
        yield taken;
        if (reader !== this.#reader) return;
        this.#onBytes(this.#position);
      }
    } catch (error) {
      if (reader === this.#reader) this.#failure = { error };
      await this.#leave().catch(() => undefined);
      throw error;
    }
  }

  async #at(offset: number): Promise<AsyncIterator<Uint8Array>> {
    if (this.#iterator !== undefined && this.#position === offset) return this.#iterator;
    await this.#leave();
    const iterator = this.#source.open(offset === 0 ? undefined : { offset })[Symbol.asyncIterator]();
    this.#iterator = iterator;
    this.#position = offset;
    return iterator;
  }

  async #next(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
    for (;;) {
      const { done, value } = await iterator.next();
      if (done) throw this.#wrongSize(`ends after ${this.#position}`);
      if (value.byteLength > 0) return value;
    }
  }

  async #expectEnd(iterator: AsyncIterator<Uint8Array>): Promise<void> {
    if (this.#rest !== undefined) throw this.#wrongSize("goes on");
    for (;;) {
      const { done, value } = await iterator.next();
      if (done) break;
      if (value.byteLength > 0) throw this.#wrongSize("goes on");
    }
    this.#iterator = undefined;
  }

  #wrongSize(instead: string): SlipwayError {
    return new SlipwayError(
      "SIZE_MISMATCH",
      `Cannot read blob ${this.#digest} to upload it: it should have ${this.#source.size} bytes, but ${instead}`,
    );
  }

  async #leave(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    this.#rest = undefined;
    await iterator?.return?.();
  }
}
