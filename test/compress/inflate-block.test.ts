import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { inThreadPool } from "../../src/compress/index.ts";
import { inflateBlock } from "../../src/compress/inflate-block.ts";

const TEXT = new TextEncoder().encode("It is the same whoever inflates it. ".repeat(20_000));

const ENGINES: readonly (readonly [string, () => void])[] = [
  ["zlib", () => undefined],
  ["a DecompressionStream", () => vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined)],
  [
    "a DecompressionStream that knows gzip only, and this package",
    () => {
      vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
      vi.stubGlobal(
        "DecompressionStream",
        class {
          constructor() {
            throw new TypeError("it knows gzip only");
          }
        },
      );
    },
  ],
  [
    "this package",
    () => {
      vi.spyOn(process, "getBuiltinModule").mockReturnValue({});
      vi.stubGlobal("DecompressionStream", undefined);
    },
  ],
];

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe.each(ENGINES)("a block inflated by %s", (_, prepare) => {
  it("is what was deflated", async () => {
    prepare();
    for (const bytes of [
      TEXT,
      new Uint8Array(2 * 1024 * 1024),
      new Uint8Array(randomBytes(300_000)),
      TEXT.slice(0, 1),
    ]) {
      for (const level of [1, 6] as const) {
        const block = await inThreadPool.deflate(bytes.slice(), { level });
        expect(Buffer.compare(await inflateBlock(block), bytes)).toBe(0);
      }
    }
  });

  it("is refused where it is damaged, cut off, or of another size or sum", async () => {
    prepare();
    const block = await inThreadPool.deflate(TEXT.slice(), { level: 6 });
    const damaged = block.data.slice();
    damaged.fill(0xff, 10, 200);
    for (const wrong of [
      { ...block, data: damaged },
      { ...block, data: block.data.subarray(0, block.data.byteLength >> 1) },
      { ...block, size: block.size - 1 },
      { ...block, size: block.size - 1000 },
      { ...block, size: block.size + 1 },
      { ...block, crc32: block.crc32 ^ 1 },
    ]) {
      await expect(inflateBlock(wrong)).rejects.toMatchObject({ code: "INVALID_COMPRESSION" });
    }
  });
});
