import type { BlockCache } from "../compress/block-cache.ts";
import type { DeflatedBlock } from "../compress/compress-pool.ts";
import type { DeflateLevel } from "../compress/deflate/index.ts";
import type { ContentProvider } from "../content/store.ts";
import { isSlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import type { MetadataStore } from "../snapshots/metadata.ts";
import { BlockIndex, type BlockPlace } from "./block-cache-index.ts";
import { RangeReader } from "./block-cache-reader.ts";
import { checkOf, keyOf, type RecordedBlock, recipeKeyOf } from "./block-cache-record.ts";

/** How a {@link createBlockCache} is made. */
export interface BlockCacheOptions {
  /** Has the layers. Nothing is written to it. */
  readonly content: ContentProvider;
  /** Keeps where in them blocks lie, under `blocks/`: one record for each layer. */
  readonly metadata: MetadataStore;
  /**
   * How many blocks are known, of all layers: when there are more, the layers recorded first are forgotten. Each takes 69 bytes of
   * `metadata` and some 300 of memory; one that is known both by its bytes and by what it is made of counts twice. Default 32768, which
   * is 16 to 32 GiB of tar.
   */
  readonly limit?: number | undefined;
}

/**
 * Blocks of layers that were compressed before, so that a layer in which few files changed is compressed anew only around them. It
 * changes no byte of a layer.
 */
export interface LayerBlockCache {
  /**
   * Makes a layer with what is known of blocks. Once it is there, its own blocks are known.
   * @param make compresses with these blocks, for example by `Differ.compare`, and rejects if no layer came of it
   */
  forLayer<T extends { readonly descriptor: Descriptor }>(make: (blocks: BlocksOfLayer) => Promise<T>): Promise<T>;
}

/** The cache of one layer while it is made. */
export interface BlocksOfLayer extends Required<BlockCache> {
  /**
   * Says of a finished layer whose contents were not known before they were read what its blocks are made of, all of them in order, so
   * that they are found without the contents, too. What does not fit to the blocks that were noted has no effect.
   */
  describe(blocks: Iterable<{ readonly size: number; readonly recipe: Uint8Array }>): void;
}

const DEFAULT_LIMIT = 32 * 1024;

/** A block of fewer bytes is deflated in less time than it takes to record and to find it. */
const SMALLEST_BLOCK = 64 * 1024;

/**
 * A {@link LayerBlockCache} that keeps no block itself: it notes where in the layers of a content store they lie, and reads them there.
 *
 * What it reads is verified by its digest, and its records too; what is not as it was, or gone, is forgotten, and compressed again. What
 * the stores fail with is no failure of the layer: it only takes longer. Several caches may use the same stores at once.
 */
export function createBlockCache({ content, metadata, limit = DEFAULT_LIMIT }: BlockCacheOptions): LayerBlockCache {
  const index = new BlockIndex(metadata, limit);
  return {
    async forLayer(make) {
      const blocks = new LayerBlocks(content, index, limit);
      try {
        const layer = await make(blocks);
        await blocks.record(layer.descriptor.digest).catch(() => undefined);
        return layer;
      } finally {
        await blocks.close();
      }
    },
  };
}

/** What is noted of a block while its data is hashed. */
interface NotedBlock extends Omit<RecordedBlock, "key" | "check"> {
  readonly check: Promise<string>;
}

class LayerBlocks implements BlocksOfLayer {
  readonly #reader: RangeReader;
  readonly #index: BlockIndex;
  readonly #limit: number;
  /** Settles when the key of the last block is known, and those of all before it. */
  #lastKeys: Promise<unknown> = Promise.resolve();
  /** What others recorded is looked at once for each layer. */
  #refreshed: Promise<void> | undefined;
  /** Where data was found: it need not be hashed again, and may have more keys. */
  readonly #places = new WeakMap<Uint8Array, BlockPlace>();
  readonly #noted = new Map<string, NotedBlock>();
  /** All blocks that are large enough, by their offsets. */
  readonly #placed = new Map<number, NotedBlock>();
  #level: DeflateLevel | undefined;

  constructor(content: ContentProvider, index: BlockIndex, limit: number) {
    this.#reader = new RangeReader(content);
    this.#index = index;
    this.#limit = limit;
  }

  async key(block: Uint8Array, level: DeflateLevel): Promise<string | undefined> {
    if (block.byteLength < SMALLEST_BLOCK) return undefined;
    this.#level = level;
    // Told after those before it, however long each is hashed: so blocks are read in the order they lie in.
    const [before, key] = [this.#lastKeys, keyOf(block, level)];
    this.#lastKeys = Promise.allSettled([before, key]).then(() => undefined);
    await before;
    return await key;
  }

  recipeKey(recipe: Uint8Array, level: DeflateLevel): string {
    return recipeKeyOf(recipe, level);
  }

  async find(key: string, { signal }: Pick<OperationOptions, "signal">): Promise<DeflatedBlock | undefined> {
    this.#refreshed ??= this.#index.refresh().catch(() => undefined);
    await this.#refreshed;
    for (const place of this.#index.find(key)) {
      signal?.throwIfAborted();
      const data = await this.#read(place);
      if (data === undefined) continue;
      this.#places.set(data, place);
      return { data, crc32: place.crc32, size: place.size };
    }
    signal?.throwIfAborted();
    return undefined;
  }

  note(key: string, offset: number, { data, crc32, size }: DeflatedBlock): void {
    if (this.#noted.size >= this.#limit || size < SMALLEST_BLOCK) return;
    let block = this.#placed.get(offset);
    if (block === undefined) {
      const place = this.#places.get(data);
      const check = place === undefined ? checkOf(data) : Promise.resolve(place.check);
      // Told when the layer is recorded.
      check.catch(() => undefined);
      block = { check, offset, dataSize: data.byteLength, size, crc32 };
      this.#placed.set(offset, block);
      if (place !== undefined) for (const same of this.#index.sameAs(place)) this.#note(same.key, block);
    }
    this.#note(key, block);
  }

  /** The same block again is found where it was first, and one layer cannot take more room than there is. */
  #note(key: string, block: NotedBlock): void {
    if (this.#noted.size < this.#limit && !this.#noted.has(key)) this.#noted.set(key, block);
  }

  describe(blocks: Iterable<{ readonly size: number; readonly recipe: Uint8Array }>): void {
    const level = this.#level;
    if (level === undefined) return;
    const described = [...blocks].filter(({ size }) => size >= SMALLEST_BLOCK);
    const placed = [...this.#placed.values()];
    if (described.length !== placed.length || described.some(({ size }, at) => size !== placed[at]?.size)) return;
    for (const [at, { recipe }] of described.entries()) {
      const block = placed[at];
      if (block !== undefined) this.#note(recipeKeyOf(recipe, level), block);
    }
  }

  async record(layer: Digest): Promise<void> {
    if (this.#noted.size === 0) return;
    const blocks: RecordedBlock[] = [];
    for (const [key, block] of this.#noted) blocks.push({ ...block, key, check: await block.check });
    blocks.sort((a, b) => a.offset - b.offset);
    await this.#index.add(layer, blocks);
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  /** The deflated data of a block, if it is still there and what it was. */
  async #read(place: BlockPlace): Promise<Uint8Array | undefined> {
    try {
      const data = await this.#reader.read(place.layer, place.offset, place.dataSize);
      if ((await checkOf(data)) === place.check) return data;
      this.#index.forget(place);
    } catch (error) {
      // Another failure may be over the next time.
      if (isSlipwayError(error, "NOT_FOUND")) await this.#index.remove(place.layer).catch(() => undefined);
      if (isSlipwayError(error, "OUT_OF_RANGE")) this.#index.forget(place);
    }
    return undefined;
  }
}
