import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { BlockSplitter } from "../../../src/compress/deflate/block-splitter.ts";
import { IncompressibleDetector } from "../../../src/compress/deflate/incompressible.ts";
import { Statistics } from "../../../src/compress/deflate/statistics.ts";
import { noise, prose } from "../support/data.ts";

function statisticsOf(bytes: Uint8Array): Statistics {
  const statistics = new Statistics();
  statistics.countBytes(bytes, 0, bytes.byteLength);
  return statistics;
}

describe("IncompressibleDetector", () => {
  it("suspects what comes after a piece that did not shrink, until one does", () => {
    const detector = new IncompressibleDetector(new BlockSplitter(), 8192);
    expect(detector.suspects).toBe(false);
    expect(detector.judge(statisticsOf(noise(8192)), 8192)).toBe(true);
    expect(detector.suspects).toBe(true);
    expect(detector.judge(statisticsOf(prose(8192)), 8192)).toBe(false);
    expect(detector.suspects).toBe(false);
  });

  it("lets a piece be searched now and then", () => {
    const detector = new IncompressibleDetector(new BlockSplitter(), 8192);
    const flat = statisticsOf(noise(8192));
    let searched = 0;
    let remembered = 0;
    for (let piece = 0; piece < 160; piece++) {
      if (!detector.suspects) searched++;
      else if (detector.nearsProbe) remembered++;
      detector.judge(flat, 8192);
    }
    expect(searched).toBe(10);
    // What lies 32 KiB before it.
    expect(remembered).toBe(40);
  });

  it.each([4096, 8192, 16384])("knows pieces of %i bytes that are compressed already", (size) => {
    const detector = new IncompressibleDetector(new BlockSplitter(), 8192);
    const compressed = deflateRawSync(noise(1_000_000, 3).map((byte) => byte & 0x3f & (byte >> 2)));
    expect(compressed.byteLength).toBeGreaterThan(10 * size);
    let flat = 0;
    for (let piece = 0; piece < 10; piece++) {
      const bytes = compressed.subarray(piece * size, (piece + 1) * size);
      if (detector.isFlat(statisticsOf(bytes), size)) flat++;
    }
    expect(flat).toBe(10);
  });

  it("does not take bytes in matches for anything", () => {
    const detector = new IncompressibleDetector(new BlockSplitter(), 8192);
    // Half of the piece is in matches.
    expect(detector.isFlat(statisticsOf(noise(8192)), 16384)).toBe(false);
  });
});
