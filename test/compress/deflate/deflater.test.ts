import { inflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes.ts";
import { createBlockDeflater, type DeflateLevel } from "../../../src/compress/deflate/index.ts";
import { mixture, noise, prose } from "../support/data.ts";

const LEVELS = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

/** What ends a stream: an empty block of fixed codes that is marked as the last one. */
const END = Uint8Array.of(3, 0);

function inflate(...blocks: readonly Uint8Array[]): Uint8Array {
  return inflateRawSync(concatBytes([...blocks, END]));
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The bytes of `pattern` again and again. */
function periodic(size: number, pattern: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => pattern[i % pattern.byteLength] ?? 0);
}

/** The same bytes twice, so many bytes apart. */
function apart(distance: number, length: number): Uint8Array {
  const repeated = noise(length, 3);
  return concatBytes([repeated, noise(distance - length, 5), repeated]);
}

/** Few values that are all but random: matches are short, and literals come in long runs. */
function genome(size: number): Uint8Array {
  return noise(size, 11).map((byte) => "ACGT".charCodeAt(byte & 3));
}

/** Small numbers in words of four bytes, as programs and tables have them. */
function table(count: number): Uint8Array {
  return new Uint8Array(Uint32Array.from(noise(count, 9), (byte, i) => i + (byte & 7)).buffer);
}

const inputs: Readonly<Record<string, Uint8Array>> = {
  nothing: new Uint8Array(0),
  "one byte": Uint8Array.of(0x61),
  "two bytes": Uint8Array.of(0x61, 0x61),
  "three bytes": Uint8Array.of(0x61, 0x61, 0x61),
  "less than a word is read at once": new Uint8Array(11).fill(7),
  "zeros, which also follow the end of the input": new Uint8Array(70_000),
  "one value": new Uint8Array(100_001).fill(0xff),
  "a period of two": periodic(5000, Uint8Array.of(1, 2)),
  "a period of three": periodic(50_000, Uint8Array.of(1, 2, 3)),
  "a period of 258": periodic(20_000, noise(258)),
  "a period of 259": periodic(20_000, noise(259)),
  "a match of 257 bytes": apart(1000, 257),
  "a match of 258 bytes": apart(1000, 258),
  "a match of 259 bytes": apart(1000, 259),
  "a match 32 KiB back, less one byte": apart(32767, 300),
  "a match 32 KiB back": apart(32768, 300),
  "a match that is one byte too far": apart(32769, 300),
  "matches across 64 KiB": apart(65536, 20_000),
  noise: noise(200_000),
  "noise of a size that just fills stored blocks": noise(65535 * 2),
  "noise that repeats itself": periodic(300_000, noise(20_000)),
  "literals of four values": genome(120_000),
  "all bytes in order": periodic(
    66_000,
    Uint8Array.from({ length: 256 }, (_, i) => i),
  ),
  "small numbers": table(60_000),
  text: prose(300_000),
  "text, noise, zeros and runs": mixture(400_000),
};

describe.each(LEVELS)("level %i", (level) => {
  const deflater = createBlockDeflater(level);

  it.each(Object.entries(inputs))("brings back %s", (_, input) => {
    const deflated = deflater.deflate(input);
    expect(equal(inflate(deflated), input)).toBe(true);
  });

  it("brings back every short input", () => {
    const text = prose(350);
    for (let size = 0; size < text.byteLength; size++) {
      const input = text.subarray(0, size);
      if (!equal(inflate(deflater.deflate(input)), input)) expect.fail(`${size} bytes`);
    }
  });

  it("ends each block on a byte's boundary, so that blocks can be joined", () => {
    const parts = Object.values(inputs);
    const blocks = parts.map((part) => deflater.deflate(part));
    for (const block of blocks) expect([...block.subarray(-4)]).toEqual([0, 0, 0xff, 0xff]);
    expect(equal(inflate(...blocks), concatBytes(parts))).toBe(true);
  });

  it("makes the same of a block whatever came before it", () => {
    for (const [name, input] of Object.entries(inputs)) {
      const alone = createBlockDeflater(level).deflate(input);
      if (!equal(deflater.deflate(input), alone)) expect.fail(name);
    }
  });

  it("takes a part of a bigger buffer, and leaves it as it is", () => {
    const buffer = prose(10_000);
    const before = buffer.slice();
    for (const offset of [1, 2, 3, 5, 4097]) {
      const part = buffer.subarray(offset, offset + 3001);
      expect(equal(deflater.deflate(part), deflater.deflate(part.slice()))).toBe(true);
    }
    expect(equal(buffer, before)).toBe(true);
  });

  it("gives arrays of their own", () => {
    const text = prose(5000);
    const first = deflater.deflate(text);
    const kept = first.slice();
    deflater.deflate(noise(5000));
    expect(equal(first, kept)).toBe(true);
    expect(first.byteLength).toBe(first.buffer.byteLength);
  });

  it("takes hardly more room than the input for what does not shrink", () => {
    for (const size of [1, 100, 5000, 65535, 65536, 500_000]) {
      const bytes = noise(size, 21);
      // The header of a block for each 64 KiB, and the empty one at the end.
      expect(deflater.deflate(bytes).byteLength).toBeLessThanOrEqual(size + 5 * Math.ceil(size / 65535) + 5 + 6);
    }
  });
});

describe("levels", () => {
  it.each([
    ["text", prose(400_000)],
    ["small numbers", table(80_000)],
    ["a mixture", mixture(400_000)],
  ])("are never worse at %s than a much faster one", (_, input) => {
    const sizes = LEVELS.map((level) => createBlockDeflater(level).deflate(input).byteLength);
    const size = (level: DeflateLevel): number => sizes[level - 1] ?? Number.NaN;
    expect(size(3)).toBeLessThanOrEqual(size(1));
    expect(size(6)).toBeLessThanOrEqual(size(3));
    expect(size(9)).toBeLessThanOrEqual(size(6));
  });
});

describe("level 1", () => {
  it("takes back what its steps have skipped, however long that is", () => {
    // Steps grow in noise until they skip hundreds of bytes, and then a long match is found somewhere in its middle.
    for (let seed = 1; seed <= 40; seed++) {
      const start = noise(2000, seed);
      const input = concatBytes([start, noise(9000 + 500 * seed, seed + 100), start, start, noise(50, seed), start]);
      if (!equal(inflate(createBlockDeflater(1).deflate(input)), input)) expect.fail(`seed ${seed}`);
    }
  });
});

describe("what does not shrink", () => {
  it("is stored between text that shrinks", () => {
    const [before, between, after] = [prose(100_000), noise(300_000), prose(100_000)];
    const deflater = createBlockDeflater(6);
    const text = deflater.deflate(prose(100_000)).byteLength;
    const all = deflater.deflate(concatBytes([before, between, after]));
    // A piece where it begins and one where it ends are searched with what is beside them.
    expect(all.byteLength).toBeLessThan(300_000 + 2 * text + 1000);
    expect(equal(inflate(all), concatBytes([before, between, after]))).toBe(true);
  });

  it("is stored as well where now and then a few bytes repeat", () => {
    // Each piece has some matches, but so few that it is stored; they must not pile up.
    const input = noise(8_400_000, 33);
    for (let at = 100; at < input.byteLength; at += 131) input.copyWithin(at, at - 90, at - 86);
    const deflated = createBlockDeflater(6).deflate(input);
    expect(deflated.byteLength).toBeLessThan(input.byteLength + 1500);
    expect(equal(inflate(deflated), input)).toBe(true);
  });

  it("is found to repeat all the same, before long", () => {
    const pattern = noise(10_000);
    const input = concatBytes([noise(200_000, 5), periodic(800_000, pattern)]);
    expect(createBlockDeflater(6).deflate(input).byteLength).toBeLessThan(500_000);
  });
});
