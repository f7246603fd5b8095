import type { Hasher, HasherFactory } from "../hash/hasher.ts";
import type { Digest } from "../oci/digest.ts";

/** Bytes that are hashed at a time: a call for each entry would cost more than the entry. */
const BATCH = 32 * 1024;
/** Most bytes of what is said of a part, besides a header's own bytes. */
const LINE = 256;

const encoder = new TextEncoder();

/**
 * What a block of a layer's tar is made of, as a SHA-256: its headers, and in the place of contents their digests. Two blocks of the same
 * recipe have the same bytes.
 */
export class BlockRecipe {
  readonly #hasher: Hasher;
  readonly #batch = new Uint8Array(BATCH);
  #filled = 0;

  constructor(hasher: HasherFactory) {
    this.#hasher = hasher("sha256");
    this.#line("slipway block 1\n");
  }

  /** @param bytes of a header, or zeros at the end of the tar */
  addBytes(bytes: Uint8Array): void {
    // So that no header can look like something else that follows.
    this.#line(`bytes ${bytes.byteLength}\n`);
    if (bytes.byteLength > BATCH - this.#filled) this.#flush();
    if (bytes.byteLength > BATCH) {
      this.#hasher.update(bytes);
    } else {
      this.#batch.set(bytes, this.#filled);
      this.#filled += bytes.byteLength;
    }
  }

  /** The bytes `from` … `to` of a content with this digest; beyond its end there are zeros. */
  addContent(digest: Digest, from: number, to: number): void {
    this.#line(`content ${digest} ${from} ${to}\n`);
  }

  /** To be asked once. */
  digest(): Uint8Array {
    this.#flush();
    return this.#hasher.digest();
  }

  #line(text: string): void {
    if (BATCH - this.#filled < LINE) this.#flush();
    this.#filled += encoder.encodeInto(text, this.#batch.subarray(this.#filled)).written;
  }

  #flush(): void {
    this.#hasher.update(this.#batch.subarray(0, this.#filled));
    this.#filled = 0;
  }
}
