/**
 * A strict reader of deflate data (RFC 1951), in the manner of infgen: it looks at each block and each symbol, and refuses what
 * inflaters let pass. It counts what it sees, which tells why data has the size that it has.
 */

/** One block of the format. All bits of it are in one of `headerBits`, `literalBits`, `matchBits` and `storedBits`. */
export interface DeflateBlock {
  readonly type: "stored" | "fixed" | "dynamic";
  readonly final: boolean;
  /** Bytes that it stands for. */
  readonly size: number;
  readonly literals: number;
  readonly matches: number;
  /** Bytes that the matches stand for. */
  readonly matchBytes: number;
  /** Type, codes, and the end of the block. */
  readonly headerBits: number;
  readonly literalBits: number;
  readonly matchBits: number;
  /** Padding, length and contents of a stored block. */
  readonly storedBits: number;
}

/** What deflate data was found to hold. */
export interface ReadDeflate {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly blocks: readonly DeflateBlock[];
}

/** What the data has to be. */
export interface ReadDeflateOptions {
  /**
   * `stream`: the last block, and only that one, is marked as final. `flushed`: no block is, and the last one is an empty stored
   * block. Nothing follows in either case.
   */
  readonly form: "stream" | "flushed";
  /** Whether an empty stored block is where matches end to reach back. Default false. */
  readonly independent?: boolean | undefined;
}

/** What is wrong with the data, and at which bit. */
export class DeflateError extends Error {
  constructor(reason: string, bit: number) {
    super(`${reason}, at bit ${bit}`);
    this.name = "DeflateError";
  }
}

const WINDOW_SIZE = 32768;
const END_OF_BLOCK = 256;
const LONGEST_CODE = 15;

// Lengths and distances by symbol (RFC 1951, section 3.2.5).
const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const lengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
];
const distanceExtra = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
/** The order in which the lengths of the code length code come (section 3.2.7). */
const codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/**
 * Reads all of the data.
 * @throws DeflateError at the first thing that RFC 1951 does not allow, or that is not of the form asked for
 */
export function readDeflate(data: Uint8Array, options: ReadDeflateOptions): ReadDeflate {
  return new Reader(data, options).read();
}

/**
 * Reads a gzip member as `gzip` writes it: nothing in the header but that it is deflate, checksum and size at the end.
 * @param options whether its blocks are independent
 * @throws DeflateError as {@link readDeflate} does. The checksum is left to others
 */
export function readMember(member: Uint8Array, options: { readonly independent: boolean }): ReadDeflate {
  const header = Array.from(member.subarray(0, 10));
  if (header.join() !== [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255].join()) {
    throw new DeflateError(`the header is ${header.join()}`, 0);
  }
  const read = readDeflate(member.subarray(10, -8), { form: "stream", ...options });
  const size = new DataView(member.buffer, member.byteOffset + member.byteLength - 4).getUint32(0, true);
  if (size !== read.bytes.byteLength % 2 ** 32) throw new DeflateError(`the size is ${size}`, 8 * member.byteLength);
  return read;
}

/** A prefix code. */
interface Code {
  /** `symbol << 4 | length` by the next bits of the data, 0 where they are no code. */
  readonly entries: Uint16Array;
  /** Bits that are looked up. */
  readonly bits: number;
}

let fixedCodes: { readonly literals: Code; readonly distances: Code } | undefined;

class Reader {
  readonly #data: Uint8Array;
  readonly #options: ReadDeflateOptions;
  readonly #blocks: DeflateBlock[] = [];
  #output = new Uint8Array(65536);
  #size = 0;
  /** Where matches may reach back to. */
  #from = 0;
  #at = 0;
  #hold = 0;
  #held = 0;

  constructor(data: Uint8Array, options: ReadDeflateOptions) {
    this.#data = data;
    this.#options = options;
  }

  read(): ReadDeflate {
    const { form, independent } = this.#options;
    for (;;) {
      const block = this.#readBlock();
      this.#blocks.push(block);
      const empty = block.type === "stored" && block.size === 0;
      if (independent === true && empty) this.#from = this.#size;
      const atEnd = this.#at === this.#data.byteLength && this.#held < 8;
      if (block.final) {
        if (form === "flushed") throw this.#error("a block is marked as final");
        if (this.#take(this.#held % 8) !== 0) throw this.#error("there are bits after the end");
        if (!atEnd) throw this.#error("something follows the final block");
        break;
      }
      if (!atEnd) continue;
      if (form === "stream") throw this.#error("there is no final block");
      if (!empty) throw this.#error("the last block is not an empty stored one");
      break;
    }
    return { bytes: this.#output.slice(0, this.#size), blocks: this.#blocks };
  }

  /** Bits that were read. */
  get #bit(): number {
    return this.#at * 8 - this.#held;
  }

  #error(reason: string): DeflateError {
    return new DeflateError(reason, this.#bit);
  }

  /** The next bits, zeros beyond the end. At most 24. */
  #peek(count: number): number {
    while (this.#held < count) {
      if (this.#at >= this.#data.byteLength) return this.#hold;
      this.#hold |= (this.#data[this.#at++] as number) << this.#held;
      this.#held += 8;
    }
    return this.#hold & ((1 << count) - 1);
  }

  #take(count: number): number {
    const value = this.#peek(count);
    if (count > this.#held) throw this.#error("the data ends within a block");
    this.#hold >>>= count;
    this.#held -= count;
    return value;
  }

  #decode(code: Code, what: string): number {
    const entry = code.entries[this.#peek(code.bits)] as number;
    if (entry === 0) throw this.#error(`no ${what} has this code`);
    this.#take(entry & 15);
    return entry >>> 4;
  }

  #readBlock(): DeflateBlock {
    const start = this.#bit;
    const final = this.#take(1) === 1;
    switch (this.#take(2)) {
      case 0:
        return this.#readStored(final);
      case 1:
        fixedCodes ??= {
          literals: this.#makeCode(
            new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280),
            "literal and length",
          ),
          distances: this.#makeCode(new Uint8Array(32).fill(5), "distance"),
        };
        return this.#readSymbols("fixed", final, start, fixedCodes.literals, fixedCodes.distances);
      case 2: {
        const [literals, distances] = this.#readCodes();
        return this.#readSymbols("dynamic", final, start, literals, distances);
      }
      default:
        throw this.#error("a block has the type 3");
    }
  }

  #readStored(final: boolean): DeflateBlock {
    const start = this.#bit;
    if (this.#take(this.#held % 8) !== 0) throw this.#error("bits before a stored block are not zero");
    const size = this.#take(16);
    if (this.#take(16) !== (size ^ 0xffff))
      throw this.#error("the length of a stored block differs from its complement");
    // Whole bytes only are held here.
    this.#at -= this.#held / 8;
    this.#hold = 0;
    this.#held = 0;
    if (this.#at + size > this.#data.byteLength) throw this.#error("the data ends within a stored block");
    this.#reserve(size);
    this.#output.set(this.#data.subarray(this.#at, this.#at + size), this.#size);
    this.#at += size;
    this.#size += size;
    const storedBits = this.#bit - start;
    return {
      ...{ type: "stored", final, size, literals: 0, matches: 0, matchBytes: 0 },
      ...{ headerBits: 3, literalBits: 0, matchBits: 0, storedBits },
    };
  }

  /** The codes that a block brings (section 3.2.7). */
  #readCodes(): readonly [literals: Code, distances: Code] {
    const literalCount = this.#take(5) + 257;
    const distanceCount = this.#take(5) + 1;
    const codeLengthCount = this.#take(4) + 4;
    if (literalCount > 286) throw this.#error(`a block has ${literalCount} literal and length codes`);
    if (distanceCount > 30) throw this.#error(`a block has ${distanceCount} distance codes`);
    const codeLengths = new Uint8Array(19);
    for (const symbol of codeLengthOrder.slice(0, codeLengthCount)) codeLengths[symbol] = this.#take(3);
    const code = this.#makeCode(codeLengths, "code length");
    const lengths = new Uint8Array(literalCount + distanceCount);
    for (let filled = 0; filled < lengths.byteLength; ) {
      const symbol = this.#decode(code, "code length");
      if (symbol < 16) {
        lengths[filled++] = symbol;
        continue;
      }
      if (symbol === 16 && filled === 0) throw this.#error("there is no code length to repeat");
      const length = symbol === 16 ? (lengths[filled - 1] as number) : 0;
      const count = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
      if (filled + count > lengths.byteLength) throw this.#error("a run of code lengths goes beyond the last code");
      lengths.fill(length, filled, filled + count);
      filled += count;
    }
    if (lengths[END_OF_BLOCK] === 0) throw this.#error("the end of the block has no code");
    const distances = lengths.subarray(literalCount);
    return [
      this.#makeCode(lengths.subarray(0, literalCount), "literal and length"),
      this.#makeCode(distances, "distance"),
    ];
  }

  /** Makes the code of these lengths (section 3.2.2), which has to use up all that there is of bits. */
  #makeCode(lengths: Uint8Array, what: string): Code {
    const counts = new Uint16Array(LONGEST_CODE + 1);
    for (const length of lengths) counts[length] = (counts[length] as number) + 1;
    counts[0] = 0;
    let used = 0;
    let longest = 0;
    let left = 1;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      const count = counts[length] as number;
      if (count > 0) longest = length;
      used += count;
      left = 2 * left - count;
      if (left < 0) throw this.#error(`the ${what} code has more codes than there can be`);
    }
    // "One distance code of zero bits means that there are no distance codes used at all", and one may have one bit.
    const allowed = what === "distance" && ((used === 0 && lengths.byteLength === 1) || (used === 1 && longest === 1));
    if (left > 0 && !allowed) throw this.#error(`the ${what} code is incomplete`);
    const bits = Math.max(1, longest);
    const entries = new Uint16Array(1 << bits);
    const next = new Uint16Array(LONGEST_CODE + 2);
    for (let length = 1; length <= LONGEST_CODE; length++) {
      next[length + 1] = ((next[length] as number) + (counts[length] as number)) << 1;
    }
    for (const [symbol, length] of lengths.entries()) {
      if (length === 0) continue;
      const code = next[length] as number;
      next[length] = code + 1;
      let reversed = 0;
      for (let i = 0; i < length; i++) reversed |= ((code >>> i) & 1) << (length - 1 - i);
      for (let at = reversed; at < entries.length; at += 1 << length) entries[at] = (symbol << 4) | length;
    }
    return { entries, bits };
  }

  #readSymbols(
    type: "fixed" | "dynamic",
    final: boolean,
    start: number,
    literalCode: Code,
    distanceCode: Code,
  ): DeflateBlock {
    const sizeBefore = this.#size;
    const first = this.#bit;
    let literals = 0;
    let matches = 0;
    let matchBytes = 0;
    let matchBits = 0;
    for (;;) {
      const before = this.#bit;
      const symbol = this.#decode(literalCode, "literal or length");
      if (symbol < END_OF_BLOCK) {
        this.#reserve(1);
        this.#output[this.#size++] = symbol;
        literals++;
        continue;
      }
      if (symbol === END_OF_BLOCK) {
        const headerBits = first - start + this.#bit - before;
        const literalBits = before - first - matchBits;
        const size = this.#size - sizeBefore;
        return {
          ...{ type, final, size, literals, matches, matchBytes },
          ...{ headerBits, literalBits, matchBits, storedBits: 0 },
        };
      }
      const base = lengthBase[symbol - 257];
      if (base === undefined) throw this.#error(`there is a length with the symbol ${symbol}`);
      const length = base + this.#take(lengthExtra[symbol - 257] as number);
      // The format can say 258 in two ways, and means one.
      if (symbol === 284 && length === 258) throw this.#error("a length of 258 has the symbol 284");
      this.#copy(length, this.#readDistance(distanceCode));
      matches++;
      matchBytes += length;
      matchBits += this.#bit - before;
    }
  }

  #readDistance(code: Code): number {
    const symbol = this.#decode(code, "distance");
    const base = distanceBase[symbol];
    if (base === undefined) throw this.#error(`there is a distance with the symbol ${symbol}`);
    return base + this.#take(distanceExtra[symbol] as number);
  }

  #copy(length: number, distance: number): void {
    if (distance > WINDOW_SIZE || distance > this.#size - this.#from) {
      throw this.#error(`a match reaches back by ${distance}, where only ${this.#size - this.#from} bytes are`);
    }
    this.#reserve(length);
    const output = this.#output;
    for (let i = 0; i < length; i++) {
      output[this.#size] = output[this.#size - distance] as number;
      this.#size++;
    }
  }

  #reserve(count: number): void {
    if (this.#size + count <= this.#output.byteLength) return;
    const output = new Uint8Array(2 * (this.#size + count));
    output.set(this.#output);
    this.#output = output;
  }
}
