import type { ReopenableSource } from "../../bytes.ts";
import { withheldEnd } from "../../content/withheld-end.ts";
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
        const taken = chunk.subarray(0, left);
        left -= taken.byteLength;
        this.#position += taken.byteLength;
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
    const { size } = this.#source;
    // What is wrong with the source is told before its last bytes are sent.
    const chunks = withheldEnd(this.#source.open(offset === 0 ? undefined : { offset }), {
      size: size - offset,
      wrongSize: (actual) => this.#wrongSize(offset + actual),
    });
    this.#iterator = chunks;
    this.#position = offset;
    return chunks;
  }

  async #next(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
    const { done, value } = await iterator.next();
    if (done) throw this.#wrongSize(this.#position);
    return value;
  }

  #wrongSize(actual: number): SlipwayError {
    const { size } = this.#source;
    return new SlipwayError(
      "SIZE_MISMATCH",
      `Cannot read blob ${this.#digest} to upload it: it should have ${size} bytes, but ${actual > size ? "goes on" : `ends after ${actual}`}`,
    );
  }

  async #leave(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    this.#rest = undefined;
    await iterator?.return?.();
  }
}
