import type { ReopenableSource } from "../../src/bytes.ts";

/** Bytes that are generated at once; every block of a file is of one kind. */
const BLOCK = 64 * 1024;

const WORDS = "the layer of an image is a tar that was made once and is never read again ünïcode 容器 0123456789".split(
  " ",
);

/** How a source is cut into chunks: so many bytes each. */
export type ChunkSize = number;

/**
 * A file of any size that is never in memory as a whole: blocks of text, noise, zeros and text again, the same for each seed in
 * every engine and in each run.
 * @param seed tells files apart
 * @param chunk bytes of the chunks that it comes in; they do not change what comes
 */
export function generatedSource(size: number, seed: number, chunk: ChunkSize = BLOCK): ReopenableSource {
  return {
    size,
    async *open({ offset = 0, length = size - offset } = {}) {
      const end = offset + length;
      let at = offset;
      while (at < end) {
        const block = generatedBlock(seed, Math.floor(at / BLOCK));
        const within = at % BLOCK;
        const part = block.subarray(within, Math.min(BLOCK, within + end - at));
        for (let from = 0; from < part.byteLength; from += chunk) yield part.subarray(from, from + chunk);
        at += part.byteLength;
      }
    },
  };
}

/** A generated file in memory. */
export function generatedBytes(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += BLOCK) {
    bytes.set(generatedBlock(seed, at / BLOCK).subarray(0, size - at), at);
  }
  return bytes;
}

function generatedBlock(seed: number, index: number): Uint8Array {
  const next = xorshift(seed * 0x9e3779b1 + index + 1);
  switch (index % 4) {
    case 1:
      return noise(next);
    case 2:
      return new Uint8Array(BLOCK);
    default:
      return text(next);
  }
}

function noise(next: () => number): Uint8Array {
  const words = new DataView(new ArrayBuffer(BLOCK));
  for (let at = 0; at < BLOCK; at += 4) words.setUint32(at, next(), true);
  return new Uint8Array(words.buffer);
}

function text(next: () => number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const encoder = new TextEncoder();
  const words = WORDS.map((word) => encoder.encode(`${word} `));
  let at = 0;
  while (at < BLOCK) {
    const word = words[next() % words.length] ?? block;
    block.set(word.subarray(0, BLOCK - at), at);
    at += word.byteLength;
  }
  return block;
}

/** Marsaglia's generator of 32-bit numbers. */
function xorshift(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
