import type { SlipwayError } from "../errors.ts";
import { type CodeShape, codeBitsOf, END, HuffmanTable, LINK, literalEntry, numberEntry, UNUSUAL } from "./huffman.ts";
import { invalidGzip } from "./invalid.ts";

/** How far back a match can reach (RFC 1951, section 2). */
const WINDOW_SIZE = 32 * 1024;
/** Output comes in chunks of about so many bytes, however small the input is that makes it. */
const OUTPUT_SIZE = 96 * 1024;
/** The first chunk is smaller: many streams are. */
const FIRST_OUTPUT_SIZE = 16 * 1024;
/** Most bytes that one symbol makes. */
const LONGEST_MATCH = 258;
/** Bytes of the output behind what is decoded that may be written before it is known what comes there. */
const SLACK = 8;
/** Bytes from which on the engine's own functions are worth a call. */
const LONG_RUN = 32;
const LONG_COPY = 64;
/** Bytes of input that one turn of the quick loop looks at, at most: four times four, three of them used. */
const LOOK_AHEAD = 13;

const LITERAL_ROOT_BITS = 10;
const DISTANCE_ROOT_BITS = 9;
const END_OF_BLOCK = 256;

// Lengths and distances by symbol (RFC 1951, section 3.2.5).
// biome-ignore format: a table
const LENGTH_BASE: readonly number[] = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
// biome-ignore format: a table
const LENGTH_EXTRA: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
// biome-ignore format: a table
const DISTANCE_BASE: readonly number[] = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
// biome-ignore format: a table
const DISTANCE_EXTRA: readonly number[] = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
/** The order in which the lengths of the code length code come (section 3.2.7). */
const LENGTH_ORDER: readonly number[] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

interface Codes {
  readonly literals: HuffmanTable;
  readonly distances: HuffmanTable;
}

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
  #output = new Uint8Array(FIRST_OUTPUT_SIZE);
  #outputView = new DataView(this.#output.buffer);
  #given = 0;
  #end = 0;
  #state: "header" | "stored" | "codes" | "done" = "header";
  #last = false;
  #storedLeft = 0;
  /** The codes of the block, and the tables for those that blocks bring. */
  #codes: Codes;
  #own: Codes | undefined;

  constructor() {
    fixedCodes ??= makeFixedCodes();
    this.#codes = fixedCodes;
  }

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
      if (this.#output.byteLength - this.#end < LONGEST_MATCH + SLACK) yield this.#give();
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
    if (this.#state === "done") {
      this.#given = this.#end;
      return output;
    }
    const next = new Uint8Array(WINDOW_SIZE + OUTPUT_SIZE);
    const window = this.#output.subarray(Math.max(0, this.#end - WINDOW_SIZE), this.#end);
    next.set(window);
    this.#output = next;
    this.#outputView = new DataView(next.buffer);
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
        this.#codes = fixedCodes ?? this.#codes;
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
      lengthLengths[LENGTH_ORDER[i] ?? 0] = this.#take(3);
    }
    const { entries, rootBits } = new HuffmanTable(codeShapes().lengths).build(lengthLengths);
    const lengths = new Uint8Array(literalCount + distanceCount);
    for (let filled = 0; filled < lengths.byteLength; ) {
      // A code of at most 7 bits and 7 more bits; where the input ends they may be fewer.
      const enough = this.#need(14);
      const entry = entries[this.#hold & ((1 << rootBits) - 1)] as number;
      if (!enough && this.#bits < (entry & 31)) return false;
      const symbol = entry >>> 16;
      const codeBits = (entry >>> 8) & 31;
      this.#take(codeBits);
      if (symbol < 16) {
        lengths[filled++] = symbol;
        continue;
      }
      if (symbol === 16 && filled === 0) throw invalidGzip("a block repeats a code length before the first");
      const value = symbol === 16 ? (lengths[filled - 1] ?? 0) : 0;
      const count = this.#take((entry & 31) - codeBits) + (symbol === 18 ? 11 : 3);
      if (filled + count > lengths.byteLength) throw invalidGzip("a block repeats a code length too often");
      lengths.fill(value, filled, filled + count);
      filled += count;
    }
    if (lengths[END_OF_BLOCK] === 0) throw invalidGzip("a block has no end");
    this.#own ??= makeCodes(codeShapes());
    this.#own.literals.build(lengths.subarray(0, literalCount));
    this.#own.distances.build(lengths.subarray(literalCount));
    this.#codes = this.#own;
    this.#state = "codes";
    return true;
  }

  /** Decodes symbols until the block ends or the output is full (true), or the input does not have a whole one (false). */
  #decode(): boolean {
    const outputEnd = this.#output.byteLength - LONGEST_MATCH - SLACK;
    for (;;) {
      this.#decodeQuickly();
      if (this.#state !== "codes" || this.#end > outputEnd) return true;
      // What the quick loop does not dare at the end of the input.
      if (!this.#decodeSymbol()) return false;
      if (this.#state !== "codes") return true;
    }
  }

  /** Decodes as long as nothing can run out. */
  #decodeQuickly(): void {
    const input = this.#input;
    const inputEnd = input.byteLength - LOOK_AHEAD;
    const output = this.#output;
    const outputEnd = output.byteLength - LONGEST_MATCH - SLACK;
    let at = this.#at;
    let end = this.#end;
    if (at > inputEnd || end > outputEnd) return;
    const outputView = this.#outputView;
    const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
    const { entries: literals, rootBits: literalBits } = this.#codes.literals;
    const { entries: distances, rootBits: distanceBits } = this.#codes.distances;
    const literalMask = (1 << literalBits) - 1;
    const distanceMask = (1 << distanceBits) - 1;
    let hold = this.#hold;
    let bits = this.#bits;
    while (at <= inputEnd && end <= outputEnd) {
      // 24 to 31 bits, more than any code with its extra bits has, but for some distances. Those in `hold` above them are the
      // same that the next such step puts there.
      hold |= view.getInt32(at, true) << bits;
      at += (31 - bits) >>> 3;
      bits |= 24;
      let entry = literals[hold & literalMask] as number;
      if (entry < 0) {
        // Shifts look at the lowest five bits of their number only.
        hold >>>= entry;
        bits -= entry & 31;
        output[end++] = entry >>> 16;
        entry = literals[hold & literalMask] as number;
        if (entry < 0) {
          hold >>>= entry;
          bits -= entry & 31;
          output[end++] = entry >>> 16;
          continue;
        }
        hold |= view.getInt32(at, true) << bits;
        at += (31 - bits) >>> 3;
        bits |= 24;
      }
      if ((entry & UNUSUAL) !== 0) {
        if ((entry & LINK) !== 0) {
          entry = literals[(entry >>> 16) + ((hold >>> literalBits) & ((1 << (entry >>> 8)) - 1))] as number;
        }
        if (entry < 0) {
          hold >>>= entry;
          bits -= entry & 31;
          output[end++] = entry >>> 16;
          continue;
        }
        if ((entry & UNUSUAL) !== 0) {
          if ((entry & END) === 0) throw noSymbol();
          hold >>>= entry;
          bits -= entry & 31;
          this.#endBlock();
          break;
        }
      }
      const length = (entry >>> 16) + ((hold & ((1 << entry) - 1)) >>> (entry >>> 8));
      hold >>>= entry;
      bits -= entry & 31;
      hold |= view.getInt32(at, true) << bits;
      at += (31 - bits) >>> 3;
      bits |= 24;
      entry = distances[hold & distanceMask] as number;
      if ((entry & UNUSUAL) !== 0) {
        if ((entry & LINK) !== 0) {
          entry = distances[(entry >>> 16) + ((hold >>> distanceBits) & ((1 << (entry >>> 8)) - 1))] as number;
        }
        if ((entry & UNUSUAL) !== 0) throw noDistance();
      }
      let distance = entry >>> 16;
      if ((entry & 31) > bits) {
        const codeBits = (entry >>> 8) & 31;
        hold >>>= codeBits;
        bits -= codeBits;
        hold |= view.getInt32(at, true) << bits;
        at += (31 - bits) >>> 3;
        bits |= 24;
        const extra = (entry & 31) - codeBits;
        distance += hold & ((1 << extra) - 1);
        hold >>>= extra;
        bits -= extra;
      } else {
        distance += (hold & ((1 << entry) - 1)) >>> (entry >>> 8);
        hold >>>= entry;
        bits -= entry & 31;
      }
      if (distance > end) throw tooFar();
      end = copyMatch(output, outputView, end, distance, length);
    }
    this.#at = at;
    this.#hold = hold & ((1 << bits) - 1);
    this.#bits = bits;
    this.#end = end;
  }

  /** Decodes one symbol; false, and nothing is used, if the input does not have all of it. */
  #decodeSymbol(): boolean {
    const before = { at: this.#at, hold: this.#hold, bits: this.#bits };
    const entry = this.#readCode(this.#codes.literals);
    if (entry !== undefined) {
      if (entry < 0) {
        this.#output[this.#end++] = entry >>> 16;
        return true;
      }
      if ((entry & END) !== 0) {
        this.#endBlock();
        return true;
      }
      if ((entry & UNUSUAL) !== 0) throw noSymbol();
      const length = this.#readNumber(entry);
      const code = length === undefined ? undefined : this.#readCode(this.#codes.distances);
      if (code !== undefined && (code & UNUSUAL) !== 0) throw noDistance();
      const distance = code === undefined ? undefined : this.#readNumber(code);
      if (length !== undefined && distance !== undefined) {
        if (distance > this.#end) throw tooFar();
        this.#end = copyMatch(this.#output, this.#outputView, this.#end, distance, length);
        return true;
      }
    }
    this.#at = before.at;
    this.#hold = before.hold;
    this.#bits = before.bits;
    return false;
  }

  /** Takes a code and gives its entry; undefined if the input does not have all of it. */
  #readCode({ entries, rootBits }: HuffmanTable): number | undefined {
    this.#need(15);
    let entry = entries[this.#hold & ((1 << rootBits) - 1)] as number;
    if ((entry & LINK) !== 0) {
      entry = entries[(entry >>> 16) + ((this.#hold >>> rootBits) & ((1 << (entry >>> 8)) - 1))] as number;
    }
    const codeBits = codeBitsOf(entry);
    if (codeBits > this.#bits) return undefined;
    this.#take(codeBits);
    return entry;
  }

  /** The length or distance of an entry whose code was taken; undefined if the input does not have all of it. */
  #readNumber(entry: number): number | undefined {
    const extra = (entry & 31) - codeBitsOf(entry);
    return this.#need(extra) ? (entry >>> 16) + this.#take(extra) : undefined;
  }
}

/**
 * Writes what begins `distance` bytes before `end` once more, `length` bytes from `end` on, and fewer than {@link SLACK} bytes
 * more that do not count.
 * @param view of all of `output`
 * @returns where it ends
 */
function copyMatch(output: Uint8Array, view: DataView, end: number, distance: number, length: number): number {
  const stop = end + length;
  let from = end - distance;
  if (distance === 1 && length >= LONG_RUN) output.fill(output[from] as number, end, stop);
  else if (distance >= length && length >= LONG_COPY) output.copyWithin(end, from, from + length);
  else if (distance >= 4) {
    do {
      view.setInt32(end, view.getInt32(from, true), true);
      view.setInt32(end + 4, view.getInt32(from + 4, true), true);
      end += 8;
      from += 8;
    } while (end < stop);
  } else {
    do {
      output[end] = output[from] as number;
      output[end + 1] = output[from + 1] as number;
      output[end + 2] = output[from + 2] as number;
      end += 3;
      from += 3;
    } while (end < stop);
  }
  return stop;
}

interface Shapes {
  readonly lengths: CodeShape;
  readonly literals: CodeShape;
  readonly distances: CodeShape;
}

/** Made when they are first needed: importing does no work. */
let shapes: Shapes | undefined;
let fixedCodes: Codes | undefined;

function codeShapes(): Shapes {
  shapes ??= {
    // Lengths of codes stand for themselves, but for three that are followed by how often another one is repeated.
    lengths: {
      symbols: Int32Array.from({ length: 19 }, (_, symbol) => numberEntry(symbol, [2, 3, 7][symbol - 16] ?? 0)),
      rootBits: 7,
      incomplete: false,
    },
    literals: {
      symbols: Int32Array.from({ length: 288 }, (_, symbol) => {
        if (symbol < END_OF_BLOCK) return literalEntry(symbol);
        if (symbol === END_OF_BLOCK) return UNUSUAL | END;
        return numberOf(LENGTH_BASE, LENGTH_EXTRA, symbol - END_OF_BLOCK - 1);
      }),
      rootBits: LITERAL_ROOT_BITS,
      incomplete: true,
    },
    distances: {
      symbols: Int32Array.from({ length: 32 }, (_, symbol) => numberOf(DISTANCE_BASE, DISTANCE_EXTRA, symbol)),
      rootBits: DISTANCE_ROOT_BITS,
      incomplete: true,
    },
  };
  return shapes;
}

const makeCodes = ({ literals, distances }: Shapes): Codes => ({
  literals: new HuffmanTable(literals),
  distances: new HuffmanTable(distances),
});

/** The codes of blocks that bring none (RFC 1951, section 3.2.6). */
function makeFixedCodes(): Codes {
  const codes = makeCodes(codeShapes());
  codes.literals.build(new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280));
  codes.distances.build(new Uint8Array(32).fill(5));
  return codes;
}

/** The entry of a length or distance; of those that must not occur, one that says so. */
function numberOf(bases: readonly number[], extras: readonly number[], symbol: number): number {
  const base = bases[symbol];
  return base === undefined ? UNUSUAL : numberEntry(base, extras[symbol] ?? 0);
}

const noSymbol = (): SlipwayError => invalidGzip("it has a code that stands for nothing");
const noDistance = (): SlipwayError => invalidGzip("it has a distance that stands for nothing");
const tooFar = (): SlipwayError => invalidGzip("it has a match that reaches too far back");

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.byteLength + b.byteLength);
  both.set(a);
  both.set(b, a.byteLength);
  return both;
}
