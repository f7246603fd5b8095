import { invalidGzip } from "./invalid.ts";

/** Most bits of a code (RFC 1951, section 3.2.7). */
const MOST_BITS = 15;

/**
 * Decoding tables of a Huffman code. An entry is `symbol << 5 | bits`; 0 where no code leads. Codes longer than the root's bits
 * lead to a table of their own: `start << 9 | bits of that table << 5 | 16`.
 */
export interface HuffmanTable {
  readonly entries: Int32Array;
  readonly rootBits: number;
}

/** Marks an entry that leads to another table. No code has so many bits. */
export const LINK = 16;

/**
 * Makes the table of the code whose symbols have the given lengths in bits (RFC 1951, section 3.2.2).
 * @param lengths of the codes by symbol, 0 for symbols that do not occur
 * @param incomplete whether a code of one symbol, or none, is allowed
 * @throws SlipwayError `INVALID_COMPRESSION` if the lengths make no code
 */
export function makeHuffmanTable(lengths: Uint8Array, most: number, incomplete: boolean): HuffmanTable {
  const counts = new Int32Array(MOST_BITS + 1);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  counts[0] = 0;
  let longest = 0;
  let left = 1;
  for (let bits = 1; bits <= MOST_BITS; bits++) {
    const count = counts[bits] ?? 0;
    if (count > 0) longest = bits;
    left = left * 2 - count;
    if (left < 0) throw invalidGzip("it has more Huffman codes than there can be");
  }
  if (left > 0 && !(incomplete && longest <= 1)) throw invalidGzip("its Huffman codes are incomplete");
  const rootBits = Math.max(1, Math.min(longest, most));
  const next = firstCodes(counts);
  const entries = new Int32Array((1 << rootBits) + linkedSize(counts, next, rootBits, longest));
  let free = 1 << rootBits;
  for (let bits = 1; bits <= longest; bits++) {
    if ((counts[bits] ?? 0) === 0) continue;
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== bits) continue;
      const code = reverse(next[bits] ?? 0, bits);
      next[bits] = (next[bits] ?? 0) + 1;
      const entry = (symbol << 5) | bits;
      if (bits <= rootBits) {
        for (let at = code; at < 1 << rootBits; at += 1 << bits) entries[at] = entry;
        continue;
      }
      const root = code & ((1 << rootBits) - 1);
      const tableBits = longest - rootBits;
      if (entries[root] === 0) {
        entries[root] = (free << 9) | (tableBits << 5) | LINK;
        free += 1 << tableBits;
      }
      const start = (entries[root] ?? 0) >>> 9;
      for (let at = code >>> rootBits; at < 1 << tableBits; at += 1 << (bits - rootBits)) entries[start + at] = entry;
    }
  }
  return { entries, rootBits };
}

/** The first code of each length. */
function firstCodes(counts: Int32Array): Int32Array {
  const codes = new Int32Array(MOST_BITS + 1);
  for (let bits = 1; bits <= MOST_BITS; bits++) codes[bits] = ((codes[bits - 1] ?? 0) + (counts[bits - 1] ?? 0)) << 1;
  return codes;
}

/** Entries of all tables that the root's lead to: codes are in order, so those that share a root entry come together. */
function linkedSize(counts: Int32Array, first: Int32Array, rootBits: number, longest: number): number {
  if (longest <= rootBits) return 0;
  const beyond = rootBits + 1;
  const lowest = (first[beyond] ?? 0) >>> 1;
  const highest = ((first[longest] ?? 0) + (counts[longest] ?? 0) - 1) >>> (longest - rootBits);
  return (highest - lowest + 1) << (longest - rootBits);
}

function reverse(code: number, bits: number): number {
  let reversed = 0;
  for (let i = 0, rest = code; i < bits; i++, rest >>>= 1) reversed = (reversed << 1) | (rest & 1);
  return reversed;
}
