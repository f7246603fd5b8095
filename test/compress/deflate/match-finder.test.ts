import { describe, expect, it } from "vitest";
import { LOOKAHEAD, MatchFinder } from "../../../src/compress/deflate/match-finder.ts";
import { matchLength } from "../../../src/compress/deflate/match-length.ts";
import { noise, prose } from "../support/data.ts";

function padded(bytes: Uint8Array): DataView {
  const all = new Uint8Array(bytes.byteLength + LOOKAHEAD);
  all.set(bytes);
  return new DataView(all.buffer);
}

/** The longest match that there is, and the nearest of that length. */
function naive(bytes: Uint8Array, at: number): { length: number; distance: number } {
  let best = { length: 0, distance: 0 };
  const most = Math.min(258, bytes.byteLength - at);
  for (let candidate = at - 1; candidate >= Math.max(0, at - 32768); candidate--) {
    let length = 0;
    while (length < most && bytes[candidate + length] === bytes[at + length]) length++;
    if (length > best.length) best = { length, distance: at - candidate };
  }
  return best;
}

describe("matchLength", () => {
  it("counts equal bytes up to the limit", () => {
    const view = padded(new Uint8Array(600).fill(1, 0, 300).fill(1, 301));
    for (let length = 1; length < 40; length++) expect(matchLength(view, 0, 300 - length, 0, 258)).toBe(length);
    expect(matchLength(view, 301, 310, 4, 7)).toBe(7);
  });
});

describe("MatchFinder", () => {
  it.each([
    ["text", prose(9000)],
    ["few values", noise(9000).map((byte) => byte & 1)],
    ["a period", Uint8Array.from({ length: 3000 }, (_, i) => i % 50)],
  ])("finds the longest match in %s, and the nearest of these", (_, bytes) => {
    const finder = new MatchFinder(false);
    finder.reset(padded(bytes), bytes.byteLength);
    finder.index(0, bytes.byteLength);
    for (let at = 1; at + 4 < bytes.byteLength; at += 7) {
      const first = finder.previous[at] ?? -1;
      const match = first < 0 ? 0 : finder.find(at, first, 3, 1_000_000, 258);
      const expected = naive(bytes, at);
      if (expected.length < 4) expect(match).toBe(0);
      else expect({ length: match >>> 16, distance: match & 0xffff }).toEqual(expected);
    }
  });

  it("finds only what is longer than asked", () => {
    const bytes = prose(5000);
    const finder = new MatchFinder(false);
    finder.reset(padded(bytes), bytes.byteLength);
    finder.index(0, bytes.byteLength);
    for (let at = 100; at < 4900; at += 13) {
      const first = finder.previous[at] ?? -1;
      const { length, distance } = naive(bytes, at);
      if (first < 0 || length < 5) continue;
      expect(finder.find(at, first, length, 1_000_000, 258)).toBe(0);
      expect(finder.find(at, first, length - 1, 1_000_000, 258)).toBe((length << 16) | distance);
    }
  });

  it("does not follow chains beyond 32 KiB", () => {
    const pattern = noise(20);
    for (const distance of [32768, 32769]) {
      const bytes = new Uint8Array(40_000).map((_, i) => i * 7 + (i >> 8));
      bytes.set(pattern, 0);
      // The same four bytes near by.
      bytes.set(pattern.subarray(0, 4), 30_000);
      bytes.set(pattern, distance);
      const finder = new MatchFinder(false);
      finder.reset(padded(bytes), bytes.byteLength);
      finder.index(0, 20_000);
      finder.index(20_000, 40_000);
      const first = finder.previous[distance] ?? -1;
      const match = finder.find(distance, first, 3, 1_000_000, 258);
      expect(match >>> 16).toBe(distance === 32768 ? 20 : 4);
    }
  });

  it("finds three bytes, if it is asked to, where they are near", () => {
    const bytes = new Uint8Array(10_000).map((_, i) => i >> 6);
    bytes.set([200, 201, 202], 1000);
    bytes.set([200, 201, 202, 1], 1500);
    bytes.set([200, 201, 202, 2], 9000);
    const find = (short: boolean): readonly number[] => {
      const finder = new MatchFinder(short);
      finder.reset(padded(bytes), bytes.byteLength);
      finder.index(0, 10_000);
      return [finder.findShort(1500), finder.findShort(9000)];
    };
    expect(find(true)).toEqual([(3 << 16) | 500, 0]);
    expect(find(false)).toEqual([0, 0]);
  });
});
