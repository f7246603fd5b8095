import { assertEqual } from "../../conformance.ts";
import { type CompressPool, type DeflatedBlock, deflateBlock } from "../compress-pool.ts";
import type { DeflateLevel } from "../deflate/index.ts";

/** One case over a pool that is fresh. */
export interface PoolCase {
  readonly name: string;
  run(pool: CompressPool): Promise<void>;
}

/** Every level. */
export const LEVELS: readonly DeflateLevel[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** Large enough for no pool to think that a worker is not worth while. */
export const BLOCK_SIZE: number = 66_000;

/** Bytes that shrink somewhat, of which every seed has others, the same in each run. */
export function sampleText(seed: number, size: number = BLOCK_SIZE): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = (seed + 1) * 0x9e3779b1;
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    // Now and then what stood there a while ago, as in texts.
    bytes[i] = (i & 64) !== 0 && i >= 700 ? (bytes[i - 700] as number) : 97 + ((state >>> 9) & 15);
  }
  return bytes;
}

/** Bytes that do not shrink. */
export function sampleNoise(seed: number, size: number = BLOCK_SIZE): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = (seed + 1) * 0x85ebca6b;
  for (let i = 0; i < size; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + i;
    bytes[i] = state >>> 11;
  }
  return bytes;
}

const expectations = new Map<number, DeflatedBlock>();

/** What this thread makes of the text of a seed at level 1. */
function expectedOf(seed: number): DeflatedBlock {
  let expected = expectations.get(seed);
  if (expected === undefined) {
    expected = deflateBlock(sampleText(seed), 1);
    expectations.set(seed, expected);
  }
  return expected;
}

/** Fails unless the block is what this thread makes of the bytes. */
export function assertDeflated(
  actual: DeflatedBlock,
  bytes: Uint8Array<ArrayBuffer>,
  level: DeflateLevel,
  what: string,
): void {
  assertSameBlock(actual, deflateBlock(bytes, level), what);
}

function assertSameBlock(actual: DeflatedBlock, expected: DeflatedBlock, what: string): void {
  assertEqual([actual.size, actual.crc32], [expected.size, expected.crc32], `size and CRC-32 of ${what}`);
  assertSameBytes(actual.data, expected.data, what);
}

/** Fails unless the bytes are equal; of many it says where they differ. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  assertEqual(actual.byteLength, expected.byteLength, `bytes of ${what}`);
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  assertEqual(at, -1, `where ${what} differs`);
}

/** A promise of a pool, and what it is to give. */
export interface Pending {
  readonly promise: Promise<DeflatedBlock>;
  readonly seed: number;
}

/** Gives so many blocks to a pool at once, at level 1. */
export function deflateMany(pool: CompressPool, count: number, signal?: AbortSignal): readonly Pending[] {
  return Array.from({ length: count }, (_, seed) => ({
    promise: pool.deflate(sampleText(seed), { level: 1, signal }),
    seed,
  }));
}

/** Waits for all: each is what it should be, or was given up for a reason that the check accepts. */
export async function settleMany(
  pending: readonly Pending[],
  isExpected: (reason: unknown) => boolean,
): Promise<{ readonly done: number; readonly givenUp: number }> {
  let done = 0;
  const settled = await Promise.allSettled(pending.map(({ promise }) => promise));
  for (const [index, result] of settled.entries()) {
    if (result.status === "fulfilled") {
      assertSameBlock(result.value, expectedOf(index), `block ${index}`);
      done++;
    } else if (!isExpected(result.reason)) {
      throw new Error(`block ${index} was given up for another reason: ${String(result.reason)}`, {
        cause: result.reason,
      });
    }
  }
  return { done, givenUp: settled.length - done };
}
