import { type ByteSource, chunksOf } from "../bytes.ts";
import { BlockCutter, type LARGEST_SIZE, type PIECE_SIZE, type TARGET_SIZE } from "./block-cutter.ts";

/**
 * Cuts a tar into blocks, at places that depend on its bytes alone, not on the chunks it comes in, and only on what is near: a file
 * that changes, comes or goes leaves the blocks before and after it as they were.
 *
 * - Between entries, where a hash of the next one's name falls below the share that the entry before it has of {@link TARGET_SIZE}:
 *   so blocks have that size on average, however large the entries are.
 * - Before a large file, and inside of it after each {@link PIECE_SIZE} bytes of contents.
 * - Where a block would grow beyond {@link LARGEST_SIZE}.
 *
 * What is no tar, or cannot be followed, is cut after each {@link PIECE_SIZE} bytes. Each block is an array of its own, never empty.
 */
export async function* cutBlocks(source: ByteSource): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const cutter = new BlockCutter();
  for await (const chunk of chunksOf(source)) {
    for (let read = 0; read < chunk.byteLength; ) {
      read += cutter.take(chunk, read);
      const end = cutter.end();
      if (end > 0) yield cutter.remove(end);
    }
  }
  for (let end = cutter.lastEnd(); end > 0; end = cutter.lastEnd()) yield cutter.remove(end);
}
