import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { crc32, gunzip, gzip } from "../../src/compress/index.ts";
import { itWith } from "../support/tools.ts";
import { collect, mixture, noise, prose, split } from "./support/data.ts";

const same = async (zipped: Uint8Array, expected: Uint8Array, size = 65536): Promise<void> => {
  expect(Buffer.compare(await collect(gunzip(split(zipped, size))), expected)).toBe(0);
};
const refused = async (zipped: Uint8Array, message: RegExp, size = 65536): Promise<void> => {
  await expect(collect(gunzip(split(zipped, size)))).rejects.toMatchObject({ code: "INVALID_COMPRESSION", message });
};

/** A member with the header's optional parts. */
function member(bytes: Uint8Array, flags: number, parts: readonly number[]): Uint8Array {
  const zipped = gzipSync(bytes);
  const header = Uint8Array.from([0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3, ...parts]);
  return concatBytes([header, zipped.subarray(10)]);
}

describe("gunzip", () => {
  it.each([0, 1, 6, 9])("reads what our gzip of level %i writes", async (level) => {
    for (const size of [0, 1, 65535, 65536, 200_000]) {
      const bytes = mixture(size);
      await same(await collect(gzip(bytes, { level })), bytes);
    }
  });

  it.each([1, 7, 512, 65536])("reads zlib's in chunks of %i bytes", async (size) => {
    for (const bytes of [new Uint8Array(0), prose(100_000), noise(20_000)]) await same(gzipSync(bytes), bytes, size);
  });

  itWith(["gzip", "pigz"], "reads what gzip and pigz write", async () => {
    const bytes = mixture(400_000);
    for (const [tool, ...args] of [
      ["gzip", "-1"],
      ["gzip", "-9", "-N"],
      ["pigz", "-p", "4", "-b", "128"],
      ["pigz", "-11", "-b", "128", "-p", "2"],
      ["pigz", "-i", "-b", "128"],
    ]) {
      await same(execFileSync(tool ?? "", ["-c", ...args], { input: bytes }), bytes, 1000);
    }
  });

  itWith(["gzip", "pigz"], "writes what gzip and pigz read", async () => {
    const bytes = mixture(200_000);
    const zipped = await collect(gzip(bytes));
    for (const tool of ["gzip", "pigz"]) {
      expect(Buffer.compare(execFileSync(tool, ["-dc"], { input: zipped }), bytes)).toBe(0);
    }
  });

  it("reads members one after the other, empty ones too", async () => {
    const parts = [prose(1000), new Uint8Array(0), noise(300), prose(70_000)];
    const zipped = concatBytes(parts.map((part) => gzipSync(part)));
    for (const size of [1, 13, 100_000]) await same(zipped, concatBytes(parts), size);
  });

  it("takes zeros after the end, but nothing else", async () => {
    const bytes = prose(1000);
    const zipped = gzipSync(bytes);
    await same(concatBytes([zipped, new Uint8Array(1)]), bytes);
    await same(concatBytes([zipped, new Uint8Array(9999)]), bytes, 100);
    await refused(concatBytes([zipped, Uint8Array.of(1)]), /follows its end/);
    await refused(concatBytes([zipped, new Uint8Array(5), zipped]), /follows its end/);
    await refused(concatBytes([zipped, Uint8Array.of(0x1f)]), /truncated/);
    await refused(concatBytes([zipped, Uint8Array.of(0x1f, 0x8c)]), /begin/);
  });

  it("reads headers with extra fields, name, comment and checksum", async () => {
    const bytes = prose(500);
    const [extra, name, comment] = [
      [3, 0, 9, 0, 9],
      [0x61, 0x2e, 0x74, 0],
      [0x63, 0],
    ];
    await same(member(bytes, 1, []), bytes, 1);
    await same(member(bytes, 4, extra), bytes, 1);
    await same(member(bytes, 8, name), bytes, 1);
    await same(member(bytes, 16, comment), bytes, 1);
    await same(member(bytes, 28, [...extra, ...name, ...comment]), bytes, 1);
    const header = [0x1f, 0x8b, 8, 30, 1, 2, 3, 4, 0, 3, ...extra, ...name, ...comment];
    const sum = crc32(Uint8Array.from(header)) & 0xffff;
    await same(member(bytes, 30, [...extra, ...name, ...comment, sum & 0xff, sum >> 8]), bytes, 1);
    await refused(member(bytes, 30, [...extra, ...name, ...comment, ~sum & 0xff, sum >> 8]), /checksum of its header/);
  });

  it("refuses what is not gzip", async () => {
    await refused(new Uint8Array(0), /truncated/);
    await refused(prose(100), /begin/);
    await refused(Uint8Array.of(0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0), /method is 7/);
    await refused(member(prose(10), 0x20, []), /flags/);
  });

  it("refuses data that is cut off, at every byte", async () => {
    for (const zipped of [gzipSync(prose(600)), gzipSync(noise(40)), await collect(gzip(prose(300), { level: 0 }))]) {
      for (let size = 0; size < zipped.byteLength; size++) await refused(zipped.subarray(0, size), /truncated/, 11);
    }
  });

  it("refuses data with any bit flipped that says something", async () => {
    const bytes = prose(300);
    const zipped = gzipSync(bytes);
    let accepted = 0;
    for (let bit = 0; bit < zipped.byteLength * 8; bit++) {
      const damaged = Uint8Array.from(zipped);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      try {
        expect(Buffer.compare(await collect(gunzip(damaged)), bytes)).toBe(0);
        accepted++;
      } catch (error) {
        expect(error).toMatchObject({ code: "INVALID_COMPRESSION" });
      }
    }
    // Time, level hint and system, a flag that says it is text, and the padding between data and trailer.
    expect(accepted).toBeGreaterThanOrEqual(6 * 8 + 1);
    expect(accepted).toBeLessThanOrEqual(6 * 8 + 1 + 7);
  });

  it("says which member is wrong and how", async () => {
    const zipped = concatBytes([gzipSync(prose(50)), gzipSync(prose(60))]);
    const wrongSum = zipped.slice();
    wrongSum[zipped.byteLength - 8] = (wrongSum[zipped.byteLength - 8] ?? 0) ^ 1;
    await refused(wrongSum, /CRC-32 of member 2 is [0-9a-f]{8} instead of [0-9a-f]{8}/);
    const wrongSize = zipped.slice();
    wrongSize[zipped.byteLength - 1] = 1;
    await refused(wrongSize, /size of member 2/);
  });

  it("is the same however members and chunks are cut", async () => {
    const part = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(prose(5000), new Uint8Array(100_000)));
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }),
        async (parts, sizes) => {
          const zipped = concatBytes(parts.map((bytes) => gzipSync(bytes)));
          const chunks: Uint8Array[] = [];
          for (let at = 0, i = 0; at < zipped.byteLength; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            chunks.push(zipped.subarray(at, at + size), new Uint8Array(0));
            at += size;
          }
          expect(Buffer.compare(await collect(gunzip(chunks)), concatBytes(parts))).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("expands a bomb in bounded chunks, and stops when nobody reads on", async () => {
    const bomb = gzipSync(new Uint8Array(100_000_000), { level: 9 });
    let size = 0;
    for await (const chunk of gunzip(bomb)) {
      expect(chunk.byteLength).toBeLessThanOrEqual(128 * 1024);
      size += chunk.byteLength;
      if (size > 1_000_000) break;
    }
    expect(size).toBeLessThan(1_200_000);
  });

  it("lets go of its source", async () => {
    let released = 0;
    function* source(zipped: Uint8Array): Generator<Uint8Array> {
      try {
        yield zipped;
        yield zipped;
      } finally {
        released++;
      }
    }
    for await (const _ of gunzip(source(gzipSync(prose(1000))))) break;
    await expect(collect(gunzip(source(prose(100))))).rejects.toThrow();
    expect(released).toBe(2);
  });
});
