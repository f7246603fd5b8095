import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { deflateBlocks, type SourceBlock } from "../../src/compress/deflate-blocks.ts";
import { type CompressPool, inThreadPool } from "../../src/compress/index.ts";

const MIB = 1024 * 1024;

const fresh = (size = 1000): SourceBlock => ({ bytes: new Uint8Array(size).fill(1), byBytes: false });

const known = (name: number, size = MIB): SourceBlock => ({
  known: { data: new Uint8Array(size).fill(name), crc32: name, size: 2 * size },
  key: `known ${name}`,
});

/** A pool that works on `concurrency` blocks, each until it is told to go on. */
function heldPool(concurrency: number) {
  const held: (() => void)[] = [];
  const pool: CompressPool = {
    concurrency,
    async deflate(block, options) {
      await new Promise<void>((resolve) => {
        held.push(resolve);
      });
      return await inThreadPool.deflate(block, options);
    },
    async close() {},
  };
  return { pool, held, goOn: () => held.shift()?.() };
}

/** The blocks, and how many were asked for. */
function counted(blocks: readonly SourceBlock[]) {
  const counts = { asked: 0 };
  async function* source(): AsyncGenerator<SourceBlock, void, undefined> {
    for (const block of blocks) {
      counts.asked++;
      yield block;
    }
  }
  return { counts, source: source() };
}

const options = (pool: CompressPool) => ({ level: 6, pool, cache: undefined, signal: undefined }) as const;

describe("known blocks among those that are deflated", () => {
  it("are given at once where nothing before them is worked on", async () => {
    const { pool } = heldPool(2);
    const { counts, source } = counted([known(1), known(2), known(3)]);
    const blocks = deflateBlocks(source, options(pool));
    for (const name of [1, 2, 3]) {
      const { value } = await blocks.next();
      expect(value?.crc32).toBe(name);
      expect(value?.keys).toEqual([`known ${name}`]);
      expect(counts.asked).toBe(name);
    }
    expect((await blocks.next()).done).toBe(true);
  });

  it("wait for those before them, up to 8 MiB, while the pool gets more to do", async () => {
    const { pool, held, goOn } = heldPool(2);
    const many = Array.from({ length: 20 }, (_, name) => known(name));
    const { counts, source } = counted([fresh(), known(99), fresh(), ...many]);
    const blocks = deflateBlocks(source, options(pool));
    const first = blocks.next();
    await sleep(20);
    expect(held).toHaveLength(2);
    // Two that are deflated, and eight that wait.
    expect(counts.asked).toBe(10);
    goOn();
    expect((await first).value?.keys).toEqual([]);
    expect((await blocks.next()).value?.crc32).toBe(99);
    goOn();
    const rest: unknown[] = [];
    for await (const { keys } of blocks) rest.push(keys[0]);
    expect(rest).toEqual([undefined, ...many.map((_, name) => `known ${name}`)]);
  });

  it("are few enough to be held with a pool of any size", async () => {
    const { pool, held, goOn } = heldPool(4);
    const { counts, source } = counted(Array.from({ length: 30 }, () => fresh()));
    const blocks = deflateBlocks(source, options(pool));
    const first = blocks.next();
    await sleep(20);
    expect(counts.asked).toBe(6);
    while (held.length > 0) goOn();
    await first;
    const going = setInterval(goOn, 1);
    let count = 1;
    for await (const block of blocks) count += block.keys.length + 1;
    clearInterval(going);
    expect(count).toBe(30);
  });
});
