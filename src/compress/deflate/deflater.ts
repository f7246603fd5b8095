import { BlockSplitter } from "./block-splitter.ts";
import { BlockWriter } from "./block-writer.ts";
import { FastParser } from "./fast-parser.ts";
import { IncompressibleDetector } from "./incompressible.ts";
import { LazyParser } from "./lazy-parser.ts";
import { LOOKAHEAD } from "./match-finder.ts";
import type { Parser } from "./parser.ts";
import { type DeflateLevel, PRESETS, type Preset } from "./presets.ts";
import { QuickParser } from "./quick-parser.ts";
import { Sequences } from "./sequences.ts";
import { Statistics } from "./statistics.ts";

/** Deflates blocks of input, each independent of all others. */
export interface BlockDeflater {
  /**
   * Deflate data (RFC 1951) of a block alone: no match reaches outside of it, no block of the format in it is marked as the
   * last, and it ends on a byte's boundary with an empty stored block. Depends on the bytes and the level only.
   * @param block of any size; it is copied first, and nothing of it is kept
   * @returns an array of its own
   */
  deflate(block: Uint8Array): Uint8Array;
}

/**
 * Makes a deflater, whose memory is used again for each block, and grows with the biggest.
 * @param level 1 (fastest) … 9 (smallest)
 */
export function createBlockDeflater(level: DeflateLevel): BlockDeflater {
  return new Deflater(PRESETS[level]);
}

/** A block of the format is ended at so many sequences, which bounds the memory that they take. */
const MOST_SEQUENCES = 65536;

function parserOf(preset: Preset): Parser {
  switch (preset.parser) {
    case "fast":
      return new FastParser(preset);
    case "quick":
      return new QuickParser(preset);
    case "lazy":
      return new LazyParser(preset);
  }
}

class Deflater implements BlockDeflater {
  readonly #preset: Preset;
  readonly #parser: Parser;
  readonly #sequences: Sequences;
  readonly #writer = new BlockWriter();
  readonly #splitter = new BlockSplitter();
  readonly #detector: IncompressibleDetector;
  /** Of the block that grows, */
  #block = new Statistics();
  /** and of the piece that comes after it. */
  #piece = new Statistics();
  #input = new Uint8Array(0);
  #view = new DataView(this.#input.buffer);

  constructor(preset: Preset) {
    this.#preset = preset;
    this.#detector = new IncompressibleDetector(this.#splitter, preset.piece);
    this.#parser = parserOf(preset);
    // Each match takes three bytes at least.
    this.#sequences = new Sequences(MOST_SEQUENCES + Math.ceil(preset.piece / 3) + 2);
  }

  deflate(block: Uint8Array): Uint8Array {
    const size = block.byteLength;
    this.#load(block);
    const writer = this.#writer;
    // A block of the format takes five bytes more than its input at the most, and no two end within one piece.
    writer.output.reset(size + (size >> 8) + 64);
    let start = 0;
    let stored = false;
    for (let at = 0; at < size; ) {
      const from = this.#sequences.used;
      const next = this.#next(at, Math.min(size, at + this.#preset.piece));
      const flat = this.#detector.judge(this.#piece, next - at);
      if (at > start && (flat !== stored || this.#splits(stored))) {
        this.#write(start, at, from, stored);
        start = at;
        const statistics = this.#block;
        this.#block = this.#piece;
        this.#piece = statistics;
      } else {
        this.#block.add(this.#piece);
      }
      stored = flat;
      at = next;
    }
    if (size > start) this.#write(start, size, this.#sequences.used, stored);
    this.#block.clear();
    writer.flush();
    return writer.output.bytes.slice(0, writer.output.size);
  }

  #load(block: Uint8Array): void {
    const size = block.byteLength;
    if (this.#input.byteLength < size + LOOKAHEAD) {
      this.#input = new Uint8Array(size + LOOKAHEAD);
      this.#view = new DataView(this.#input.buffer);
    }
    this.#input.set(block);
    // What is left of an earlier block must not show.
    this.#input.fill(0, size, size + LOOKAHEAD);
    this.#parser.reset(this.#input, this.#view, size);
    this.#detector.reset();
    this.#block.clear();
    this.#sequences.used = 0;
  }

  /**
   * Takes a piece in.
   * @returns where it ends: a match may reach beyond
   */
  #next(from: number, until: number): number {
    const piece = this.#piece;
    piece.clear();
    if (this.#detector.suspects) {
      piece.countBytes(this.#input, from, until);
      if (this.#detector.isFlat(piece, until - from)) {
        if (this.#detector.nearsProbe) this.#parser.remember(from, until);
        this.#sequences.add(until - from, 0);
        return until;
      }
      piece.clear();
    }
    return this.#parser.parse(from, until, this.#sequences, piece);
  }

  #splits(stored: boolean): boolean {
    if (this.#sequences.used >= 2 * MOST_SEQUENCES) return true;
    // Codes are of no interest to what is stored.
    return !stored && this.#splitter.splits(this.#block, this.#piece, this.#preset.split);
  }

  /** Writes the block, and leaves the sequences after it. */
  #write(start: number, end: number, used: number, stored: boolean): void {
    const sequences = this.#sequences;
    if (stored) this.#writer.writeStored(this.#input, start, end);
    else this.#writer.write(this.#input, start, end, sequences.data, used, this.#block);
    sequences.data.copyWithin(0, used, sequences.used);
    sequences.used -= used;
  }
}
