import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toReadableStream } from "../../src/bytes.ts";
import { crc32, gzip } from "../../src/compress/index.ts";
import { collect, mixture, noise, prose, split } from "./support/data.ts";

const levels = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
/** Around the sizes at which the input is cut. */
const sizes = [0, 1, 2, 100, 32768, 65534, 65535, 65536, 65537, 98304, 131069, 131070, 131072, 131073, 300_000];

describe("gzip", () => {
  it("begins with a header of no name, no time and no system, at every level", async () => {
    for (const level of levels) {
      const zipped = await collect(gzip(prose(1000), { level }));
      expect(Buffer.from(zipped.subarray(0, 10)).toString("hex")).toBe("1f8b08000000000000ff");
    }
  });

  it("ends with checksum and size", async () => {
    const bytes = prose(70_000);
    const zipped = await collect(gzip(bytes));
    const trailer = new DataView(zipped.buffer, zipped.byteLength - 8);
    expect([trailer.getUint32(0, true), trailer.getUint32(4, true)]).toEqual([crc32(bytes), 70_000]);
  });

  it.each(levels)(
    "of level %i is what zlib reads, at every size",
    async (level) => {
      for (const size of sizes) {
        for (const bytes of [mixture(size), noise(size)]) {
          expect(Buffer.compare(gunzipSync(await collect(gzip(bytes, { level }))), bytes)).toBe(0);
        }
      }
    },
    60_000,
  );

  it("is what DecompressionStream reads", async () => {
    const bytes = mixture(200_000);
    const stream = toReadableStream(gzip(bytes)) as ReadableStream<Uint8Array<ArrayBuffer>>;
    const response = new Response(stream.pipeThrough(new DecompressionStream("gzip")));
    expect(Buffer.compare(new Uint8Array(await response.arrayBuffer()), bytes)).toBe(0);
  });

  it.each(levels)("of level %i is the same however its input is cut", async (level) => {
    const bytes = mixture(150_000);
    const whole = await collect(gzip(bytes, { level }));
    for (const size of [1000, 65535, 65536, 65537, 100_000]) {
      expect(Buffer.compare(await collect(gzip(split(bytes, size), { level })), whole)).toBe(0);
    }
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 150_000 }), { maxLength: 6 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.byteLength];
        const parts = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        expect(Buffer.compare(await collect(gzip(parts, { level })), whole)).toBe(0);
      }),
      { numRuns: 3 },
    );
  });

  it("is smaller at level 6, its default, than at level 1", async () => {
    const bytes = prose(200_000);
    const size = async (level?: number): Promise<number> => (await collect(gzip(bytes, { level }))).byteLength;
    expect(await size()).toBe(await size(6));
    expect(await size(6)).toBeLessThan(await size(1));
  });

  it.each([-1, 10, 1.5, Number.NaN])("has no level %d", (level) => {
    expect(() => gzip(new Uint8Array(0), { level })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  it("gives output while input comes, and lets go of it", async () => {
    let given = 0;
    let released = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          given++;
          yield noise(65536);
        }
      } finally {
        released = true;
      }
    }
    let size = 0;
    for await (const chunk of gzip(source())) {
      size += chunk.byteLength;
      if (size > 500_000) break;
    }
    expect(given).toBeLessThan(20);
    expect(released).toBe(true);
  });
});

describe("the byte contract", () => {
  const path = new URL("../golden/compress/gzip.json", import.meta.url);

  it("holds: digests of gzip output at every level", async () => {
    const digests: Record<string, string> = {};
    for (const level of levels) {
      for (const size of [0, 1, 65536, 65537, 300_000]) {
        const zipped = await collect(gzip(mixture(size), { level }));
        digests[`level ${level}, ${size} bytes`] = `sha256:${createHash("sha256").update(zipped).digest("hex")}`;
      }
    }
    if (process.env.SLIPWAY_WRITE_GOLDEN === "1") writeFileSync(path, `${JSON.stringify(digests, undefined, 2)}\n`);
    expect(digests).toEqual(JSON.parse(readFileSync(path, "utf8")));
  });
});
