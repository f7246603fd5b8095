import { BlockSplitter } from "./block-splitter.ts";
import { BlockWriter } from "./block-writer.ts";
import { MatchFinder, PADDING } from "./match-finder.ts";
import { parse } from "./parser.ts";
import { type DeflateLevel, PRESETS } from "./presets.ts";
import { Sequences } from "./sequences.ts";
import { Statistics } from "./statistics.ts";

/** Deflates blocks of input, each independent of all others. */
export interface BlockDeflater {
  /**
   * Deflate data (RFC 1951) of a block alone: no match reaches outside of it, no block of the format in it is marked as the
   * last, and it ends on a byte's boundary with an empty stored block. Depends on the bytes and the level only.
   * @param block of any size, copied first
   * @returns an array of its own
   */
  deflate(block: Uint8Array): Uint8Array;
}

/** Makes a deflater, whose memory is used again for each block and grows with the biggest. */
export function createBlockDeflater(level: DeflateLevel): BlockDeflater {
  return new Deflater(level);
}

const CHUNK = 4096;

class Deflater implements BlockDeflater {
  readonly #level: DeflateLevel;
  readonly #finder = new MatchFinder();
  readonly #sequences = new Sequences();
  readonly #writer = new BlockWriter();
  readonly #splitter = new BlockSplitter();
  #pending = new Statistics();
  #chunk = new Statistics();
  #input = new Uint8Array(0);
  #view = new DataView(this.#input.buffer);

  constructor(level: DeflateLevel) {
    this.#level = level;
  }

  deflate(block: Uint8Array): Uint8Array {
    const end = block.byteLength;
    if (this.#input.byteLength < end + PADDING) {
      this.#input = new Uint8Array(end + PADDING);
      this.#view = new DataView(this.#input.buffer);
    }
    const input = this.#input;
    input.set(block);
    input.fill(0, end, end + PADDING);
    const writer = this.#writer;
    writer.output.reset(end + (end >> 8) + 64);
    this.#finder.reset(this.#view, end);
    this.#sequences.used = 0;
    this.#sequences.reserve((CHUNK + 258) * 5);
    const sequences = this.#sequences;
    let pendingStart = 0;
    let pendingUsed = 0;
    let at = 0;
    this.#pending.clear();
    while (at < end) {
      const start = at;
      at = parse(this.#finder, sequences, PRESETS[this.#level], at, Math.min(end, at + CHUNK));
      this.#chunk.clear();
      this.#chunk.count(input, start, sequences, pendingUsed);
      if (pendingUsed > 0 && (sequences.used > CHUNK * 8 || this.#splitter.shouldSplit(this.#pending, this.#chunk))) {
        writer.write(input, pendingStart, start, sequences.data, 0, pendingUsed, this.#pending);
        sequences.data.copyWithin(0, pendingUsed, sequences.used);
        sequences.used -= pendingUsed;
        pendingStart = start;
        const swap = this.#pending;
        this.#pending = this.#chunk;
        this.#chunk = swap;
      } else {
        this.#pending.add(this.#chunk);
      }
      pendingUsed = sequences.used;
    }
    if (pendingUsed > 0) writer.write(input, pendingStart, end, sequences.data, 0, pendingUsed, this.#pending);
    writer.flush();
    return writer.output.bytes.slice(0, writer.output.size);
  }
}
