import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, toReadableStream } from "../../src/bytes.ts";
import { combineCrc32 } from "../../src/compress/crc32-combine.ts";
import { cutBlocks } from "../../src/compress/cut-blocks.ts";
import {
  type BlockCache,
  type CompressPool,
  crc32,
  type DeflatedBlock,
  type GzipEngine,
  type GzipOptions,
  gzip,
  inThreadPool,
} from "../../src/compress/index.ts";
import { end } from "../tar/support/raw.ts";
import { collect, mixture, noise, prose, split } from "./support/data.ts";
import { readMember } from "./support/deflate-reader.ts";
import { DEFLATE_LEVELS, goldenDigests } from "./support/golden-inputs.ts";
import { cook } from "./support/recipes.ts";

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

describe("the engines", () => {
  const options: readonly GzipOptions[] = [{ engine: "slipway" }, { engine: "fflate" }];

  it.each(options)("$engine gives what zlib reads, at every level", async ({ engine }) => {
    for (const level of levels) {
      for (const size of [0, 1, 65_536, 200_000]) {
        const zipped = await collect(gzip(split(mixture(size), 50_000), { level, engine }));
        expect(Buffer.compare(gunzipSync(zipped), mixture(size))).toBe(0);
      }
    }
  });

  it("are slipway unless told, and the same at level 0", async () => {
    const bytes = mixture(200_000);
    const zip = (options: GzipOptions): Promise<Uint8Array> => collect(gzip(bytes, options));
    expect(Buffer.compare(await zip({}), await zip({ engine: "slipway" }))).toBe(0);
    expect(Buffer.compare(await zip({}), await zip({ engine: "fflate" }))).not.toBe(0);
    expect(Buffer.compare(await zip({ level: 0 }), await zip({ level: 0, engine: "fflate" }))).toBe(0);
  });

  it("are no others", () => {
    const engine = "zopfli" as GzipEngine;
    expect(() => gzip(new Uint8Array(0), { engine })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});

describe("a tar of several blocks", () => {
  const tar = concatBytes([cook([{ kind: "tar", size: 5_000_192, seed: 8, parameter: 15_000 }]), end]);

  it("is one member in which no match leaves its block", async () => {
    const member = await collect(gzip(tar, { level: 4 }));
    const { bytes, blocks } = readMember(member, { independent: true });
    expect(Buffer.compare(bytes, tar)).toBe(0);
    const ends = blocks.filter(({ type, size }) => type === "stored" && size === 0);
    expect(ends.length).toBeGreaterThan(3);
    expect(blocks.at(-1)).toMatchObject({ type: "fixed", final: true, size: 0 });
    const sizes: number[] = [];
    for await (const block of cutBlocks(tar)) sizes.push(block.byteLength);
    expect(ends.length).toBe(sizes.length);
  });

  it("is little larger than zlib makes it of one piece", async () => {
    for (const level of [1, 6, 9]) {
      const { byteLength } = await collect(gzip(tar, { level }));
      expect(byteLength).toBeLessThan(gzipSync(tar, { level }).byteLength * 1.03);
    }
  });

  it("has the same bytes whoever deflates the blocks, however many at once, in whatever order they are done", async () => {
    const expected = await collect(gzip(tar, { level: 1 }));
    for (const concurrency of [1, 2, 8]) {
      let underWay = 0;
      let most = 0;
      const later: (() => void)[] = [];
      const pool: CompressPool = {
        concurrency,
        async deflate(block, options) {
          underWay++;
          most = Math.max(most, underWay);
          const deflated = await inThreadPool.deflate(block, options);
          // The one that came last is done first, as long as there is one more to wait for.
          await new Promise<void>((resolve) => {
            later.push(resolve);
            setTimeout(() => later.pop()?.(), 5);
          });
          underWay--;
          return deflated;
        },
        async close() {},
      };
      expect(Buffer.compare(await collect(gzip(split(tar, 100_000), { level: 1, pool })), expected)).toBe(0);
      expect(most).toBeLessThanOrEqual(concurrency === 1 ? 1 : concurrency + 2);
      if (concurrency > 1) expect(most).toBeGreaterThan(1);
    }
  });

  it("has the same bytes when a cache has some of its blocks, or all", async () => {
    const expected = await collect(gzip(tar, { level: 1 }));
    const known = new Map<string, DeflatedBlock>();
    let found = 0;
    const cache: BlockCache = {
      key: async (block, level) => `${level} ${createHash("sha256").update(block).digest("hex")}`,
      async find(key) {
        const block = known.get(key);
        if (block !== undefined) found++;
        return block;
      },
      note(key, offset, { data, crc32, size }) {
        expect(Buffer.compare(expected.subarray(offset, offset + data.byteLength), data)).toBe(0);
        known.set(key, { data: data.slice(), crc32, size });
      },
    };
    const zip = (): Promise<Uint8Array> => collect(gzip(tar, { level: 1, cache }));
    expect(Buffer.compare(await zip(), expected)).toBe(0);
    expect(found).toBe(0);
    expect(Buffer.compare(await zip(), expected)).toBe(0);
    expect(found).toBe(known.size);
    for (const [i, key] of [...known.keys()].entries()) if (i % 2 === 0) known.delete(key);
    expect(Buffer.compare(await zip(), expected)).toBe(0);
  });

  it("says its size modulo 4 GiB, and a checksum of all that there is", async () => {
    // Who deflates says that each block was 3 GiB of zeros.
    const size = 3 * 2 ** 30;
    let zeros = crc32(new Uint8Array(1024));
    for (let have = 1024; have < 2 ** 30; have *= 2) zeros = combineCrc32(zeros, zeros, have);
    const block = { crc32: combineCrc32(combineCrc32(zeros, zeros, 2 ** 30), zeros, 2 ** 30), size };
    const pool: CompressPool = {
      concurrency: 1,
      deflate: async () => ({ data: new Uint8Array(0), ...block }),
      async close() {},
    };
    let count = 0;
    for await (const _ of cutBlocks(tar)) count++;
    const zipped = await collect(gzip(tar, { pool }));
    const trailer = new DataView(zipped.buffer, zipped.byteLength - 8);
    let expected = 0;
    for (let i = 0; i < 3 * count; i++) expected = combineCrc32(expected, zeros, 2 ** 30);
    expect([trailer.getUint32(0, true), trailer.getUint32(4, true)]).toEqual([expected, (count * size) % 2 ** 32]);
  });

  it("is given up when its signal is aborted", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const reading = (async () => {
      let size = 0;
      for await (const chunk of gzip(tar, { level: 1, signal: controller.signal })) {
        size += chunk.byteLength;
        if (size > 10) controller.abort(reason);
      }
    })();
    await expect(reading).rejects.toBe(reason);
  });

  it.each([
    ["stored", { level: 0 }],
    ["fflate's", { level: 6, engine: "fflate" }],
  ] as const)("is given up when it is %s", async (_name, options) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    let parts = 0;
    const reading = (async () => {
      for await (const _ of gzip(tar, { ...options, signal: controller.signal }))
        if (++parts === 3) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    expect(parts).toBe(3);
  });

  it("is given up as well when all blocks are done by then", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    // So many at once that all are before the first is taken.
    const pool: CompressPool = {
      ...inThreadPool,
      concurrency: 1000,
      deflate: (block) => inThreadPool.deflate(block, { level: 1 }),
    };
    let parts = 0;
    const reading = (async () => {
      // The header comes first, then a block.
      for await (const _ of gzip(tar, { pool, signal: controller.signal })) if (++parts === 2) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    expect(parts).toBe(2);
  });
});

describe("the byte contract", () => {
  const path = new URL("../golden/compress/gzip.json", import.meta.url);
  type Golden = Readonly<Record<"fflate" | "slipway", Readonly<Record<string, unknown>>>>;
  const golden = (): Golden => JSON.parse(readFileSync(path, "utf8"));

  it("holds: digests of gzip output at every level", async () => {
    const digests: Record<string, unknown> = {};
    for (const level of DEFLATE_LEVELS) digests[`level ${level}`] = await goldenDigests(level);
    if (process.env.SLIPWAY_WRITE_GOLDEN === "1") {
      writeFileSync(path, `${JSON.stringify({ ...golden(), slipway: digests }, undefined, 2)}\n`);
    }
    expect(digests).toEqual(golden().slipway);
  });

  // These are never written anew.
  it("holds for the engine fflate, and for level 0", async () => {
    const digests: Record<string, string> = {};
    for (const level of levels) {
      for (const size of [0, 1, 65536, 65537, 300_000]) {
        const zipped = await collect(gzip(mixture(size), { level, engine: "fflate" }));
        digests[`level ${level}, ${size} bytes`] = `sha256:${createHash("sha256").update(zipped).digest("hex")}`;
      }
    }
    expect(digests).toEqual(golden().fflate);
  });
});
