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

/** A block that is to be deflated. */
export interface FreshBlock {
  /** All of its memory, which becomes the pool's. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What it is found by the next time. */
  readonly key?: string | undefined;
  /** Whether it may be known under a key of its bytes, too. */
  readonly byBytes: boolean;
}

/** A block that a cache had. */
export interface KnownBlock {
  readonly known: DeflatedBlock;
  /** What it was found by. */
  readonly key: string;
}

/** A block of a stream. */
export type SourceBlock = FreshBlock | KnownBlock;

/** A block in its place. */
export interface PlacedBlock extends DeflatedBlock {
  /** What the cache knows it by; none without a cache, or if it does not keep such a block. */
  readonly keys: readonly string[];
}

/**
 * Blocks beyond those that are worked on: while the reader writes one and makes the next, no worker waits for work.
 */
const WAITING = 2;

/** Bytes of known blocks that wait behind one that is being deflated. */
const MOST_WAITING = 8 * 1024 * 1024;

/**
 * Deflates blocks in the order they come, as many at once as the pool works on and few more, so that memory does not grow with the
 * stream. What the cache has is not deflated. At the end, also an early one, nothing is under way any more.
 */
export async function* deflateBlocks(
  blocks: AsyncIterable<SourceBlock>,
  { level, pool, cache, signal }: DeflateBlocksOptions,
): AsyncGenerator<PlacedBlock, void, undefined> {
  const end = new AbortController();
  const giveUp = (): void => end.abort(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  const deflate = async (block: SourceBlock): Promise<PlacedBlock> => {
    if ("known" in block) return { ...block.known, keys: [block.key] };
    const { bytes } = block;
    const key = block.byBytes ? await cache?.key(bytes, level) : undefined;
    const known = key === undefined ? undefined : await cache?.find(key, { signal: end.signal });
    const deflated = known ?? (await pool.deflate(bytes, { level, signal: end.signal }));
    return { ...deflated, keys: [block.key, key].filter((each) => each !== undefined) };
  };
  // Digests of a cache are made by the engine of the host, beside this thread: also one that deflates by itself need not wait for them.
  const atOnce = pool.concurrency === 1 && cache === undefined ? 1 : pool.concurrency + WAITING;
  const underWay: { readonly placed: Promise<PlacedBlock>; readonly knownSize: number }[] = [];
  /** How many of these are being deflated, */
  let fresh = 0;
  /** and bytes of the others, which only wait for their turn. */
  let waiting = 0;
  const first = (): Promise<PlacedBlock> | undefined => {
    const block = underWay.shift();
    if (block === undefined) return undefined;
    if (block.knownSize === 0) fresh--;
    waiting -= block.knownSize;
    return block.placed;
  };
  try {
    signal?.throwIfAborted();
    for await (const block of blocks) {
      const placed = deflate(block);
      // Who takes it learns of a failure; if it is not taken any more, another failure was told already.
      placed.catch(() => undefined);
      const knownSize = "known" in block ? block.known.data.byteLength : 0;
      underWay.push({ placed, knownSize });
      if (knownSize === 0) fresh++;
      waiting += knownSize;
      while (fresh >= atOnce || waiting >= MOST_WAITING || (underWay[0]?.knownSize ?? 0) > 0) {
        const taken = first();
        if (taken !== undefined) yield await taken;
      }
    }
    for (let taken = first(); taken !== undefined; taken = first()) yield await taken;
  } finally {
    signal?.removeEventListener("abort", giveUp);
    end.abort(signal?.reason);
    await Promise.allSettled(underWay.map(({ placed }) => placed));
  }
}
