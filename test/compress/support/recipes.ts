import { concatBytes } from "../../../src/bytes.ts";
import { entry } from "../../tar/support/raw.ts";

/** What a stretch of input is like. */
export type PartKind =
  | "noise"
  | "equal"
  | "periodic"
  | "alphabet"
  | "fibonacci"
  | "text"
  | "json"
  | "records"
  | "tar"
  | "grammar"
  | "again";

/** A stretch of input. All of it follows from these values, so that a failure can be written down and repeated. */
export interface Part {
  readonly kind: PartKind;
  /** Bytes. */
  readonly size: number;
  readonly seed: number;
  /** What the kind makes of it: a byte, a period, how many different bytes; see {@link PART_KINDS}. */
  readonly parameter: number;
}

/** What an input is made of, one part after the other. */
export type Recipe = readonly Part[];

/** Numbers that look random, the same for each seed (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) >>> 0 || 1;
  }

  /** A whole number of 32 bits. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor((this.next() / 2 ** 32) * end);
  }

  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }
}

/** Makes `size` bytes. `before` is what the input has so far. */
type Maker = (random: Random, size: number, parameter: number, before: readonly Uint8Array[]) => Uint8Array;

/** Of a million. */
const GOLDEN_RATIO = 1_618_034;

const makers: Readonly<Record<PartKind, Maker>> = {
  /** Any bytes. */
  noise,
  /** One byte, the parameter, all the time. */
  equal: (_, size, parameter) => new Uint8Array(size).fill(parameter),
  /** Any bytes, again after each period. */
  periodic(random, size, parameter) {
    const period = Math.max(1, parameter);
    const bytes = noise(random, Math.min(size, period));
    return repeated(bytes, size);
  },
  /** Few different bytes, without any order. */
  alphabet(random, size, parameter) {
    const count = 1 + (parameter % 256);
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at++) bytes[at] = random.below(count) * 37;
    return bytes;
  },
  /** Bytes each of which is as frequent as the two rarer ones together: their Huffman codes are as long as there can be. */
  fibonacci(random, size, parameter) {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at++) {
      let rank = 0;
      while (rank < 255 && random.below(GOLDEN_RATIO) < 1_000_000) rank++;
      bytes[at] = rank * (1 + 2 * (parameter % 100));
    }
    return bytes;
  },
  /** Words, a few of which are frequent. */
  text,
  json(random, size) {
    let text = "[";
    while (text.length < size) {
      text += `{"id":${random.next()},"name":"item ${random.below(500)}","tags":["a","b${random.below(9)}"],"on":${random.below(2) === 0}},\n`;
    }
    return new TextEncoder().encode(text.slice(0, size));
  },
  /** Records of numbers that grow slowly, as in programs and tables. */
  records(random, size, parameter) {
    const stride = 4 + (parameter % 61);
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at++) {
      const column = at % stride;
      const before = at >= stride ? (bytes[at - stride] as number) : 0;
      bytes[at] =
        column === 0 ? before + 1 : column < 3 ? random.below(4) : random.below(9) === 0 ? random.next() : before;
    }
    return bytes;
  },
  /** Entries of a tar with small files. */
  tar(random, size, parameter) {
    const parts: Uint8Array[] = [];
    let at = 0;
    while (at < size) {
      const content = text(random, random.below(1 + (parameter % 20_000)), random.below(300));
      const name = `node_modules/package-${random.below(50)}/lib/file-${random.below(10_000)}.js`;
      const made = entry({ name, mtime: "00000000000\0" }, content);
      parts.push(made);
      at += made.byteLength;
    }
    return concatBytes(parts).subarray(0, size);
  },
  /** Literals and copies at the distances and of the lengths at which an encoder may go wrong. */
  grammar(random, size, parameter, before) {
    const start = Math.min(65_536, sizeOf(before));
    const bytes = new Uint8Array(start + size);
    bytes.set(endOf(before, start));
    const most = 2 + (parameter % 40);
    for (let at = start; at < bytes.byteLength; ) {
      for (let run = random.below(most); run > 0 && at < bytes.byteLength; run--) bytes[at++] = random.next() >>> 9;
      const distance = distanceOf(random);
      if (distance > at) continue;
      const end = Math.min(bytes.byteLength, at + lengthOf(random));
      for (; at < end; at++) bytes[at] = bytes[at - distance] as number;
    }
    return bytes.subarray(start);
  },
  /** What came before, from a distance, with a byte changed here and there. */
  again(random, size, parameter, before) {
    const distance = 1 + (parameter % 70_000);
    const source = endOf(before, Math.min(distance, sizeOf(before)));
    const bytes = source.byteLength === 0 ? new Uint8Array(size) : repeated(source, size);
    for (let at = random.below(600); at < size; at += 1 + random.below(600)) bytes[at] = random.next();
    return bytes;
  },
};

function noise(random: Random, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) bytes[at] = random.next() >>> 7;
  return bytes;
}

function text(random: Random, size: number, parameter: number): Uint8Array {
  const count = 2 + (parameter % 3000);
  // Products crowd at the lower end.
  const low = (end: number): number => Math.floor((random.below(end) * random.below(end)) / end);
  const letters = "etaoinshrdlcumwfgypbvk";
  const words = Array.from({ length: count }, () =>
    Array.from({ length: 1 + random.below(11) }, () => letters[low(letters.length)]).join(""),
  );
  let text = "";
  while (text.length < size) text += words[low(count)] + (random.below(12) === 0 ? ".\n" : " ");
  return new TextEncoder().encode(text.slice(0, size));
}

export const PART_KINDS: readonly PartKind[] = Object.keys(makers) as PartKind[];

/** The input of a recipe. */
export function cook(recipe: Recipe): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const { kind, size, seed, parameter } of recipe) {
    const maker: Maker = makers[kind];
    parts.push(maker(new Random(seed), size, parameter, parts));
  }
  return concatBytes(parts);
}

/** Any recipe of at most so many bytes. */
export function randomRecipe(random: Random, most: number): Recipe {
  const recipe: Part[] = [];
  let left = sizeOfAny(random, most);
  const count = 1 + random.below(5);
  for (let i = 0; i < count && left > 0; i++) {
    const size = i === count - 1 ? left : 1 + random.below(left);
    recipe.push(randomPart(random, size));
    left -= size;
  }
  return recipe;
}

/** A part of any kind. */
export function randomPart(random: Random, size: number): Part {
  const kinds: readonly [PartKind, ...PartKind[]] = ["grammar", ...PART_KINDS];
  const kind = random.pick(kinds);
  const parameter =
    kind === "periodic" || kind === "again"
      ? random.pick([1, 2, 3, 4, 5, 1 + random.below(300), 32_766 + random.below(5), 1 + random.below(70_000)])
      : random.below(100_000);
  return { kind, size, seed: random.next(), parameter };
}

/** Sizes around which something changes: of words, matches, the window, stored blocks. */
export const EDGES: readonly [number, ...number[]] = [
  1, 4, 8, 16, 64, 256, 258, 512, 4096, 16_384, 32_768, 65_535, 65_536, 98_304, 131_070, 131_072, 262_144, 1_048_576,
];

function sizeOfAny(random: Random, most: number): number {
  if (random.below(3) === 0) return Math.min(most, Math.max(0, random.pick(EDGES) - 3 + random.below(7)));
  // As many small ones as large ones.
  return Math.min(most, Math.floor(most ** (random.next() / 2 ** 32)));
}

function distanceOf(random: Random): number {
  switch (random.below(4)) {
    case 0:
      return 1 + random.below(8);
    case 1:
      // Where the next code, or the next number of extra bits, begins.
      return Math.max(1, ((1 << random.below(16)) | (random.below(2) << random.below(15))) - 1 + random.below(3));
    case 2:
      return 32_766 + random.below(5);
    default:
      return 1 + random.below(32_768);
  }
}

function lengthOf(random: Random): number {
  switch (random.below(4)) {
    case 0:
      return 1 + random.below(6);
    case 1:
      return random.pick([257, 258, 259, 260, 261, 516, 517, 1024]);
    case 2:
      return 1 + random.below(300);
    default:
      return 3 + random.below(20);
  }
}

function repeated(bytes: Uint8Array, size: number): Uint8Array {
  const all = new Uint8Array(size);
  all.set(bytes.subarray(0, size));
  for (let have = bytes.byteLength; have > 0 && have < size; have *= 2)
    all.copyWithin(have, 0, Math.min(have, size - have));
  return all;
}

const sizeOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, { byteLength }) => sum + byteLength, 0);

/** The last bytes of the parts. */
function endOf(parts: readonly Uint8Array[], size: number): Uint8Array {
  const taken: Uint8Array[] = [];
  let left = size;
  for (const part of parts.toReversed()) {
    taken.unshift(part.subarray(Math.max(0, part.byteLength - left)));
    left -= taken[0]?.byteLength ?? 0;
  }
  return concatBytes(taken);
}
