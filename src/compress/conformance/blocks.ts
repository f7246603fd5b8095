import { assert, assertEqual } from "../../conformance.ts";
import {
  assertDeflated,
  assertSameBytes,
  BLOCK_SIZE,
  deflateMany,
  LEVELS,
  type PoolCase,
  sampleNoise,
  sampleText,
  settleMany,
} from "./support.ts";

const never = (): boolean => false;

/** What comes of blocks. */
export const blockCases: readonly PoolCase[] = [
  {
    name: "says how many blocks it works on at the same time",
    async run({ concurrency }) {
      assert(Number.isSafeInteger(concurrency) && concurrency >= 1, `concurrency is ${concurrency}`);
    },
  },
  {
    name: "gives what this thread gives, at each level",
    async run(pool) {
      const makers: Readonly<Record<string, () => Uint8Array<ArrayBuffer>>> = {
        text: () => sampleText(1),
        noise: () => sampleNoise(2),
        zeros: () => new Uint8Array(BLOCK_SIZE),
        "64 KiB and a byte": () => sampleText(3, 65_537),
        "one byte": () => Uint8Array.of(7),
        nothing: () => new Uint8Array(0),
      };
      for (const level of LEVELS) {
        const blocks = Object.entries(makers).map(([what, make]) => ({
          what,
          make,
          promise: pool.deflate(make(), { level }),
        }));
        for (const { what, make, promise } of blocks) {
          assertDeflated(await promise, make(), level, `${what} at level ${level}`);
        }
      }
    },
  },
  {
    name: "takes hundreds of blocks at once",
    async run(pool) {
      const { done } = await settleMany(deflateMany(pool, 200), never);
      assertEqual(done, 200, "blocks");
    },
  },
  {
    name: "mixes up no levels when blocks of several are under way",
    async run(pool) {
      const blocks = LEVELS.flatMap((level) =>
        [1, 2].map((seed) => ({ level, seed, promise: pool.deflate(sampleText(seed), { level }) })),
      );
      for (const { level, seed, promise } of blocks) {
        assertDeflated(await promise, sampleText(seed), level, `block ${seed} at level ${level}`);
      }
    },
  },
  {
    name: "copies a block that shares its memory with others, and leaves those alone",
    async run(pool) {
      const before = sampleText(1, 3 * BLOCK_SIZE);
      const shared = before.slice();
      const blocks = [0, 1, 2].map((at) => ({
        at,
        promise: pool.deflate(shared.subarray(at * BLOCK_SIZE, (at + 1) * BLOCK_SIZE), { level: 6 }),
      }));
      for (const { at, promise } of blocks) {
        const block = before.subarray(at * BLOCK_SIZE, (at + 1) * BLOCK_SIZE);
        assertDeflated(await promise, block, 6, `block ${at}`);
      }
      assertSameBytes(shared, before, "the memory that they share");
    },
  },
  {
    name: "works on when it had nothing to do",
    async run(pool) {
      for (const seed of [1, 2, 3]) {
        assertDeflated(await pool.deflate(sampleText(seed), { level: 6 }), sampleText(seed), 6, `block ${seed}`);
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    },
  },
];
