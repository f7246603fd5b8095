import { crc32 } from "./crc32.ts";
import { type BlockDeflater, createBlockDeflater, type DeflateLevel } from "./deflate/index.ts";

/** A block after it was deflated on its own. */
export interface DeflatedBlock {
  /**
   * Deflate data (RFC 1951) that ends on a byte boundary and is not marked as final: blocks may follow each other in any number. The
   * array belongs to who asked for the block, and shares its memory with nothing else that is used.
   */
  readonly data: Uint8Array;
  /** CRC-32 of the bytes that went in. */
  readonly crc32: number;
  /** Number of bytes that went in. */
  readonly size: number;
}

/** How a block is deflated. */
export interface DeflateBlockOptions {
  /** 1 (fastest) … 9 (smallest). */
  readonly level: DeflateLevel;
  /** Gives the block up: it is not begun any more, and its promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Who deflates blocks: this thread, or several workers. The result is the same, whoever does it. `compressPoolConformance` says in
 * tests what each implementation must do.
 */
export interface CompressPool {
  /** How many blocks it works on at the same time. Who has a stream of them need not give more than a few above that. */
  readonly concurrency: number;
  /**
   * Deflates a block on its own. The array becomes the pool's: its memory may be moved to a worker, so that nobody else may use it
   * afterwards; it should therefore be all of its `ArrayBuffer`, or else it is copied.
   * @throws SlipwayError `UNAVAILABLE` if the pool is closed or its workers cannot be started
   */
  deflate(block: Uint8Array<ArrayBuffer>, options: DeflateBlockOptions): Promise<DeflatedBlock>;
  /** Ends the workers; what is under way fails. A second call does nothing. */
  close(): Promise<void>;
}

/** Deflates in this thread, where there are no workers or none are wanted. It needs no closing: there is nothing to end. */
export const inThreadPool: CompressPool = {
  concurrency: 1,
  async deflate(block, { level, signal }) {
    signal?.throwIfAborted();
    return deflateBlock(block, level);
  },
  async close() {},
};

const deflaters = new Map<DeflateLevel, BlockDeflater>();

/** What every pool does with a block, in whichever thread. The encoder's memory, a few MiB for each level, is kept. */
export function deflateBlock(block: Uint8Array, level: DeflateLevel): DeflatedBlock {
  let deflater = deflaters.get(level);
  if (deflater === undefined) {
    deflater = createBlockDeflater(level);
    deflaters.set(level, deflater);
  }
  return { data: deflater.deflate(block), crc32: crc32(block), size: block.byteLength };
}
