import type { DeflatedBlock } from "./compress-pool.ts";
import type { DeflateLevel } from "./deflate/index.ts";

/**
 * Blocks that were deflated before. It never changes what comes out: a block that it has is what deflating it again would give, or
 * it says that it has none.
 */
export interface BlockCache {
  /**
   * What the block is looked up by: a digest of its bytes, together with the level. Undefined if it is not worth keeping. The block
   * belongs to the caller again, to be changed or moved, once this has resolved.
   */
  key(block: Uint8Array, level: DeflateLevel): Promise<string | undefined>;
  /**
   * What a block of a layer is looked up by whose bytes need not be at hand for it: a digest of what they are made of, together with
   * the level. Absent: blocks are looked up by their bytes only.
   * @param recipe SHA-256
   */
  recipeKey?(recipe: Uint8Array, level: DeflateLevel): string;
  /** The block of this key, verified; undefined if there is none that can be trusted. Never fails, but for an aborted signal. */
  find(key: string, options: { readonly signal?: AbortSignal | undefined }): Promise<DeflatedBlock | undefined>;
  /**
   * Told of each block of a stream that has a key, in order, for each of its keys: its deflated data begins at byte `offset` of the gzip
   * member. The data is there until the call returns; afterwards its memory may be given back.
   */
  note(key: string, offset: number, block: DeflatedBlock): void;
}
