import { type CompressPool, type DeflatedBlock, inThreadPool } from "../../../src/compress/index.ts";

/** What became of a pool that cannot have workers. */
export interface TriedPool {
  /** Whether its blocks are those that this thread makes. */
  readonly same: boolean;
  readonly warnings: readonly string[];
}

/** Gives some blocks to a pool. */
export async function tryPool(
  create: (options: { readonly workers: number; readonly onWarning: (message: string) => void }) => CompressPool,
): Promise<TriedPool> {
  const warnings: string[] = [];
  const pool = create({ workers: 2, onWarning: (message) => warnings.push(message) });
  const deflateAll = (by: CompressPool): Promise<readonly DeflatedBlock[]> =>
    Promise.all([1, 2, 3].map((seed) => by.deflate(new Uint8Array(100_000).fill(seed), { level: 6 })));
  const [actual, expected] = [await deflateAll(pool), await deflateAll(inThreadPool)];
  const text = (blocks: readonly DeflatedBlock[]): string =>
    JSON.stringify(blocks.map(({ data, crc32, size }) => [[...data], crc32, size]));
  await pool.close();
  return { same: text(actual) === text(expected), warnings };
}
