import { concatBytes } from "../../bytes.ts";
import { assert, assertEqual } from "../../conformance.ts";
import { type CompressPool, inThreadPool } from "../compress-pool.ts";
import { gzip } from "../gzip.ts";
import { assertSameBytes, type PoolCase, sampleNoise, sampleText } from "./support.ts";

const SIZE = 3_000_000;

/** More than a pool has under way at once. */
async function* chunks(seed: number): AsyncGenerator<Uint8Array, void, undefined> {
  const all = seed % 2 === 0 ? sampleText(seed, SIZE) : sampleNoise(seed, SIZE);
  for (let at = 0; at < SIZE; at += 100_000) yield all.subarray(at, at + 100_000);
}

async function zipped(pool: CompressPool, seed: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of gzip(chunks(seed), { level: 1, pool })) parts.push(part);
  return concatBytes(parts);
}

const expectations = new Map<number, Promise<Uint8Array>>();

/** The stream that this thread makes. */
function expectedOf(seed: number): Promise<Uint8Array> {
  const expected = expectations.get(seed) ?? zipped(inThreadPool, seed);
  expectations.set(seed, expected);
  return expected;
}

/** gzip by a pool. */
export const streamCases: readonly PoolCase[] = [
  {
    name: "makes the gzip stream that this thread makes, also when it makes several at once",
    async run(pool) {
      const streams = await Promise.all([0, 1].map((seed) => zipped(pool, seed)));
      for (const [seed, stream] of streams.entries()) {
        assertSameBytes(stream, await expectedOf(seed), `stream ${seed}`);
      }
    },
  },
  {
    name: "leaves nothing under way when a stream is aborted, which throws the signal's reason",
    async run(pool) {
      const reason = new Error("no longer wanted");
      const controller = new AbortController();
      let underWay = 0;
      const counting: CompressPool = {
        concurrency: pool.concurrency,
        async deflate(block, options) {
          underWay++;
          try {
            return await pool.deflate(block, options);
          } finally {
            underWay--;
          }
        },
        close: () => pool.close(),
      };
      let outcome: unknown = "the end";
      try {
        let parts = 0;
        for await (const _ of gzip(chunks(0), { level: 1, pool: counting, signal: controller.signal })) {
          // The header is the first one.
          if (++parts === 2) controller.abort(reason);
        }
      } catch (error) {
        outcome = error;
      }
      assert(outcome === reason, `expected the signal's reason, got ${String(outcome)}`);
      assertEqual(underWay, 0, "blocks that are under way");
      assertSameBytes(await zipped(pool, 0), await expectedOf(0), "a stream that comes later");
    },
  },
];
