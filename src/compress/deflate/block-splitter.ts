import type { Statistics } from "./statistics.ts";
import { DISTANCE_SYMBOLS, LITERAL_LENGTH_SYMBOLS } from "./symbols.ts";

/** What it takes to send that a symbol is in use, in the header of a block. */
const SYMBOL_BITS = 3;

/** Logarithms are looked up for numbers up to this one. */
const LOGARITHMS = 4096;

/**
 * Decides where one block ends and the next begins: where two codes of their own, with their headers, are shorter than one
 * in common. The input comes in pieces of a few KiB, whose frequencies are counted anyway; each is held against the block
 * that grows, by the entropy of all symbols that both have in use. A header's price grows with its symbols, so that small
 * pieces may be compared without taking chance for a difference.
 */
export class BlockSplitter {
  readonly #logarithms: Float64Array = logarithms();

  /**
   * Whether the next piece should begin a block.
   * @param threshold bits that must be saved, beyond what the second header takes
   */
  splits(block: Statistics, next: Statistics, threshold: number): boolean {
    return (
      this.#saved(block.literalLengths, next.literalLengths, LITERAL_LENGTH_SYMBOLS) +
        this.#saved(block.distances, next.distances, DISTANCE_SYMBOLS) >
      threshold
    );
  }

  /** Bits that the literals of some bytes would take in a perfect code of their own. */
  literalBits(frequencies: Int32Array): number {
    let total = 0;
    let bits = 0;
    for (let literal = 0; literal < 256; literal++) {
      const frequency = frequencies[literal] as number;
      total += frequency;
      bits -= this.#weigh(frequency);
    }
    return bits + this.#weigh(total);
  }

  #saved(block: Int32Array, next: Int32Array, symbols: number): number {
    let blockTotal = 0;
    let nextTotal = 0;
    let bits = 0;
    let common = 0;
    for (let symbol = 0; symbol < symbols; symbol++) {
      const a = block[symbol] as number;
      const b = next[symbol] as number;
      blockTotal += a;
      nextTotal += b;
      // What is in one of the two only costs the same either way.
      if (a === 0 || b === 0) continue;
      common++;
      bits += this.#weigh(a) + this.#weigh(b) - this.#weigh(a + b);
    }
    return (
      bits -
      common * SYMBOL_BITS -
      this.#weigh(blockTotal) -
      this.#weigh(nextTotal) +
      this.#weigh(blockTotal + nextTotal)
    );
  }

  /** `n log2 n`. */
  #weigh(n: number): number {
    if (n <= LOGARITHMS) return n * (this.#logarithms[n] as number);
    let shift = 0;
    let high = n;
    for (; high > LOGARITHMS; shift++) high >>= 1;
    return n * ((this.#logarithms[high] as number) + shift);
  }
}

/**
 * Logarithms to the base 2, and 0 of 0. Bit by bit, as `Math.log2` may differ from one engine to another, and with it the
 * place of a split.
 */
function logarithms(): Float64Array {
  const table = new Float64Array(LOGARITHMS + 1);
  for (let n = 1; n <= LOGARITHMS; n++) {
    let whole = 31 - Math.clz32(n);
    let rest = n / 2 ** whole;
    for (let bit = 0.5; bit > 1e-6; bit /= 2) {
      rest *= rest;
      if (rest < 2) continue;
      rest /= 2;
      whole += bit;
    }
    table[n] = whole;
  }
  return table;
}
