import { concatBytes } from "../../../src/bytes.ts";

/** Bytes that look random but are always the same (xorshift32). */
export function noise(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = seed;
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** Text with repetitions near and far, as files have them. */
export function prose(size: number): Uint8Array<ArrayBuffer> {
  const words = "the layer of an image is a tar archive of what it adds changes and removes\n".split(" ");
  const picks = noise(size, 7);
  let text = "";
  for (let i = 0; text.length < size; i++) text += `${words[(picks[i % size] ?? 0) % words.length]} `;
  return new TextEncoder().encode(text.slice(0, size));
}

/** All kinds of stretches after each other: text, noise, zeros, runs. */
export function mixture(size: number): Uint8Array<ArrayBuffer> {
  const part = Math.ceil(size / 4);
  return concatBytes([prose(part), noise(part), new Uint8Array(part), new Uint8Array(part).fill(0x41)]).slice(0, size);
}

/** The bytes in chunks of `size`. */
export function* split(data: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < data.byteLength; at += size) yield data.subarray(at, at + size);
}

/** All chunks as one. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return concatBytes(all);
}

/** The bytes as zstd that stores them: one frame of raw blocks. */
export function storedZstd(data: Uint8Array): Uint8Array<ArrayBuffer> {
  // Magic number, a single segment with its size in four bytes.
  const size = new Uint8Array(Uint32Array.of(data.byteLength).buffer);
  const parts: Uint8Array[] = [Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0b10_1_00000), size];
  for (const part of split(data, 100_000)) {
    parts.push(
      Uint8Array.of((part.byteLength << 3) & 0xff, (part.byteLength >> 5) & 0xff, part.byteLength >> 13),
      part,
    );
  }
  return concatBytes([...parts, Uint8Array.of(1, 0, 0)]);
}
