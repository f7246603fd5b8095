import { inflateRawSync } from "node:zlib";
import { concatBytes } from "../../../src/bytes.ts";
import type { BlockDeflater } from "../../../src/compress/deflate/index.ts";
import { type ReadDeflate, readDeflate } from "./deflate-reader.ts";
import { END_OF_BLOCKS } from "./inflaters.ts";

/** Most bytes of the deflate data of a block: as if all was stored, with the empty block at the end and little more. */
export function largestSize(size: number): number {
  return size + 5 * Math.ceil(size / 65_535) + 16;
}

/**
 * Deflates a block and looks at what comes: that zlib and the strict reader make the block of it again, and that it is not too big.
 * @throws Error that says what is wrong
 */
export function checkBlock(
  deflater: BlockDeflater,
  block: Uint8Array,
): ReadDeflate & { readonly deflated: Uint8Array } {
  const before = block.slice();
  const deflated = deflater.deflate(block);
  if (!equal(before, block)) throw new Error("the block was changed");
  const read = readDeflate(deflated, { form: "flushed" });
  if (!equal(read.bytes, block))
    throw new Error(`the strict reader reads other bytes${firstDifference(read.bytes, block)}`);
  const inflated = inflateRawSync(concatBytes([deflated, END_OF_BLOCKS]));
  if (!equal(inflated, block)) throw new Error(`zlib reads other bytes${firstDifference(inflated, block)}`);
  if (deflated.byteLength > largestSize(block.byteLength)) {
    throw new Error(`${block.byteLength} bytes were deflated to ${deflated.byteLength}`);
  }
  return { ...read, deflated };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function firstDifference(got: Uint8Array, expected: Uint8Array): string {
  const at = expected.findIndex((byte, i) => got[i] !== byte);
  return at < 0 ? `: ${got.byteLength} of ${expected.byteLength}` : `: at ${at} of ${expected.byteLength}`;
}
