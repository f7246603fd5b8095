import { Decompress } from "fzstd";
import { SlipwayError } from "../errors.ts";
import { invalidZstd } from "./invalid.ts";
import { ZstdWindow } from "./zstd-window.ts";

/** Most bytes that a block may have, compressed or not (RFC 8878, section 3.1.1.2.4). */
export const BLOCK_LIMIT: number = 128 * 1024;

/** The part of fzstd's state that it copies matches from: the bytes before the block, and how many these are. */
interface FzstdFrame {
  w: Uint8Array;
  e: number;
}

/** What fzstd 0.1.1 keeps, as far as it is needed here. */
interface FzstdState {
  /** The frame. */
  readonly s?: FzstdFrame;
  /** Input that was not used yet. It grows by an empty piece with each block. */
  c: Uint8Array[];
}

/**
 * Decodes the blocks of one frame. The compressed ones are fzstd's work: entropy coding and matches, and nothing else. Left to
 * itself it moves its whole window for each block, however small (some seconds of work for a hundred bytes of input, with the
 * windows of `zstd --long`), allocates the window before anything is there, keeps a reference to each piece of input, and
 * takes a frame that ends after a block for a whole one. So it gets one block at a time and is lent the window.
 */
export class ZstdBlocks {
  readonly #window: ZstdWindow;
  readonly #limit: number;
  readonly #fzstd: Decompress;
  #decoded: Uint8Array | undefined;

  /** @param windowSize bytes that matches may reach back */
  constructor(windowSize: number) {
    this.#window = new ZstdWindow(windowSize);
    this.#limit = Math.min(windowSize, BLOCK_LIMIT);
    this.#fzstd = new Decompress((bytes) => {
      this.#decoded = bytes;
      // fzstd puts the block into its window now: into one where that costs nothing.
      this.#frame.w = bytes;
    });
    this.#fzstd.push(frameHeader());
  }

  /** A block that is stored as it is. */
  raw(bytes: Uint8Array): Uint8Array {
    return this.#append(bytes.slice());
  }

  /** A block of one byte again and again. */
  repeated(byte: number, size: number): Uint8Array {
    return this.#append(new Uint8Array(size).fill(byte));
  }

  /** A compressed block. */
  compressed(block: Uint8Array): Uint8Array {
    const size = block.byteLength;
    if (size < 2) throw invalidZstd("a block of it is damaged");
    // With the header of a compressed block that is not the last one.
    const input = new Uint8Array(3 + size);
    input.set([((size << 3) | 4) & 0xff, (size >> 5) & 0xff, size >> 13]);
    input.set(block, 3);
    const history = this.#window.bytes;
    this.#frame.w = history;
    this.#frame.e = history.byteLength;
    this.#decoded = undefined;
    try {
      this.#fzstd.push(input);
    } catch (cause) {
      throw invalidZstd("a block of it is damaged", cause);
    }
    this.#state.c = [];
    if (this.#decoded === undefined) throw invalidZstd("a block of it is damaged");
    return this.#append(this.#decoded);
  }

  get #state(): FzstdState {
    return this.#fzstd as unknown as FzstdState;
  }

  get #frame(): FzstdFrame {
    const { s: frame } = this.#state;
    if (frame?.w instanceof Uint8Array && typeof frame.e === "number") return frame;
    throw new SlipwayError("UNSUPPORTED", "Cannot decompress zstd: fzstd is not the version 0.1.1 that Slipway needs");
  }

  /** @returns the same bytes, which the reader may keep */
  #append(bytes: Uint8Array): Uint8Array {
    if (bytes.byteLength > this.#limit) throw invalidZstd(`a block of it has more than ${this.#limit} bytes`);
    this.#window.append(bytes);
    return bytes;
  }
}

/**
 * A frame's header for fzstd, which says that blocks have up to 128 KiB. It is of 18 bytes, as long as any: fzstd waits for that
 * many before it reads one.
 */
function frameHeader(): Uint8Array {
  const header = new Uint8Array(18);
  // Magic number; content size of 8 bytes (0), dictionary of 4 bytes (0); a window of 2^17 bytes.
  header.set([0x28, 0xb5, 0x2f, 0xfd, 0b11_0_0_0_0_11, (17 - 10) << 3]);
  return header;
}
