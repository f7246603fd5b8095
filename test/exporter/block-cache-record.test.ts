import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DeflateLevel } from "../../src/compress/index.ts";
import { FORMAT } from "../../src/exporter/blob-records.ts";
import {
  type BlockRecord,
  checkOf,
  keyOf,
  packRecord,
  parseRecord,
  type RecordedBlock,
} from "../../src/exporter/block-cache-record.ts";

const characters = (size: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => String.fromCharCode(...bytes));
const uint32 = fc.nat(0xffffffff);
const block: fc.Arbitrary<RecordedBlock> = fc.record({
  key: characters(33),
  check: characters(16),
  offset: fc.maxSafeNat(),
  dataSize: uint32,
  size: uint32,
  crc32: uint32,
});
const record: fc.Arbitrary<BlockRecord> = fc.record({
  sequence: fc.maxSafeNat(),
  blocks: fc.array(block, { maxLength: 5 }),
});

/** A record as another version of the package would have written it. */
async function ofFormat(format: number): Promise<Uint8Array> {
  const bytes = await packRecord({ sequence: 1, blocks: [] });
  new DataView(bytes.buffer).setUint16(4, format);
  const end = bytes.byteLength - 16;
  bytes.set(
    [...(await checkOf(bytes.subarray(0, end)))].map((character) => character.charCodeAt(0)),
    end,
  );
  return bytes;
}

describe("records of blocks", () => {
  it("come back as they were, wherever they lie in memory", async () => {
    await fc.assert(
      fc.asyncProperty(record, async (given) => {
        const bytes = await packRecord(given);
        const elsewhere = new Uint8Array(bytes.byteLength + 3).subarray(3);
        elsewhere.set(bytes);
        expect(await parseRecord(elsewhere)).toEqual(given);
      }),
    );
  });

  it("are 69 bytes for each block", async () => {
    const blocks = fc.sample(block, 3);
    const sizes = [0, 1, 3].map(async (count) => {
      return (await packRecord({ sequence: 0, blocks: blocks.slice(0, count) })).byteLength;
    });
    expect(await Promise.all(sizes)).toEqual([32, 32 + 69, 32 + 3 * 69]);
  });

  it("are useless when they were cut or any bit of them has changed", async () => {
    await fc.assert(
      fc.asyncProperty(record, fc.maxSafeNat(), fc.nat(7), async (given, place, bit) => {
        const bytes = await packRecord(given);
        const at = place % bytes.byteLength;
        expect(await parseRecord(bytes.slice(0, at))).toBe("useless");
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        expect(await parseRecord(bytes)).toBe("useless");
      }),
    );
  });

  it("of an earlier format are useless, and those of a later one are left to who wrote them", async () => {
    expect(await parseRecord(await ofFormat(FORMAT))).toEqual({ sequence: 1, blocks: [] });
    expect(await parseRecord(await ofFormat(FORMAT - 1))).toBe("useless");
    expect(await parseRecord(await ofFormat(FORMAT + 1))).toBe("foreign");
  });
});

describe("the key of a block", () => {
  it("depends on its bytes and the level", async () => {
    const [one, two] = [new Uint8Array([1, 2, 3]), new Uint8Array([1, 2, 4])];
    const levels: readonly DeflateLevel[] = [1, 6, 9];
    const keys = await Promise.all(levels.flatMap((level) => [keyOf(one, level), keyOf(two, level)]));
    expect(new Set(keys).size).toBe(6);
    expect(await keyOf(one.slice(), 6)).toBe(keys[2]);
  });
});
