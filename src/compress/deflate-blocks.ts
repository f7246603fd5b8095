import type { BlockCache } from "./block-cache.ts";
import type { CompressPool, DeflatedBlock } from "./compress-pool.ts";
import type { DeflateLevel } from "./deflate/index.ts";

/** What blocks are deflated with. */
export interface DeflateBlocksOptions {
  readonly level: DeflateLevel;
  readonly pool: CompressPool;
  readonly cache: BlockCache | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A block in its place. */
export interface PlacedBlock extends DeflatedBlock {
  /** What the cache knows it by; undefined without a cache, or if it does not keep such a block. */
  readonly key: string | undefined;
}

/**
 * Blocks beyond those that are worked on: while the reader writes one and makes the next, no worker waits for work.
 */
const WAITING = 2;

/**
 * Deflates blocks in the order they come, as many at once as the pool works on and few more, so that memory does not grow with the
 * stream. What the cache has is not deflated. At the end, also an early one, nothing is under way any more.
 */
export async function* deflateBlocks(
  blocks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  { level, pool, cache, signal }: DeflateBlocksOptions,
): AsyncGenerator<PlacedBlock, void, undefined> {
  const end = new AbortController();
  const giveUp = (): void => end.abort(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  const deflate = async (block: Uint8Array<ArrayBuffer>): Promise<PlacedBlock> => {
    const key = await cache?.key(block, level);
    const known = key === undefined ? undefined : await cache?.find(key, { signal: end.signal });
    return { ...(known ?? (await pool.deflate(block, { level, signal: end.signal }))), key };
  };
  // Digests of a cache are made by the engine of the host, beside this thread: also one that deflates by itself need not wait for them.
  const atOnce = pool.concurrency === 1 && cache === undefined ? 1 : pool.concurrency + WAITING;
  const underWay: Promise<PlacedBlock>[] = [];
  try {
    signal?.throwIfAborted();
    for await (const block of blocks) {
      const deflated = deflate(block);
      // Who takes it learns of a failure; if it is not taken any more, another failure was told already.
      deflated.catch(() => undefined);
      underWay.push(deflated);
      const first = underWay.length >= atOnce ? underWay.shift() : undefined;
      if (first !== undefined) yield await first;
    }
    for (let first = underWay.shift(); first !== undefined; first = underWay.shift()) yield await first;
  } finally {
    signal?.removeEventListener("abort", giveUp);
    end.abort(signal?.reason);
    await Promise.allSettled(underWay);
  }
}
