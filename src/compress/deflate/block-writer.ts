import { BitWriter } from "./bit-writer.ts";
import { HuffmanCoder } from "./huffman.ts";
import type { Statistics } from "./statistics.ts";
import {
  DISTANCE_SYMBOLS,
  distanceSymbol,
  END_OF_BLOCK,
  FIRST_LENGTH,
  LITERAL_LENGTH_SYMBOLS,
  MAX_MATCH,
  MIN_MATCH,
  symbolTables,
} from "./symbols.ts";

/** Most bytes of a stored block (RFC 1951, section 3.2.4). */
export const STORED_SIZE = 65535;

/**
 * Longest codes. The format allows 15 bits; these are shorter, so that two literals, or a length with its extra bits, or a
 * distance with its extra bits, always fit beside 7 waiting bits into 32: see {@link BitWriter}. What the shorter limit
 * costs in size does not show.
 */
const LITERAL_LENGTH_LIMIT = 12;
const DISTANCE_LIMIT = 11;

/** Order in which the lengths of the code length code are sent (section 3.2.7). */
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] as const;
const CODE_LENGTH_SYMBOLS = 19;
const CODE_LENGTH_LIMIT = 7;
/** Symbols of the code length code that repeat, and their extra bits. */
const REPEAT_PREVIOUS = 16;
const REPEAT_ZERO = 17;
const REPEAT_ZERO_LONG = 18;
const REPEAT_EXTRA_BITS = [2, 3, 7] as const;

/** Types of blocks, with a zero for "not the last one" below (section 3.2.3). */
const FIXED = 1 << 1;
const DYNAMIC = 2 << 1;

/** Writes blocks, each in the cheapest of the three ways. */
export class BlockWriter {
  readonly output: BitWriter = new BitWriter();
  readonly #literalLengths = new HuffmanCoder(LITERAL_LENGTH_SYMBOLS, LITERAL_LENGTH_LIMIT);
  readonly #distances = new HuffmanCoder(DISTANCE_SYMBOLS, DISTANCE_LIMIT);
  readonly #codeLengths = new HuffmanCoder(CODE_LENGTH_SYMBOLS, CODE_LENGTH_LIMIT);
  readonly #codeLengthFrequencies = new Int32Array(CODE_LENGTH_SYMBOLS);
  /** Both codes' lengths one after the other, and the same with repetitions, `extra << 5 | symbol`. */
  readonly #allLengths = new Uint8Array(LITERAL_LENGTH_SYMBOLS + DISTANCE_SYMBOLS);
  readonly #repeated = new Int32Array(LITERAL_LENGTH_SYMBOLS + DISTANCE_SYMBOLS);
  /** `bits << 5 | count` of each match length, extra bits included. */
  readonly #matchLengths = new Int32Array(MAX_MATCH + 1);
  readonly #fixedLiteralLengths = fixedLiteralLengths();
  readonly #fixedDistances = fixedDistances();

  /**
   * @param input what the block is of, from `start` to `end`
   * @param sequences of it, as {@link Sequences} has them, so many integers in use
   * @param statistics of the same
   */
  write(
    input: Uint8Array,
    start: number,
    end: number,
    sequences: Int32Array,
    used: number,
    statistics: Statistics,
  ): void {
    statistics.markEnd();
    this.#literalLengths.build(statistics.literalLengths);
    this.#distances.build(statistics.distances);
    const literalLengthCount = lastUsed(this.#literalLengths.lengths, FIRST_LENGTH);
    const distanceCount = lastUsed(this.#distances.lengths, 1);
    const repeatedCount = this.#repeatLengths(literalLengthCount, distanceCount);
    this.#codeLengths.build(this.#codeLengthFrequencies);
    let codeLengthCount = CODE_LENGTH_SYMBOLS;
    while (codeLengthCount > 4 && this.#codeLengths.lengths[CODE_LENGTH_ORDER[codeLengthCount - 1] as number] === 0) {
      codeLengthCount--;
    }

    const extra = extraBits(statistics);
    const dynamic =
      3 +
      14 +
      3 * codeLengthCount +
      this.#headerBits() +
      extra +
      codedBits(statistics.literalLengths, this.#literalLengths.lengths) +
      codedBits(statistics.distances, this.#distances.lengths);
    const fixed =
      3 +
      extra +
      codedBits(statistics.literalLengths, this.#fixedLiteralLengths.lengths) +
      codedBits(statistics.distances, this.#fixedDistances.lengths);
    const size = end - start;
    const stored = 8 * size + 40 * Math.max(1, Math.ceil(size / STORED_SIZE));
    if (stored <= dynamic && stored <= fixed) {
      this.writeStored(input, start, end);
    } else if (fixed <= dynamic) {
      this.output.write(FIXED, 3);
      this.#writeSequences(input, start, sequences, used, this.#fixedLiteralLengths, this.#fixedDistances);
    } else {
      this.output.write(DYNAMIC, 3);
      this.output.write(literalLengthCount - FIRST_LENGTH, 5);
      this.output.write(distanceCount - 1, 5);
      this.output.write(codeLengthCount - 4, 4);
      this.#writeCodes(codeLengthCount, repeatedCount);
      this.#writeSequences(input, start, sequences, used, this.#literalLengths, this.#distances);
    }
  }

  /** Writes what does not shrink as it is. */
  writeStored(input: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at += STORED_SIZE) {
      this.output.writeStored(input.subarray(at, Math.min(end, at + STORED_SIZE)));
    }
  }

  /**
   * Ends on a byte's boundary, by an empty stored block (a "sync flush" of zlib).
   */
  flush(): void {
    this.output.writeStored(EMPTY);
  }

  /** Puts runs of lengths together (section 3.2.7). */
  #repeatLengths(literalLengthCount: number, distanceCount: number): number {
    const lengths = this.#allLengths;
    const repeated = this.#repeated;
    const frequencies = this.#codeLengthFrequencies;
    for (let i = 0; i < literalLengthCount; i++) lengths[i] = this.#literalLengths.lengths[i] as number;
    for (let i = 0; i < distanceCount; i++) lengths[literalLengthCount + i] = this.#distances.lengths[i] as number;
    const count = literalLengthCount + distanceCount;
    frequencies.fill(0);
    let out = 0;
    for (let i = 0; i < count; ) {
      const length = lengths[i] as number;
      let run = 1;
      while (i + run < count && lengths[i + run] === length) run++;
      i += run;
      if (length !== 0) {
        repeated[out++] = length;
        frequencies[length] = (frequencies[length] as number) + 1;
        run--;
      }
      while (run >= 3) {
        const symbol = length !== 0 ? REPEAT_PREVIOUS : run < 11 ? REPEAT_ZERO : REPEAT_ZERO_LONG;
        const base = symbol === REPEAT_ZERO_LONG ? 11 : 3;
        const most = symbol === REPEAT_PREVIOUS ? 6 : symbol === REPEAT_ZERO ? 10 : 138;
        const step = run < most ? run : most;
        repeated[out++] = ((step - base) << 5) | symbol;
        frequencies[symbol] = (frequencies[symbol] as number) + 1;
        run -= step;
      }
      for (; run > 0; run--) {
        repeated[out++] = length;
        frequencies[length] = (frequencies[length] as number) + 1;
      }
    }
    return out;
  }

  /** Bits of the codes' lengths. */
  #headerBits(): number {
    let bits = codedBits(this.#codeLengthFrequencies, this.#codeLengths.lengths);
    for (let i = 0; i < 3; i++) {
      bits += (this.#codeLengthFrequencies[REPEAT_PREVIOUS + i] as number) * (REPEAT_EXTRA_BITS[i] as number);
    }
    return bits;
  }

  #writeCodes(codeLengthCount: number, repeatedCount: number): void {
    const { output } = this;
    const { lengths, codes } = this.#codeLengths;
    for (let i = 0; i < codeLengthCount; i++) output.write(lengths[CODE_LENGTH_ORDER[i] as number] as number, 3);
    for (let i = 0; i < repeatedCount; i++) {
      const entry = this.#repeated[i] as number;
      const symbol = entry & 31;
      const code = codes[symbol] as number;
      output.write(code >>> 4, code & 15);
      if (symbol >= REPEAT_PREVIOUS) {
        output.write(entry >>> 5, REPEAT_EXTRA_BITS[symbol - REPEAT_PREVIOUS] as number);
      }
    }
  }

  #writeSequences(
    input: Uint8Array,
    start: number,
    sequences: Int32Array,
    used: number,
    literalLengthCoder: HuffmanCoder,
    distanceCoder: HuffmanCoder,
  ): void {
    const { output } = this;
    const { view } = output;
    const literalLengthCodes = literalLengthCoder.codes;
    const distanceCodes = distanceCoder.codes;
    const matchLengths = this.#matchLengths;
    const { lengthClass, lengthBase, lengthExtraBits, distanceClass, distanceBase, distanceExtraBits } = symbolTables();
    for (let length = MIN_MATCH; length <= MAX_MATCH; length++) {
      const symbol = lengthClass[length] as number;
      const code = literalLengthCodes[FIRST_LENGTH + symbol] as number;
      const size = code & 15;
      const extra = length - (lengthBase[symbol] as number);
      matchLengths[length] = (((code >>> 4) | (extra << size)) << 5) | (size + (lengthExtraBits[symbol] as number));
    }
    let size = output.size;
    let bits = output.bits;
    let count = output.count;
    let at = start;
    for (let k = 0; k < used; k += 2) {
      const end = at + (sequences[k] as number);
      for (const last = end - 1; at < last; at += 2) {
        const first = literalLengthCodes[input[at] as number] as number;
        const second = literalLengthCodes[input[at + 1] as number] as number;
        bits |= (first >>> 4) << count;
        count += first & 15;
        bits |= (second >>> 4) << count;
        count += second & 15;
        view.setInt32(size, bits, true);
        size += count >>> 3;
        bits >>>= count & 24;
        count &= 7;
      }
      // One may be left; whether it is cannot be predicted, so it is always written, but as no bits where it is not.
      const odd = (literalLengthCodes[input[at] as number] as number) & (at - end);
      bits |= (odd >>> 4) << count;
      count += odd & 15;
      at = end;
      // At most 7 + 12 bits wait here, and a length takes up to 17.
      view.setInt32(size, bits, true);
      size += count >>> 3;
      bits >>>= count & 24;
      count &= 7;
      const match = sequences[k + 1] as number;
      if (match === 0) continue;
      const length = matchLengths[match >>> 16] as number;
      bits |= (length >>> 5) << count;
      count += length & 31;
      view.setInt32(size, bits, true);
      size += count >>> 3;
      bits >>>= count & 24;
      count &= 7;
      const distance = match & 0xffff;
      const symbol = distanceSymbol(distanceClass, distance);
      const code = distanceCodes[symbol] as number;
      bits |= (code >>> 4) << count;
      count += code & 15;
      bits |= (distance - (distanceBase[symbol] as number)) << count;
      count += distanceExtraBits[symbol] as number;
      view.setInt32(size, bits, true);
      size += count >>> 3;
      bits >>>= count & 24;
      count &= 7;
      at += match >>> 16;
    }
    output.size = size;
    output.bits = bits;
    output.count = count;
    const endOfBlock = literalLengthCodes[END_OF_BLOCK] as number;
    output.write(endOfBlock >>> 4, endOfBlock & 15);
  }
}

const EMPTY = new Uint8Array(0);

function lastUsed(lengths: Uint8Array, least: number): number {
  let count = lengths.length;
  while (count > least && lengths[count - 1] === 0) count--;
  return count;
}

function codedBits(frequencies: Int32Array, lengths: Uint8Array): number {
  let bits = 0;
  for (let i = 0; i < frequencies.length; i++) bits += (frequencies[i] as number) * (lengths[i] as number);
  return bits;
}

function extraBits(statistics: Statistics): number {
  const { lengthExtraBits, distanceExtraBits } = symbolTables();
  let bits = 0;
  for (let i = 0; i < lengthExtraBits.length; i++) {
    bits += (statistics.literalLengths[FIRST_LENGTH + i] as number) * (lengthExtraBits[i] as number);
  }
  for (let i = 0; i < DISTANCE_SYMBOLS; i++) {
    bits += (statistics.distances[i] as number) * (distanceExtraBits[i] as number);
  }
  return bits;
}

/** The codes of section 3.2.6. */
function fixedLiteralLengths(): HuffmanCoder {
  // Two symbols more than are ever written have a part in the code.
  const coder = new HuffmanCoder(288, 15);
  coder.assign(new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280));
  return coder;
}

function fixedDistances(): HuffmanCoder {
  const coder = new HuffmanCoder(32, 15);
  coder.assign(new Uint8Array(32).fill(5));
  return coder;
}
