import type { BlockSplitter } from "./block-splitter.ts";
import type { Statistics } from "./statistics.ts";
import { WINDOW_SIZE } from "./symbols.ts";

/** Bits for each byte from which on a piece is taken for incompressible: Huffman codes would save one per cent. */
const FLAT = 7.92;

/** After so many pieces that were not searched, one is, since bytes that look like noise may still repeat. */
const PROBE = 16;

/**
 * Recognises stretches that do not shrink: images, archives, what is compressed already. A piece in which the parser found
 * next to nothing, and whose bytes are all about as frequent, makes the pieces after it suspect. Of these only the bytes
 * are counted, and while they stay flat they are stored without any search: at the speed of counting.
 */
export class IncompressibleDetector {
  readonly #splitter: BlockSplitter;
  /** Pieces in a window. */
  readonly #reach: number;
  /** Pieces in a row that did not shrink. */
  #run = 0;

  /** @param piece the pieces' size */
  constructor(splitter: BlockSplitter, piece: number) {
    this.#splitter = splitter;
    this.#reach = Math.ceil(WINDOW_SIZE / piece);
  }

  reset(): void {
    this.#run = 0;
  }

  /** Whether the next piece is worth a look at its bytes alone. */
  get suspects(): boolean {
    return this.#run % PROBE > 0;
  }

  /** Whether the next piece should be remembered, since what it holds may be within reach of one that is searched. */
  get nearsProbe(): boolean {
    return this.#run % PROBE >= PROBE - this.#reach;
  }

  /** Whether the bytes of a piece, of which some may be in matches, are mostly literals and all about as frequent. */
  isFlat(statistics: Statistics, size: number): boolean {
    const { literalLengths } = statistics;
    let literals = 0;
    for (let literal = 0; literal < 256; literal++) literals += literalLengths[literal] as number;
    return literals * 32 >= size * 31 && this.#splitter.literalBits(literalLengths) >= size * flatness(size);
  }

  /**
   * Takes note of a piece.
   * @returns whether it should be stored
   */
  judge(statistics: Statistics, size: number): boolean {
    const flat = this.isFlat(statistics, size);
    this.#run = flat ? this.#run + 1 : 0;
    return flat;
  }
}

/** A few bytes cannot have all values equally often, so the shorter a piece is, the less is expected of it. */
function flatness(size: number): number {
  return FLAT - 184 / size;
}
