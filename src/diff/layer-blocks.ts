import { chunksOf } from "../bytes.ts";
import type { BlockCache } from "../compress/block-cache.ts";
import type { DeflateLevel } from "../compress/deflate/index.ts";
import type { FreshBlock, KnownBlock, SourceBlock } from "../compress/deflate-blocks.ts";
import { freeMemory } from "../compress/free-memory.ts";
import { inflateBlock } from "../compress/inflate-block.ts";
import { writeEntries } from "../tar/writer.ts";
import { type ContentReading, withContents } from "./layer-contents.ts";
import type { LayerUnit, PlannedBlock } from "./layer-units.ts";

/** What the blocks of a layer are made with. */
export interface LayerBlocksOptions {
  readonly cache: BlockCache & Required<Pick<BlockCache, "recipeKey">>;
  readonly level: DeflateLevel;
  readonly reading: ContentReading;
  /** Told of the bytes of each block, in order, before the block is given. */
  readonly measure: (tar: Uint8Array) => void;
}

/** Blocks that are read from the cache while the one before them is worked on. */
const LOOK_AHEAD = 6;

/** A block, as far as it is known. */
interface Step {
  readonly unit: LayerUnit;
  readonly index: number;
  readonly block: PlannedBlock;
  readonly found: Promise<FoundBlock | undefined>;
}

/** A block that the cache has, and what it was made of. */
interface FoundBlock extends KnownBlock {
  readonly tar: Uint8Array;
}

/**
 * The blocks of a layer. Of a block that the cache knows no file is read: its deflated data is used again, and its bytes, which the diffID
 * needs, are what that inflates to. For all others their files are read, and verified.
 */
export async function* layerBlocks(
  units: Iterable<LayerUnit>,
  options: LayerBlocksOptions,
): AsyncGenerator<SourceBlock, void, undefined> {
  const { measure, reading } = options;
  const end = new AbortController();
  const giveUp = (): void => end.abort(reading.signal?.reason);
  reading.signal?.addEventListener("abort", giveUp, { once: true });
  const ahead: Step[] = [];
  /** The unit that is read from its files, as the cache does not have one of its blocks. */
  let fresh: LayerUnit | undefined;

  async function* next(): AsyncGenerator<SourceBlock, void, undefined> {
    const step = ahead.shift();
    if (step === undefined || step.unit === fresh) return;
    const found = await step.found;
    reading.signal?.throwIfAborted();
    if (found === undefined) {
      fresh = step.unit;
      yield* freshBlocks(step.unit, step.index, options);
      return;
    }
    const { tar, ...block } = found;
    measure(tar);
    if (tar.buffer instanceof ArrayBuffer) freeMemory(tar.buffer);
    reading.advance(step.block.contents);
    yield block;
  }

  try {
    for (const unit of units) {
      for (const [index, block] of unit.blocks.entries()) {
        if (unit === fresh) break;
        ahead.push({ unit, index, block, found: find(options, block, end.signal) });
        if (ahead.length >= LOOK_AHEAD) yield* next();
      }
    }
    while (ahead.length > 0) yield* next();
  } finally {
    reading.signal?.removeEventListener("abort", giveUp);
    end.abort();
    await Promise.allSettled(ahead.map(({ found }) => found));
  }
}

/** The block if the cache has it as it should be. Never fails: what it cannot have is made again. */
async function find(
  { cache, level }: LayerBlocksOptions,
  { recipe, size }: PlannedBlock,
  signal: AbortSignal,
): Promise<FoundBlock | undefined> {
  try {
    const key = cache.recipeKey(recipe, level);
    const known = await cache.find(key, { signal });
    if (known === undefined || known.size !== size) return undefined;
    return { known, key, tar: await inflateBlock(known) };
  } catch {
    return undefined;
  }
}

/** The blocks of a unit from its files, without the first `skip` ones, which were given already. */
async function* freshBlocks(
  unit: LayerUnit,
  skip: number,
  { cache, level, reading, measure }: LayerBlocksOptions,
): AsyncGenerator<FreshBlock, void, undefined> {
  let told = unit.blocks.slice(0, skip).reduce((sum, { contents }) => sum + contents, 0);
  const advance = (bytes: number): void => {
    const before = told;
    told = Math.max(0, before - bytes);
    if (bytes > before) reading.advance(bytes - before);
  };
  const inputs = withContents(unit.entries, { ...reading, advance });
  const tar = inBlocks(writeEntries(inputs, unit.last), unit.blocks);
  let index = 0;
  for await (const bytes of tar) {
    reading.signal?.throwIfAborted();
    const block = unit.blocks[index];
    if (block !== undefined && index >= skip) {
      measure(bytes);
      yield { bytes, key: cache.recipeKey(block.recipe, level), byBytes: block.isPartial };
    }
    index++;
  }
}

/** The bytes in arrays of these sizes. */
async function* inBlocks(
  tar: AsyncIterable<Uint8Array>,
  blocks: readonly PlannedBlock[],
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const sizes = blocks.map(({ size }) => size).values();
  let block = new Uint8Array(sizes.next().value ?? 0);
  let filled = 0;
  for await (const chunk of chunksOf(tar)) {
    for (let read = 0; read < chunk.byteLength; ) {
      const count = Math.min(block.byteLength - filled, chunk.byteLength - read);
      if (count === 0) throw notPlanned();
      block.set(chunk.subarray(read, read + count), filled);
      read += count;
      filled += count;
      if (filled < block.byteLength) continue;
      yield block;
      block = new Uint8Array(sizes.next().value ?? 0);
      filled = 0;
    }
  }
  if (block.byteLength > 0) throw notPlanned();
}

function notPlanned(): RangeError {
  return new RangeError("a layer's tar has another size than was planned");
}
