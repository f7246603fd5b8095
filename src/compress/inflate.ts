import { type HuffmanTable, LINK, makeHuffmanTable } from "./huffman.ts";
import { invalidGzip } from "./invalid.ts";

/** How far back a match can reach (RFC 1951, section 2). */
const WINDOW_SIZE = 32 * 1024;
/** Output comes in chunks of about so many bytes, however small the input is that makes it. */
const OUTPUT_SIZE = 96 * 1024;
/** Most bytes that one symbol makes. */
const LONGEST_MATCH = 258;

const LITERAL_ROOT_BITS = 10;
const DISTANCE_ROOT_BITS = 9;
const END_OF_BLOCK = 256;

// Lengths and distances by symbol (RFC 1951, section 3.2.5). Symbols that must not occur have length or distance 0.
// biome-ignore format: a table
const lengthBase = Uint16Array.of(3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258, 0, 0);
// biome-ignore format: a table
const lengthExtra = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0, 0, 0);
// biome-ignore format: a table
const distanceBase = Uint16Array.of(1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577, 0, 0);
// biome-ignore format: a table
const distanceExtra = Uint8Array.of(0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 0, 0);
/** The order in which the lengths of the code length code come (section 3.2.7). */
const lengthOrder = Uint8Array.of(16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15);

interface Codes {
  readonly literals: HuffmanTable;
  readonly distances: HuffmanTable;
}

let fixedCodes: Codes | undefined;

/**
 * Reads one deflate stream (RFC 1951) in pieces of any size, and finds where it ends. Memory is bounded: output is given out
 * in chunks as it is made.
 */
export class Inflater {
  #input: Uint8Array = new Uint8Array(0);
  /** Where in the input the next byte is, and bits that were taken out of it but not used: lowest first. */
  #at = 0;
  #hold = 0;
  #bits = 0;
  /** The window, then output that was not given out yet. */
  #output = new Uint8Array(WINDOW_SIZE + OUTPUT_SIZE);
  #given = 0;
  #end = 0;
  #state: "header" | "stored" | "codes" | "done" = "header";
  #last = false;
  #storedLeft = 0;
  #codes: Codes = { literals: noTable, distances: noTable };

  /** Whether the stream has ended. */
  get done(): boolean {
    return this.#state === "done";
  }

  /** Input that was not used. Once the stream is done, what follows it. */
  get rest(): Uint8Array {
    return this.#input.subarray(this.#at);
  }

  /**
   * Takes input in and yields output, always to be read to the end. Some output may wait for the next input.
   * @throws SlipwayError `INVALID_COMPRESSION` if it is no deflate data
   */
  *push(input: Uint8Array): Generator<Uint8Array, void, undefined> {
    this.#input = this.rest.byteLength === 0 ? input : joined(this.rest, input);
    this.#at = 0;
    while (this.#state !== "done" && this.#step()) {
      if (this.#output.byteLength - this.#end < LONGEST_MATCH) yield this.#give();
    }
    this.#putBack();
    if (this.#state === "done" && this.#end > this.#given) yield this.#give();
  }

  /** Does as much as it can; false if it needs more input for anything more. */
  #step(): boolean {
    if (this.#state === "stored") return this.#copyStored();
    if (this.#state === "codes") return this.#decode();
    // A block's header is read anew when it was not all there.
    const before = { at: this.#at, hold: this.#hold, bits: this.#bits };
    if (this.#readBlockHeader()) return true;
    this.#at = before.at;
    this.#hold = before.hold;
    this.#bits = before.bits;
    return false;
  }

  #give(): Uint8Array {
    const output = this.#output.subarray(this.#given, this.#end);
    const next = new Uint8Array(WINDOW_SIZE + OUTPUT_SIZE);
    const window = this.#output.subarray(Math.max(0, this.#end - WINDOW_SIZE), this.#end);
    next.set(window);
    this.#output = next;
    this.#given = window.byteLength;
    this.#end = window.byteLength;
    return output;
  }

  /** Whole bytes that were taken out of the input go back to it. */
  #putBack(): void {
    this.#at -= this.#bits >> 3;
    this.#bits &= 7;
    this.#hold &= (1 << this.#bits) - 1;
  }

  /** Makes at least `count` bits available, at most 25; false if the input does not have them. */
  #need(count: number): boolean {
    while (this.#bits < count) {
      const byte = this.#input[this.#at];
      if (byte === undefined) return false;
      this.#at++;
      this.#hold |= byte << this.#bits;
      this.#bits += 8;
    }
    return true;
  }

  #take(count: number): number {
    const value = this.#hold & ((1 << count) - 1);
    this.#hold >>>= count;
    this.#bits -= count;
    return value;
  }

  #endBlock(): void {
    this.#state = this.#last ? "done" : "header";
  }

  /** False if the input does not have all of it. */
  #readBlockHeader(): boolean {
    if (!this.#need(3)) return false;
    this.#last = this.#take(1) === 1;
    switch (this.#take(2)) {
      case 0:
        return this.#readStoredHeader();
      case 1:
        fixedCodes ??= makeFixedCodes();
        this.#codes = fixedCodes;
        this.#state = "codes";
        return true;
      case 2:
        return this.#readCodes();
      default:
        throw invalidGzip("it has a block of an unknown type");
    }
  }

  #readStoredHeader(): boolean {
    this.#take(this.#bits & 7);
    this.#putBack();
    if (this.#input.byteLength - this.#at < 4) return false;
    const [a = 0, b = 0, c = 0, d = 0] = this.#input.subarray(this.#at, this.#at + 4);
    const size = a | (b << 8);
    if (size !== (~(c | (d << 8)) & 0xffff)) throw invalidGzip("the length of a stored block is damaged");
    this.#at += 4;
    this.#storedLeft = size;
    this.#state = "stored";
    return true;
  }

  #copyStored(): boolean {
    const room = this.#output.byteLength - this.#end;
    const size = Math.min(this.#storedLeft, this.#input.byteLength - this.#at, room);
    this.#output.set(this.#input.subarray(this.#at, this.#at + size), this.#end);
    this.#at += size;
    this.#end += size;
    this.#storedLeft -= size;
    if (this.#storedLeft > 0) return size === room;
    this.#endBlock();
    return true;
  }

  /** Reads the codes of a block that brings its own (RFC 1951, section 3.2.7). */
  #readCodes(): boolean {
    if (!this.#need(14)) return false;
    const literalCount = this.#take(5) + 257;
    const distanceCount = this.#take(5) + 1;
    const lengthCount = this.#take(4) + 4;
    if (literalCount > 286 || distanceCount > 30) throw invalidGzip("a block has too many symbols");
    const lengthLengths = new Uint8Array(19);
    for (let i = 0; i < lengthCount; i++) {
      if (!this.#need(3)) return false;
      lengthLengths[lengthOrder[i] ?? 0] = this.#take(3);
    }
    const { entries, rootBits } = makeHuffmanTable(lengthLengths, 7, false);
    const lengths = new Uint8Array(literalCount + distanceCount);
    for (let filled = 0; filled < lengths.byteLength; ) {
      // A code of at most 7 bits and 7 more bits; where the input ends they may be fewer.
      const enough = this.#need(14);
      const entry = entries[this.#hold & ((1 << rootBits) - 1)] ?? 0;
      const bits = entry & 15;
      const symbol = entry >>> 5;
      const extra = symbol < 16 ? 0 : symbol === 16 ? 2 : symbol === 17 ? 3 : 7;
      if (!enough && this.#bits < bits + extra) return false;
      this.#take(bits);
      if (symbol < 16) {
        lengths[filled++] = symbol;
        continue;
      }
      if (symbol === 16 && filled === 0) throw invalidGzip("a block repeats a code length before the first");
      const value = symbol === 16 ? (lengths[filled - 1] ?? 0) : 0;
      const count = this.#take(extra) + (symbol === 18 ? 11 : 3);
      if (filled + count > lengths.byteLength) throw invalidGzip("a block repeats a code length too often");
      lengths.fill(value, filled, filled + count);
      filled += count;
    }
    if (lengths[END_OF_BLOCK] === 0) throw invalidGzip("a block has no end");
    this.#codes = {
      literals: makeHuffmanTable(lengths.subarray(0, literalCount), LITERAL_ROOT_BITS, true),
      distances: makeHuffmanTable(lengths.subarray(literalCount), DISTANCE_ROOT_BITS, true),
    };
    this.#state = "codes";
    return true;
  }

  /** Decodes symbols until the block ends or the output is full (true), or the input does not have a whole one (false). */
  #decode(): boolean {
    const input = this.#input;
    const inputEnd = input.byteLength;
    const output = this.#output;
    const outputEnd = output.byteLength - LONGEST_MATCH;
    const { entries: literals, rootBits: literalBits } = this.#codes.literals;
    const { entries: distances, rootBits: distanceBits } = this.#codes.distances;
    const literalMask = (1 << literalBits) - 1;
    const distanceMask = (1 << distanceBits) - 1;
    let at = this.#at;
    let hold = this.#hold;
    let bits = this.#bits;
    let end = this.#end;
    let more = true;
    while (end <= outputEnd) {
      while (bits <= 24 && at < inputEnd) {
        hold |= (input[at++] as number) << bits;
        bits += 8;
      }
      let entry = literals[hold & literalMask] as number;
      if ((entry & 31) === LINK) {
        entry = literals[(entry >>> 9) + ((hold >>> literalBits) & ((1 << ((entry >>> 5) & 15)) - 1))] as number;
      }
      let codeBits = entry & 31;
      if (codeBits === 0 || codeBits > bits) {
        if (codeBits === 0 && bits >= 15) throw invalidGzip("it has a code that stands for nothing");
        more = false;
        break;
      }
      const symbol = entry >>> 5;
      if (symbol < END_OF_BLOCK) {
        hold >>>= codeBits;
        bits -= codeBits;
        output[end++] = symbol;
        continue;
      }
      if (symbol === END_OF_BLOCK) {
        hold >>>= codeBits;
        bits -= codeBits;
        this.#endBlock();
        break;
      }
      // From here on the input may turn out to be too short: then the symbol is decoded anew with the next input.
      const beforeAt = at;
      const beforeHold = hold;
      const beforeBits = bits;
      hold >>>= codeBits;
      bits -= codeBits;
      let extra = lengthExtra[symbol - 257] as number;
      const length = (lengthBase[symbol - 257] as number) + (hold & ((1 << extra) - 1));
      hold >>>= extra;
      bits -= extra;
      while (bits <= 24 && at < inputEnd) {
        hold |= (input[at++] as number) << bits;
        bits += 8;
      }
      entry = distances[hold & distanceMask] as number;
      if ((entry & 31) === LINK) {
        entry = distances[(entry >>> 9) + ((hold >>> distanceBits) & ((1 << ((entry >>> 5) & 15)) - 1))] as number;
      }
      codeBits = entry & 31;
      if (codeBits === 0 && bits >= 15) throw invalidGzip("it has a distance that stands for nothing");
      extra = distanceExtra[entry >>> 5] as number;
      hold >>>= codeBits;
      bits -= codeBits;
      if (bits < extra) {
        while (bits <= 24 && at < inputEnd) {
          hold |= (input[at++] as number) << bits;
          bits += 8;
        }
      }
      if (codeBits === 0 || bits < extra) {
        at = beforeAt;
        hold = beforeHold;
        bits = beforeBits;
        more = false;
        break;
      }
      const distance = (distanceBase[entry >>> 5] as number) + (hold & ((1 << extra) - 1));
      hold >>>= extra;
      bits -= extra;
      if (length === 0 || distance === 0 || distance > end)
        throw invalidGzip("it has a match that reaches too far back");
      if (length <= distance && length > 24) {
        output.copyWithin(end, end - distance, end - distance + length);
        end += length;
      } else {
        for (let left = length; left > 0; left--, end++) output[end] = output[end - distance] as number;
      }
    }
    this.#at = at;
    this.#hold = hold;
    this.#bits = bits;
    this.#end = end;
    return more;
  }
}

const noTable: HuffmanTable = { entries: new Int32Array(0), rootBits: 0 };

/** The codes of blocks that bring none (RFC 1951, section 3.2.6). */
function makeFixedCodes(): Codes {
  const literals = new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280);
  return {
    literals: makeHuffmanTable(literals, LITERAL_ROOT_BITS, false),
    distances: makeHuffmanTable(new Uint8Array(32).fill(5), DISTANCE_ROOT_BITS, false),
  };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.byteLength + b.byteLength);
  both.set(a);
  both.set(b, a.byteLength);
  return both;
}
