import { createHash } from "node:crypto";
import type { Digest } from "../../../src/oci/index.ts";

const BLOCK = 64 * 1024;

/** Bytes that differ from block to block, without being kept. */
export async function* patternBytes(offset: number, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  let at = offset;
  while (at < size) {
    const block = Math.floor(at / BLOCK);
    const bytes = new Uint8Array(BLOCK).fill(block % 251);
    bytes[0] = block >>> 8;
    const start = at - block * BLOCK;
    const piece = bytes.subarray(start, Math.min(BLOCK, size - block * BLOCK));
    yield piece;
    at += piece.byteLength;
  }
}

/** What those bytes hash to. */
export function patternDigest(size: number): Digest {
  const hash = createHash("sha256");
  for (let block = 0; block * BLOCK < size; block++) {
    const bytes = new Uint8Array(BLOCK).fill(block % 251);
    bytes[0] = block >>> 8;
    hash.update(bytes.subarray(0, Math.min(BLOCK, size - block * BLOCK)));
  }
  return `sha256:${hash.digest("hex")}`;
}
