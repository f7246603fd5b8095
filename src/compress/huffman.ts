import { invalidGzip } from "./invalid.ts";

/** Most bits of a code (RFC 1951, section 3.2.7). */
const MOST_BITS = 15;

/** The entry of a {@link HuffmanTable} leads on to another table, ends the block or, if neither, stands for nothing. */
export const UNUSUAL: number = 1 << 15;
/** Leads on to another table. */
export const LINK: number = 1 << 14;
/** Ends the block. */
export const END: number = 1 << 13;

/** The entry of a literal, but for its code. */
export const literalEntry = (byte: number): number => (1 << 31) | (byte << 16);

/** The entry of a length or distance that counts from `base` and is followed by a number of `extra` bits, but for its code. */
export const numberEntry = (base: number, extra: number): number => (base << 16) | extra;

/** How many bits the code of an entry has. */
export const codeBitsOf = (entry: number): number => (entry >>> 8) & 31;

/** One bit of a code in an entry: of the bits to take and of those that are the code. */
const CODE_BIT = 0x101;

/** Where no code leads. Codes with such places have at most one bit (see {@link CodeShape.incomplete}), so one bit tells. */
const NOTHING = UNUSUAL | CODE_BIT;

/** What is known of a code before its lengths are. */
export interface CodeShape {
  /** Entries by symbol, but for the bits of the code. */
  readonly symbols: Int32Array;
  /** Most bits that the first table is looked up by. */
  readonly rootBits: number;
  /** Whether a code of one symbol, or none, is allowed. */
  readonly incomplete: boolean;
}

/**
 * Decoding tables of a Huffman code, laid out for the loop that reads them. The lowest bits of the input lead to an entry:
 *
 * - bits 0–4: how many bits to take, the code's and those of the number that follows it
 * - bits 8–12: how many of them are the code's
 * - bits 13–15: {@link UNUSUAL}, alone or with {@link LINK} or {@link END}
 * - bits 16–30: the literal, or what a length or distance counts from
 * - bit 31, which makes it negative: it is a literal
 *
 * Codes longer than the first table's bits are in tables behind it: its entry has the other table's place in bits 16–30 and the
 * bits that one is looked up by in bits 8–12.
 */
export class HuffmanTable {
  readonly entries: Int32Array;
  /** Bits that the first table is looked up by. */
  rootBits = 0;
  readonly #shape: CodeShape;
  readonly #sorted: Uint16Array;

  constructor(shape: CodeShape) {
    this.#shape = shape;
    const { rootBits, symbols } = shape;
    this.#sorted = new Uint16Array(symbols.length);
    // A table behind the first has two symbols or more: otherwise its code would not be complete.
    this.entries = new Int32Array((1 << rootBits) + ((symbols.length >> 1) << (MOST_BITS - rootBits)));
  }

  /**
   * Makes the tables of the code whose symbols have the given lengths in bits (RFC 1951, section 3.2.2).
   * @param lengths of the codes by symbol, 0 for symbols that do not occur
   * @throws SlipwayError `INVALID_COMPRESSION` if the lengths make no code
   */
  build(lengths: Uint8Array): this {
    const counts = new Uint16Array(MOST_BITS + 1);
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol] as number;
      counts[length] = (counts[length] as number) + 1;
    }
    counts[0] = 0;
    let longest = 0;
    let left = 1;
    for (let bits = 1; bits <= MOST_BITS; bits++) {
      const count = counts[bits] as number;
      if (count > 0) longest = bits;
      left = left * 2 - count;
      if (left < 0) throw invalidGzip("it has more Huffman codes than there can be");
    }
    if (left > 0 && !(this.#shape.incomplete && longest <= 1)) throw invalidGzip("its Huffman codes are incomplete");
    this.rootBits = Math.max(1, Math.min(longest, this.#shape.rootBits));
    if (left > 0) this.entries.fill(NOTHING, 0, 2);
    this.#sort(lengths, counts);
    this.#fill(counts, longest);
    return this;
  }

  /** Symbols by length, and by number within a length: in the order of their codes. */
  #sort(lengths: Uint8Array, counts: Uint16Array): void {
    const next = new Uint16Array(MOST_BITS + 1);
    for (let bits = 1; bits < MOST_BITS; bits++) next[bits + 1] = (next[bits] as number) + (counts[bits] as number);
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol] as number;
      if (length === 0) continue;
      const at = next[length] as number;
      this.#sorted[at] = symbol;
      next[length] = at + 1;
    }
  }

  #fill(counts: Uint16Array, longest: number): void {
    const { rootBits, entries } = this;
    const { symbols } = this.#shape;
    const rootSize = 1 << rootBits;
    const tableBits = longest - rootBits;
    let free = rootSize;
    let root = -1;
    let start = 0;
    let taken = 0;
    // The code with its first bit lowest, as the input has it. Longer codes go on from the shorter ones with zeros.
    let code = 0;
    for (let bits = 1; bits <= longest; bits++) {
      for (let left = counts[bits] as number; left > 0; left--) {
        const entry = (symbols[this.#sorted[taken++] as number] as number) + bits * CODE_BIT;
        if (bits <= rootBits) {
          for (let at = code; at < rootSize; at += 1 << bits) entries[at] = entry;
        } else {
          if (root !== (code & (rootSize - 1))) {
            root = code & (rootSize - 1);
            start = free;
            free += 1 << tableBits;
            entries[root] = UNUSUAL | LINK | (start << 16) | (tableBits << 8);
          }
          for (let at = code >>> rootBits; at < 1 << tableBits; at += 1 << (bits - rootBits))
            entries[start + at] = entry;
        }
        let bit = 1 << (bits - 1);
        while ((code & bit) !== 0) bit >>= 1;
        code = bit === 0 ? 0 : (code & (bit - 1)) | bit;
      }
    }
  }
}
