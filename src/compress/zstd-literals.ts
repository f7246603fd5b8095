import { Decompress } from "fzstd";
import { invalidZstd } from "./invalid.ts";
import { BLOCK_LIMIT } from "./zstd-window.ts";

/** A block's literals, and where what follows them begins in the block. */
export interface Literals {
  readonly bytes: Uint8Array;
  readonly end: number;
}

/**
 * Decodes the literals of the blocks of one frame (RFC 8878, section 3.1.1.3.1). What is Huffman coded is fzstd's work: it gets
 * a block of these literals alone, as it would come in a frame without end.
 *
 * fzstd is not given whole frames: it moves its window for each block, however small, misreads distances from 64 MiB on, goes on
 * for hours with a few bytes that claim to be many long matches, and fills in zeros where matches reach beyond the window.
 */
export class ZstdLiterals {
  readonly #fzstd: Decompress;
  #decoded: Uint8Array | undefined;

  constructor() {
    this.#fzstd = new Decompress((bytes) => {
      this.#decoded = bytes;
    });
    this.#fzstd.push(frameHeader());
  }

  /** @param block a compressed block without its header */
  read(block: Uint8Array): Literals {
    const { type, start, size, stored } = readHeader(block);
    const end = start + stored;
    if (size > BLOCK_LIMIT || end > block.byteLength) throw invalidZstd("the literals of a block are damaged");
    if (type === "raw") return { bytes: block.subarray(start, end), end };
    if (type === "repeated") return { bytes: new Uint8Array(size).fill(block[start] ?? 0), end };
    const bytes = this.#decode(block.subarray(0, end));
    if (bytes?.byteLength !== size) throw invalidZstd("the literals of a block are damaged");
    return { bytes, end };
  }

  #decode(section: Uint8Array): Uint8Array | undefined {
    // A compressed block that is not the last one: the section, and a zero for that there are no sequences.
    const size = section.byteLength + 1;
    const block = new Uint8Array(3 + size);
    block.set([((size << 3) | 4) & 0xff, (size >> 5) & 0xff, size >> 13]);
    block.set(section, 3);
    this.#decoded = undefined;
    try {
      // In two parts: fzstd lets go of its input only when it has put parts together.
      this.#fzstd.push(block.subarray(0, -1));
      this.#fzstd.push(block.subarray(-1));
    } catch (cause) {
      throw invalidZstd("the literals of a block are damaged", cause);
    }
    return this.#decoded;
  }
}

interface LiteralsHeader {
  readonly type: "raw" | "repeated" | "huffman";
  /** Where the literals begin. */
  readonly start: number;
  /** Bytes of the literals, */
  readonly size: number;
  /** and of what is stored of them. */
  readonly stored: number;
}

function readHeader(block: Uint8Array): LiteralsHeader {
  const [b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0] = block;
  const format = (b0 >> 2) & 3;
  if ((b0 & 2) === 0) {
    const start = format === 3 ? 3 : format === 1 ? 2 : 1;
    const size = start === 1 ? b0 >> 3 : (b0 >> 4) | (b1 << 4) | (start === 3 ? b2 << 12 : 0);
    return (b0 & 1) === 0 ? { type: "raw", start, size, stored: size } : { type: "repeated", start, size, stored: 1 };
  }
  if (format < 2) {
    return { type: "huffman", start: 3, size: (b0 >> 4) | ((b1 & 0x3f) << 4), stored: (b1 >> 6) | (b2 << 2) };
  }
  if (format === 2) {
    const size = (b0 >> 4) | (b1 << 4) | ((b2 & 3) << 12);
    return { type: "huffman", start: 4, size, stored: (b2 >> 2) | (b3 << 6) };
  }
  const size = (b0 >> 4) | (b1 << 4) | ((b2 & 0x3f) << 12);
  return { type: "huffman", start: 5, size, stored: (b2 >> 6) | (b3 << 2) | (b4 << 10) };
}

/** A frame's header of 18 bytes, as long as any: fzstd waits for that many before it reads one. */
function frameHeader(): Uint8Array {
  const header = new Uint8Array(18);
  // Magic number; content size of 8 bytes (0), dictionary of 4 bytes (0); a window of 2^17 bytes.
  header.set([0x28, 0xb5, 0x2f, 0xfd, 0b11_0_0_0_0_11, (17 - 10) << 3]);
  return header;
}
