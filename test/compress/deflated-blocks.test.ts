import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { type BlockDeflater, createBlockDeflater, type DeflateLevel } from "../../src/compress/deflate/index.ts";
import { checkBlock, largestSize } from "./support/check-block.ts";
import { mixture, noise, prose } from "./support/data.ts";
import { END_OF_BLOCKS, inflaters } from "./support/inflaters.ts";
import { cook, EDGES, PART_KINDS, type Part, type PartKind, type Recipe } from "./support/recipes.ts";

const levels: readonly DeflateLevel[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** One for each level, used by all tests: what a deflater did before must not show. */
const deflaters = new Map(levels.map((level) => [level, createBlockDeflater(level)]));

function deflaterOf(level: DeflateLevel): BlockDeflater {
  return deflaters.get(level) ?? createBlockDeflater(level);
}

/** Fails unless zlib and the strict reader make the block of its deflate data again. */
const check = (level: DeflateLevel, block: Uint8Array) => checkBlock(deflaterOf(level), block);

const sizeOf = (level: DeflateLevel, block: Uint8Array): number => check(level, block).deflated.byteLength;

/** Letters without any order: they shrink, and only copies of them are matches of any length. */
const letters = (size: number): Uint8Array => noise(size, 7).map((byte) => 0x40 + (byte & 63));

const part = (kind: PartKind, size: number, parameter = 0, seed = 1): Part => ({ kind, size, parameter, seed });

const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const sizes = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 40_000 }),
  fc
    .constantFrom(...EDGES.filter((size) => size < 140_000))
    .chain((size) => fc.integer({ min: size - 1, max: size + 2 })),
);
const parameters = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 32_760, max: 32_770 }),
  fc.integer({ min: 0, max: 70_000 }),
);
/** Stretches of each kind, one after the other. */
const recipes: fc.Arbitrary<Recipe> = fc.array(
  fc.record({ kind: fc.constantFrom(...PART_KINDS), size: sizes, seed: seeds, parameter: parameters }),
  { minLength: 1, maxLength: 4 },
);

describe.each(levels)("a block deflated at level %i", (level) => {
  it("is read by zlib and the strict reader, whatever it is", () => {
    fc.assert(
      fc.property(recipes, (recipe) => {
        check(level, cook(recipe));
      }),
      { numRuns: 25 },
    );
  });

  it("is read by all inflaters", async () => {
    await fc.assert(
      fc.asyncProperty(recipes, async (recipe) => {
        const block = cook(recipe);
        const stream = concatBytes([deflaterOf(level).deflate(block), END_OF_BLOCKS]);
        for (const [name, inflate] of Object.entries(inflaters)) {
          expect([name, Buffer.compare(await inflate(stream), block)]).toEqual([name, 0]);
        }
      }),
      { numRuns: 6 },
    );
  });

  it("does not depend on what the deflater did before", () => {
    fc.assert(
      fc.property(recipes, recipes, (one, other) => {
        const block = cook(one);
        const deflater = createBlockDeflater(level);
        const first = deflater.deflate(block);
        const kept = first.slice();
        deflater.deflate(cook(other));
        expect(Buffer.compare(deflater.deflate(block), kept)).toBe(0);
        // Nor is what was given out written to again.
        expect(Buffer.compare(first, kept)).toBe(0);
      }),
      { numRuns: 5 },
    );
  });

  it("may be part of a larger array", () => {
    const whole = mixture(50_000);
    const inner = whole.subarray(12_345, 45_678);
    expect(check(level, inner).deflated).toEqual(deflaterOf(level).deflate(inner.slice()));
  });

  it.each(PART_KINDS)("may be of one kind: %s", (kind) => {
    for (const parameter of [0, 1, 7, 255, 40_000]) check(level, cook([part(kind, 70_000, parameter)]));
  });

  it("may have any size around those at which something changes", () => {
    const text = prose(140_000);
    const any = noise(140_000);
    const same = new Uint8Array(140_000).fill(0x61);
    for (const edge of [0, ...EDGES.filter((size) => size < 140_000)]) {
      for (const size of [edge - 1, edge, edge + 1, edge + 2]) {
        if (size < 0) continue;
        for (const bytes of [text, any, same]) check(level, bytes.subarray(0, size));
      }
    }
    for (let size = 0; size < 70; size++) {
      for (const bytes of [text, any, same]) check(level, bytes.subarray(0, size));
    }
  });

  it("may repeat itself after any period, and after all of the window", () => {
    for (let period = 1; period <= 300; period += period < 40 ? 1 : 5)
      check(level, cook([part("periodic", 3 * period + 600, period, period)]));
    for (const period of [32_766, 32_767, 32_768, 32_769, 32_770]) {
      const once = letters(period);
      const { blocks } = check(level, concatBytes([once, once, once]));
      const matched = blocks.reduce((sum, { matchBytes }) => sum + matchBytes, 0);
      // Nothing is to be seen of the period beyond the window.
      if (period > 32_768) expect(matched).toBeLessThan(period / 4);
      else if (period < 32_768) expect(matched).toBeGreaterThan(level === 1 ? 35_000 : 60_000);
    }
  });

  it("may have runs of any length up to the longest match and beyond", () => {
    for (const length of [3, 4, 5, 255, 256, 257, 258, 259, 260, 261, 515, 516, 517, 518]) {
      const runs = Array.from({ length: 20 }, (_, i) => new Uint8Array(length).fill(i * 11));
      check(level, concatBytes(runs));
      const copies = Array.from({ length: 20 }, (_, i) => concatBytes([noise(length, 5), Uint8Array.of(i)]));
      check(level, concatBytes(copies));
    }
  });

  it("is never much larger than the block, also where nothing shrinks or only a part does", () => {
    const sizes = [0, 1, 100, 16_384, 65_535, 65_536, 1_000_000];
    for (const size of sizes) expect(sizeOf(level, noise(size))).toBeLessThanOrEqual(largestSize(size));
    const mixed = concatBytes(Array.from({ length: 20 }, (_, i) => (i % 2 ? prose(5000) : noise(17_000, i + 1))));
    expect(sizeOf(level, mixed)).toBeLessThan(10 * 17_000 + 10 * 2500);
  });

  it("finds again what is within the window", () => {
    const once = letters(10_000);
    const size = sizeOf(level, once);
    // Level 1 goes through what it does not know in large steps, and remembers little of it.
    expect(sizeOf(level, concatBytes([once, once, once]))).toBeLessThan(level === 1 ? 2.2 * size : size + 800);
  });

  it("makes little of one byte all the time", () => {
    expect(sizeOf(level, new Uint8Array(1_000_000))).toBeLessThan(1500);
  });
});

describe("the levels", () => {
  const typical: Readonly<Record<string, Recipe>> = {
    text: [part("text", 600_000, 2500)],
    "a tar": [part("tar", 600_000, 9000)],
    json: [part("json", 600_000)],
    records: [part("records", 600_000, 17)],
  };

  it.each(Object.entries(typical))("give the smaller output for %s, the higher they are", (_, recipe) => {
    const block = cook(recipe);
    const made = levels.map((level) => sizeOf(level, block));
    for (const [i, size] of made.entries()) {
      // Each level has its own trade-offs; none may be worse than the one before by more than a little.
      const before = made[i - 1] ?? size;
      expect(size, `level ${i + 1} after ${before}`).toBeLessThanOrEqual(before * 1.02);
    }
    expect(made[8]).toBeLessThan(made[0] ?? 0);
  });
});
