import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { Inflater } from "../../src/compress/inflate.ts";
import { isSlipwayError } from "../../src/errors.ts";
import { mixture, noise, prose, split } from "./support/data.ts";

/** Everything that comes of the input, which must end the stream. */
function inflate(deflated: Uint8Array, size = deflated.byteLength): Uint8Array {
  const inflater = new Inflater();
  const chunks: Uint8Array[] = [];
  for (const part of split(deflated, Math.max(1, size))) {
    if (!inflater.done) chunks.push(...inflater.push(part));
  }
  if (!inflater.done) throw new Error("truncated");
  return concatBytes(chunks);
}

const strategies = {
  default: constants.Z_DEFAULT_STRATEGY,
  filtered: constants.Z_FILTERED,
  "Huffman only": constants.Z_HUFFMAN_ONLY,
  "run lengths": constants.Z_RLE,
  "fixed codes": constants.Z_FIXED,
};

describe("deflate data", () => {
  it.each(Object.entries(strategies))("of zlib with the strategy %s is read, however it is cut", (_, strategy) => {
    for (const bytes of [new Uint8Array(0), Uint8Array.of(1), mixture(120_000), prose(40_000), noise(30_000)]) {
      for (const level of [0, 1, 6, 9]) {
        const deflated = deflateRawSync(bytes, { level, strategy });
        for (const size of [1, 3, 1000, deflated.byteLength]) {
          expect(Buffer.compare(inflate(deflated, size), bytes)).toBe(0);
        }
      }
    }
  });

  it("with flushes, small windows and many blocks is read", () => {
    const bytes = mixture(100_000);
    for (const windowBits of [9, 12, 15]) {
      for (const memLevel of [1, 9]) {
        const deflated = deflateRawSync(bytes, { windowBits, memLevel });
        expect(Buffer.compare(inflate(deflated, 777), bytes)).toBe(0);
      }
    }
  });

  it("with matches of every length from near and far is read", () => {
    // What repeats after so many bytes is found there; noise in between tells one from the next.
    const lengths = [...Array.from({ length: 80 }, (_, at) => at + 3), 127, 128, 129, 255, 256, 257, 258, 259, 1000];
    const distances = [...Array.from({ length: 72 }, (_, at) => at + 1), 255, 256, 257, 4096, 20_000, 32_768];
    for (const distance of distances) {
      const parts = lengths.flatMap((length) => {
        const seed = noise(distance > 300 ? 8 : distance, distance * 1009 + length);
        return [seed, Uint8Array.from({ length }, (_, at) => seed[at % seed.byteLength] ?? 0)];
      });
      if (distance > 300) parts.push(noise(distance, distance), noise(300, distance), noise(distance, distance));
      const bytes = concatBytes(parts);
      const deflated = deflateRawSync(bytes, { level: 9 });
      for (const size of [deflated.byteLength, 61]) {
        expect(Buffer.compare(inflate(deflated, size), bytes)).toBe(0);
      }
    }
  });

  it("is read wherever the end of the input cuts off the quick loop", () => {
    const bytes = concatBytes([prose(3000), noise(500), prose(3000), new Uint8Array(2000), mixture(4000)]);
    const deflated = deflateRawSync(bytes);
    for (let cut = 1; cut < deflated.byteLength; cut++) {
      const inflater = new Inflater();
      const chunks = [...inflater.push(deflated.subarray(0, cut)), ...inflater.push(deflated.subarray(cut))];
      expect(inflater.done).toBe(true);
      expect(Buffer.compare(concatBytes(chunks), bytes)).toBe(0);
    }
  });

  it("stays as it was given out, and needs none of what it gave", () => {
    const bytes = mixture(1_000_000);
    const inflater = new Inflater();
    const copies: Uint8Array[] = [];
    const chunks: Uint8Array[] = [];
    for (const part of split(deflateRawSync(bytes), 5000)) {
      for (const chunk of inflater.push(part)) {
        copies.push(chunk.slice());
        if (chunks.length % 2 === 0) chunk.fill(0x55);
        chunks.push(chunk);
      }
    }
    expect(Buffer.compare(concatBytes(copies), bytes)).toBe(0);
    for (const [at, chunk] of chunks.entries()) {
      const expected = at % 2 === 0 ? new Uint8Array(chunk.byteLength).fill(0x55) : (copies[at] ?? new Uint8Array(0));
      expect(Buffer.compare(chunk, expected)).toBe(0);
    }
  });

  it("with codes of all 15 bits is read", () => {
    // Frequencies like Fibonacci numbers make the longest codes.
    const counts = [1, 1];
    while (counts.length < 22) counts.push((counts.at(-1) ?? 0) + (counts.at(-2) ?? 0));
    const bytes = concatBytes(counts.map((count, symbol) => new Uint8Array(count).fill(symbol * 11)));
    const shuffled = bytes.slice();
    const picks = noise(bytes.byteLength * 2, 3);
    for (let i = shuffled.byteLength - 1; i > 0; i--) {
      const j = ((picks[2 * i] ?? 0) * 256 + (picks[2 * i + 1] ?? 0)) % (i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j] ?? 0, shuffled[i] ?? 0];
    }
    for (const size of [1, 100_000]) {
      const deflated = deflateRawSync(shuffled, { strategy: constants.Z_HUFFMAN_ONLY, memLevel: 9 });
      expect(Buffer.compare(inflate(deflated, size), shuffled)).toBe(0);
    }
  });

  it("of any bytes is read", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(prose(3000), new Uint8Array(70_000)))),
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 1, max: 400 }),
        (parts, level, size) => {
          const bytes = concatBytes(parts);
          expect(Buffer.compare(inflate(deflateRawSync(bytes, { level }), size), bytes)).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("ends where it ends: what follows is left over", () => {
    for (const level of [0, 1, 6]) {
      const deflated = deflateRawSync(prose(5000), { level });
      const rest = noise(50);
      const inflater = new Inflater();
      for (const part of split(concatBytes([deflated, rest]), 1)) {
        if (inflater.done) break;
        for (const _ of inflater.push(part));
      }
      expect(inflater.rest).toHaveLength(0);
      const whole = new Inflater();
      for (const _ of whole.push(concatBytes([deflated, rest])));
      expect(whole.rest).toEqual(rest);
    }
  });

  it("expands in bounded chunks", () => {
    const deflated = deflateRawSync(new Uint8Array(50_000_000), { level: 9 });
    const inflater = new Inflater();
    let size = 0;
    for (const chunk of inflater.push(deflated)) {
      expect(chunk.byteLength).toBeLessThanOrEqual(128 * 1024);
      size += chunk.byteLength;
    }
    expect(size).toBe(50_000_000);
  });

  it.each([
    ["a block of type 3", [0x07]],
    ["a stored block whose length is damaged", [0x01, 0x05, 0x00, 0xfb, 0xff]],
    ["a match before the beginning", [0x03, 0x02, 0x00]],
    ["literals beyond 286", [0x05 | (0x1f << 3), 0x00, 0x00, 0x00]],
    ["distances beyond 30", [0x05, 0x1f, 0x00, 0x00]],
    ["too many code lengths", [0x05, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ])("with %s is refused, by zlib too", (_, bytes) => {
    const data = concatBytes([Uint8Array.from(bytes), new Uint8Array(64)]);
    expect(() => inflateRawSync(data)).toThrow(/invalid|too many/);
    expect(() => inflate(data)).toThrow(expect.objectContaining({ code: "INVALID_COMPRESSION" }));
  });

  it("that is damaged gives what zlib gives, or is refused as there", () => {
    const sources = [prose(400), mixture(1200), noise(60), new Uint8Array(600)].flatMap((bytes) =>
      [0, 1, 9].flatMap((level) =>
        Object.values(strategies).map((strategy) => deflateRawSync(bytes, { level, strategy })),
      ),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...sources),
        fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 3 }),
        // In small pieces each symbol is looked at with care; in large ones most of them are read by the quick loop.
        fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constant(100_000)),
        (source, flips, size) => {
          const data = Uint8Array.from(source);
          for (const [at, bit] of flips) data[at % data.byteLength] = (data[at % data.byteLength] ?? 0) ^ (1 << bit);
          expect(outcome(() => inflate(data, size))).toEqual(outcome(() => inflateRawSync(data)));
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("of noise gives what zlib gives, or is refused as there", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 120 }), (data) => {
        const expected = outcome(() => inflateRawSync(data));
        for (const size of [5, data.byteLength]) expect(outcome(() => inflate(data, size))).toEqual(expected);
      }),
      { numRuns: 5000 },
    );
  });
});

/** What comes of it, if anything does: of truncated and damaged data one may find this first or that. */
function outcome(work: () => Uint8Array): string {
  try {
    return Buffer.from(work()).toString("hex");
  } catch (error) {
    const expected = !isSlipwayError(error) || error.code === "INVALID_COMPRESSION";
    return expected ? "refused" : String(error);
  }
}
