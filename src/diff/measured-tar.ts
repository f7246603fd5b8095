import type { ByteSource } from "../bytes.ts";
import { decompress } from "../compress/index.ts";
import type { Hasher, HasherFactory } from "../hash/hasher.ts";
import { toDigest } from "../hash/index.ts";
import type { Digest, DigestAlgorithm } from "../oci/digest.ts";

/** How a layer's tar is measured. */
export interface MeasureOptions {
  readonly algorithm: DigestAlgorithm;
  readonly hasher: HasherFactory;
  /** Called with the bytes so far. */
  readonly onSize: (size: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The uncompressed tar of a layer on its way to the tar reader. It can go on after the reader has stopped at the end marker,
 * for the diffID covers all bytes.
 */
export class MeasuredTar implements AsyncIterable<Uint8Array> {
  readonly #algorithm: DigestAlgorithm;
  readonly #hasher: Hasher;
  readonly #chunks: AsyncGenerator<Uint8Array, void, undefined>;
  #size = 0;

  constructor(source: ByteSource, options: MeasureOptions) {
    this.#algorithm = options.algorithm;
    this.#hasher = options.hasher(options.algorithm);
    this.#chunks = this.#measure(source, options);
  }

  async *#measure(source: ByteSource, { onSize, signal }: MeasureOptions): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of decompress(source)) {
      signal?.throwIfAborted();
      this.#hasher.update(chunk);
      this.#size += chunk.byteLength;
      onSize(this.#size);
      yield chunk;
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, void, undefined> {
    // Without `return`: a reader that is done must not end the stream.
    return { next: () => this.#chunks.next() };
  }

  /** Reads on to the end. */
  async finish(): Promise<{ readonly diffID: Digest; readonly size: number }> {
    while (!(await this.#chunks.next()).done);
    return { diffID: toDigest(this.#algorithm, this.#hasher.digest()), size: this.#size };
  }

  /** Lets go of the source, wherever it is. */
  async close(): Promise<void> {
    await this.#chunks.return();
  }
}
