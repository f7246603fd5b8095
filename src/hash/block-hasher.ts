import { SlipwayError } from "../errors.ts";
import type { Hasher } from "./hasher.ts";

/** What tells one hash of the SHA-2 family from another. */
export interface BlockAlgorithm {
  /** Begins every saved state, so that it is not taken for another's: 8 ASCII characters. */
  readonly stateTag: string;
  /** Bytes that one call of the compression function takes in. */
  readonly blockSize: number;
  /** Bytes at the end of the last block that hold the length. */
  readonly lengthSize: number;
  /** The words of the hash before the first block, 32 bits each. */
  readonly initialState: readonly number[];
  /** Takes `blocks` blocks from `view` at `offset` into `state`. */
  readonly compress: (state: Int32Array, view: DataView, offset: number, blocks: number) => void;
}

/** A {@link Hasher} over a compression function: buffering of what is less than a block, padding, length (FIPS 180-4, 5.1). */
export class BlockHasher implements Hasher {
  readonly #algorithm: BlockAlgorithm;
  readonly #state: Int32Array;
  /** What is not a whole block yet. */
  readonly #rest: Uint8Array;
  #restSize = 0;
  /** Bytes taken in: exact up to 2^53. */
  #length = 0;

  constructor(algorithm: BlockAlgorithm) {
    this.#algorithm = algorithm;
    this.#state = Int32Array.from(algorithm.initialState);
    this.#rest = new Uint8Array(algorithm.blockSize);
  }

  update(bytes: Uint8Array): void {
    const { blockSize, compress } = this.#algorithm;
    this.#length += bytes.byteLength;
    let offset = 0;
    if (this.#restSize > 0) {
      offset = Math.min(blockSize - this.#restSize, bytes.byteLength);
      this.#rest.set(bytes.subarray(0, offset), this.#restSize);
      this.#restSize += offset;
      if (this.#restSize < blockSize) return;
      compress(this.#state, viewOf(this.#rest), 0, 1);
      this.#restSize = 0;
    }
    const blocks = Math.floor((bytes.byteLength - offset) / blockSize);
    if (blocks > 0) {
      compress(this.#state, viewOf(bytes), offset, blocks);
      offset += blocks * blockSize;
    }
    if (offset < bytes.byteLength) {
      this.#rest.set(bytes.subarray(offset));
      this.#restSize = bytes.byteLength - offset;
    }
  }

  digest(): Uint8Array {
    const { blockSize, lengthSize, compress } = this.#algorithm;
    // A bit 1, zeros up to the length field, the length in bits: one block or, if the field does not fit any more, two.
    const blocks = this.#restSize + 1 + lengthSize > blockSize ? 2 : 1;
    const padding = new Uint8Array(blocks * blockSize);
    padding.set(this.#rest.subarray(0, this.#restSize));
    padding[this.#restSize] = 0x80;
    const view = viewOf(padding);
    writeBitLength(view, this.#length);
    const state = this.#state.slice();
    compress(state, view, 0, blocks);
    const hash = new Uint8Array(state.length * 4);
    const words = viewOf(hash);
    state.forEach((word, index) => {
      words.setInt32(index * 4, word);
    });
    return hash;
  }

  clone(): BlockHasher {
    const copy = new BlockHasher(this.#algorithm);
    copy.#state.set(this.#state);
    copy.#rest.set(this.#rest);
    copy.#restSize = this.#restSize;
    copy.#length = this.#length;
    return copy;
  }

  /** Tag, length in bytes, words of the hash, rest: all of fixed size. */
  save(): Uint8Array {
    const { stateTag, blockSize } = this.#algorithm;
    const saved = new Uint8Array(TAG_SIZE + LENGTH_SIZE + this.#state.length * 4 + blockSize);
    saved.set(new TextEncoder().encode(stateTag));
    const view = viewOf(saved);
    view.setFloat64(TAG_SIZE, this.#length);
    this.#state.forEach((word, index) => {
      view.setInt32(TAG_SIZE + LENGTH_SIZE + index * 4, word);
    });
    saved.set(this.#rest.subarray(0, this.#restSize), saved.byteLength - blockSize);
    return saved;
  }

  /** A hasher in a state that `save` gave. @throws SlipwayError `INVALID_ARGUMENT` if it is none of this algorithm's */
  static load(algorithm: BlockAlgorithm, saved: Uint8Array): BlockHasher {
    const hasher = new BlockHasher(algorithm);
    const { stateTag, blockSize } = algorithm;
    const size = TAG_SIZE + LENGTH_SIZE + hasher.#state.length * 4 + blockSize;
    const length = saved.byteLength === size ? viewOf(saved).getFloat64(TAG_SIZE) : -1;
    const tag = new TextDecoder().decode(saved.subarray(0, TAG_SIZE));
    if (tag !== stateTag || !Number.isSafeInteger(length) || length < 0) {
      throw new SlipwayError("INVALID_ARGUMENT", `Cannot load a hasher: the state is not one that ${stateTag} saved`);
    }
    hasher.#length = length;
    hasher.#restSize = length % blockSize;
    hasher.#rest.set(saved.subarray(size - blockSize, size - blockSize + hasher.#restSize));
    for (let index = 0; index < hasher.#state.length; index++) {
      hasher.#state[index] = viewOf(saved).getInt32(TAG_SIZE + LENGTH_SIZE + index * 4);
    }
    return hasher;
  }
}

const TAG_SIZE = 8;
const LENGTH_SIZE = 8;

/** Writes `length` bytes, counted in bits, as the big-endian number that ends `view`. Exact for every safe integer. */
export function writeBitLength(view: DataView, length: number): void {
  const end = view.byteLength;
  view.setUint32(end - 4, (length % 2 ** 29) * 8);
  view.setUint32(end - 8, Math.floor(length / 2 ** 29));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
