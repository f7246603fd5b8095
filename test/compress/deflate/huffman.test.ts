import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HuffmanCoder } from "../../../src/compress/deflate/huffman.ts";

const SYMBOLS = 286;

function build(frequencies: readonly number[], limit = 15): HuffmanCoder {
  const coder = new HuffmanCoder(frequencies.length, limit);
  coder.build(Int32Array.from(frequencies));
  return coder;
}

function cost(frequencies: readonly number[], lengths: Uint8Array): number {
  return frequencies.reduce((sum, frequency, symbol) => sum + frequency * (lengths[symbol] ?? 0), 0);
}

/** Kraft's sum in units of a code of 15 bits. */
function kraft(lengths: Uint8Array): number {
  return lengths.reduce((sum, length) => (length === 0 ? sum : sum + (1 << (15 - length))), 0);
}

/** What an optimal code without a limit costs: the sum of the weights of all inner nodes. */
function optimum(frequencies: readonly number[]): number {
  const weights = frequencies.filter((frequency) => frequency > 0);
  let sum = 0;
  while (weights.length > 1) {
    weights.sort((a, b) => a - b);
    const node = (weights.shift() ?? 0) + (weights.shift() ?? 0);
    sum += node;
    weights.push(node);
  }
  return sum;
}

/** What an optimal code with a limit costs, by package-merge with lists (Larmore and Hirschberg). */
function limitedOptimum(frequencies: readonly number[], limit: number): number {
  const leaves = frequencies.filter((frequency) => frequency > 0).sort((a, b) => a - b);
  let packages: number[] = [];
  for (let bit = 0; bit < limit; bit++) {
    const all = [...leaves, ...packages].sort((a, b) => a - b);
    packages = [];
    for (let i = 0; i + 1 < all.length; i += 2) packages.push((all[i] ?? 0) + (all[i + 1] ?? 0));
  }
  return packages.slice(0, leaves.length - 1).reduce((sum, weight) => sum + weight, 0);
}

/** Each number the sum of the two before it: the deepest tree for so few symbols. */
function fibonacci(count: number): number[] {
  const numbers = [1, 1];
  while (numbers.length < count) numbers.push((numbers.at(-1) ?? 0) + (numbers.at(-2) ?? 0));
  return numbers.slice(0, count);
}

const frequencies = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 5 }), fc.nat({ max: 1_000_000 })), {
  minLength: 2,
  maxLength: SYMBOLS,
});

describe("Huffman codes", () => {
  it("are complete, within the limit, and only of symbols in use", () => {
    fc.assert(
      fc.property(frequencies, fc.constantFrom(9, 11, 12, 15), (counts, limit) => {
        const { lengths } = build(counts, limit);
        expect(kraft(lengths)).toBe(1 << 15);
        expect(Math.max(...lengths)).toBeLessThanOrEqual(limit);
        if (counts.filter((count) => count > 0).length >= 2) {
          for (const [symbol, count] of counts.entries()) expect((lengths[symbol] ?? 0) > 0).toBe(count > 0);
        }
      }),
    );
  });

  it("are optimal where the limit is not reached", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 300 }), { minLength: 2, maxLength: SYMBOLS }), (counts) => {
        fc.pre(counts.filter((count) => count > 0).length >= 2);
        // Sums of up to 85,800 make no code longer than 15 bits but for Fibonacci's frequencies.
        const { lengths } = build(counts);
        fc.pre(Math.max(...lengths) < 15);
        expect(cost(counts, lengths)).toBe(optimum(counts));
      }),
    );
  });

  it("are the best within the limit where it is", () => {
    for (const [count, limit] of [
      [16, 7],
      [19, 7],
      [20, 12],
      [25, 11],
      [28, 15],
      [30, 11],
    ] as const) {
      const counts = fibonacci(count);
      const { lengths } = build(counts, limit);
      expect(kraft(lengths)).toBe(1 << 15);
      expect(cost(counts, lengths)).toBe(limitedOptimum(counts, limit));
    }
  });

  it.each([
    ["no symbol", [0, 0, 0], [1, 1, 0]],
    ["only the first", [9, 0, 0], [1, 1, 0]],
    ["only another", [0, 0, 9], [1, 0, 1]],
    ["two", [0, 1, 1000], [0, 1, 1]],
  ])("of %s in use have two codes of one bit, as incomplete ones are not read everywhere", (_, counts, lengths) => {
    expect([...build(counts).lengths]).toEqual(lengths);
  });

  it("are those of the format's own example, with their bits reversed", () => {
    // RFC 1951, section 3.2.2: A … H of the lengths 3, 3, 3, 3, 3, 2, 4, 4.
    const coder = new HuffmanCoder(8, 15);
    coder.assign(Uint8Array.of(3, 3, 3, 3, 3, 2, 4, 4));
    const codes = [...coder.codes].map((code) => {
      const bits = (code >>> 4).toString(2).padStart(code & 15, "0");
      return [...bits].reverse().join("");
    });
    expect(codes).toEqual(["010", "011", "100", "101", "110", "00", "1110", "1111"]);
  });

  it("do not depend on the codes before", () => {
    const coder = new HuffmanCoder(30, 11);
    coder.build(Int32Array.from(fibonacci(30)));
    const counts = Array.from({ length: 30 }, (_, i) => (i * 7) % 11);
    coder.build(Int32Array.from(counts));
    expect(coder.codes).toEqual(build(counts, 11).codes);
  });
});
