import { describe, expect, it } from "vitest";
import { BlockSplitter } from "../../../src/compress/deflate/block-splitter.ts";
import { Statistics } from "../../../src/compress/deflate/statistics.ts";
import { noise, prose } from "../support/data.ts";

const splitter = new BlockSplitter();

function statisticsOf(bytes: Uint8Array): Statistics {
  const statistics = new Statistics();
  statistics.countBytes(bytes, 0, bytes.byteLength);
  return statistics;
}

describe("BlockSplitter", () => {
  it("goes on with a block while the same symbols come", () => {
    const text = prose(64_000);
    expect(splitter.splits(statisticsOf(text), statisticsOf(prose(8000)), 100)).toBe(false);
  });

  it("ends it where others come", () => {
    const text = statisticsOf(prose(64_000));
    expect(splitter.splits(text, statisticsOf(noise(8000)), 100)).toBe(true);
    const capitals = prose(8000).map((byte) => (byte >= 0x61 ? byte - 0x20 : byte));
    expect(splitter.splits(text, statisticsOf(capitals), 100)).toBe(true);
  });

  it("ends it where the same symbols come with other frequencies", () => {
    const skewed = (common: number): Statistics => {
      const statistics = new Statistics();
      for (let literal = 0; literal < 16; literal++)
        statistics.literalLengths[literal] = literal === common ? 4000 : 100;
      return statistics;
    };
    expect(splitter.splits(skewed(1), skewed(1), 100)).toBe(false);
    expect(splitter.splits(skewed(1), skewed(2), 100)).toBe(true);
  });

  it("looks at distances as well", () => {
    const near = new Statistics();
    const far = new Statistics();
    near.distances.fill(500, 0, 10);
    far.distances.fill(500, 10, 20);
    expect(splitter.splits(near, near, 100)).toBe(false);
    expect(splitter.splits(near, far, 100)).toBe(true);
  });

  it("splits less where more must be saved", () => {
    const text = statisticsOf(prose(8000));
    const other = statisticsOf(noise(8000));
    expect(splitter.splits(text, other, 1_000_000)).toBe(false);
  });

  it("knows the bits of a perfect code", () => {
    const statistics = new Statistics();
    statistics.literalLengths.fill(1000, 0, 256);
    expect(splitter.literalBits(statistics.literalLengths)).toBeCloseTo(256_000 * 8, 0);
    statistics.clear();
    statistics.literalLengths[65] = 100_000;
    expect(splitter.literalBits(statistics.literalLengths)).toBeCloseTo(0);
    statistics.literalLengths[66] = 100_000;
    expect(splitter.literalBits(statistics.literalLengths)).toBeCloseTo(200_000, 0);
  });
});
