import { BackwardBits } from "./backward-bits.ts";
import { type FseLimits, type FseTable, fseTable, readFseTable, singleSymbol } from "./fse-table.ts";
import { invalidZstd } from "./invalid.ts";

/** Takes what the sequences of a block say: so many literals, then so many bytes from so far back. */
export type SequenceTaker = (literals: number, match: number, distance: number) => void;

/** Lengths by their codes: what is added to so many bits that are read (RFC 8878, section 3.1.1.3.2.1.1). */
interface LengthCodes {
  readonly bits: Uint8Array;
  readonly base: Uint32Array;
}

/** @param first the shortest length @param plain how many codes stand for one length each @param bits of the others */
function lengthCodes(first: number, plain: number, ...more: readonly number[]): LengthCodes {
  const bits = Uint8Array.from([...new Array<number>(plain).fill(0), ...more]);
  const base = new Uint32Array(bits.length);
  let next = first;
  for (const [code, count] of bits.entries()) {
    base[code] = next;
    next += 2 ** count;
  }
  return { bits, base };
}

const LITERALS: LengthCodes = lengthCodes(0, 16, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
const MATCHES: LengthCodes = lengthCodes(
  3,
  32,
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
);

/** What is added to the bits of a distance, by its code. */
const POWERS: Float64Array = Float64Array.from({ length: 32 }, (_, code) => 2 ** code);

/** What the codes of one kind are coded with. */
interface CodeKind {
  readonly limits: FseLimits;
  /** The table that need not be written (section 3.1.1.3.2.2). */
  readonly usual: FseTable;
}

const ones = (count: number): readonly number[] => new Array<number>(count).fill(1);
const rare = (count: number): readonly number[] => new Array<number>(count).fill(-1);
const twos = (count: number): readonly number[] => new Array<number>(count).fill(2);

const LITERAL_CODES: CodeKind = {
  limits: { accuracy: 9, symbol: 35 },
  usual: fseTable([4, 3, ...twos(11), ...ones(3), ...twos(9), 3, 2, ...ones(5), ...rare(4)], 6),
};
const DISTANCE_CODES: CodeKind = {
  limits: { accuracy: 8, symbol: 31 },
  usual: fseTable([...ones(6), ...twos(3), ...ones(15), ...rare(5)], 5),
};
const MATCH_CODES: CodeKind = {
  limits: { accuracy: 9, symbol: 52 },
  usual: fseTable([1, 4, 3, ...twos(6), ...ones(37), ...rare(7)], 6),
};

interface Tables {
  readonly literals: FseTable;
  readonly distances: FseTable;
  readonly matches: FseTable;
}

/** Reads the sequences of the blocks of one frame (RFC 8878, section 3.1.1.3.2): tables and distances go on from block to block. */
export class ZstdSequences {
  #tables: Tables | undefined;
  // The last three distances, the latest first (section 3.1.1.5).
  #first = 1;
  #second = 4;
  #third = 8;

  /**
   * @param section the part of a block behind its literals
   * @throws SlipwayError `INVALID_COMPRESSION`; what `take` throws
   */
  read(section: Uint8Array, take: SequenceTaker): void {
    const [b0, b1 = 0, b2 = 0] = section;
    if (b0 === undefined) throw damaged();
    if (b0 === 0) {
      if (section.byteLength > 1) throw damaged();
      return;
    }
    const [count, at] =
      b0 < 128 ? [b0, 1] : b0 < 255 ? [((b0 - 128) << 8) | b1, 2] : ([(b1 | (b2 << 8)) + 0x7f00, 3] as const);
    const start = this.#readTables(section, at);
    this.#readSequences(new BackwardBits(section.subarray(start)), count, take);
  }

  /** @returns where the sequences begin */
  #readTables(section: Uint8Array, start: number): number {
    const modes = section[start] ?? 0;
    if ((modes & 3) !== 0) throw damaged();
    let at = start + 1;
    const read = (mode: number, { limits, usual }: CodeKind, before: FseTable | undefined): FseTable => {
      switch (mode) {
        case 0:
          return usual;
        case 1: {
          const symbol = section[at++];
          if (symbol === undefined || symbol > limits.symbol) throw damaged();
          return singleSymbol(symbol);
        }
        case 2: {
          const { table, size } = readFseTable(section.subarray(at), limits);
          at += size;
          return table;
        }
        default:
          if (before === undefined) throw damaged();
          return before;
      }
    };
    const before = this.#tables;
    const literals = read(modes >> 6, LITERAL_CODES, before?.literals);
    const distances = read((modes >> 4) & 3, DISTANCE_CODES, before?.distances);
    const matches = read((modes >> 2) & 3, MATCH_CODES, before?.matches);
    this.#tables = { literals, distances, matches };
    return at;
  }

  #readSequences(bits: BackwardBits, count: number, take: SequenceTaker): void {
    if (this.#tables === undefined) return;
    const { literals, distances, matches } = this.#tables;
    let literalState = bits.read(literals.accuracy);
    let distanceState = bits.read(distances.accuracy);
    let matchState = bits.read(matches.accuracy);
    // States and codes are within their tables: these were made so.
    for (let left = count; ; ) {
      const distanceCode = distances.symbols[distanceState] as number;
      const matchCode = matches.symbols[matchState] as number;
      const literalCode = literals.symbols[literalState] as number;
      const offset = (POWERS[distanceCode] as number) + bits.read(distanceCode);
      const match = (MATCHES.base[matchCode] as number) + bits.read(MATCHES.bits[matchCode] as number);
      const literal = (LITERALS.base[literalCode] as number) + bits.read(LITERALS.bits[literalCode] as number);
      take(literal, match, this.#distance(offset, literal));
      if (--left === 0) break;
      literalState = (literals.base[literalState] as number) + bits.read(literals.bits[literalState] as number);
      matchState = (matches.base[matchState] as number) + bits.read(matches.bits[matchState] as number);
      distanceState = (distances.base[distanceState] as number) + bits.read(distances.bits[distanceState] as number);
    }
    if (!bits.ended) throw damaged();
  }

  /** The distance that is meant: itself plus three, or 1 to 3 for one of the last three (section 3.1.1.5). */
  #distance(offset: number, literals: number): number {
    if (offset > 3) {
      this.#third = this.#second;
      this.#second = this.#first;
      this.#first = offset - 3;
      return this.#first;
    }
    const which = literals === 0 ? offset + 1 : offset;
    if (which === 1) return this.#first;
    const distance = which === 2 ? this.#second : which === 3 ? this.#third : this.#first - 1;
    if (which !== 2) this.#third = this.#second;
    this.#second = this.#first;
    this.#first = distance;
    return distance;
  }
}

const damaged = (): Error => invalidZstd("the sequences of a block are damaged");
