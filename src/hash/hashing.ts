import { type ByteSource, chunksOf } from "../bytes.ts";
import type { Hasher } from "./hasher.ts";

/**
 * Passes a source's chunks on unchanged and lets hashers see each of them first, so that bytes are hashed while they flow.
 *
 * @example
 * const hasher = pureHasher("sha256");
 * for await (const chunk of hashing(source, hasher)) await writer.write(chunk);
 * const digest = toDigest("sha256", hasher.digest());
 */
export async function* hashing(
  source: ByteSource,
  ...hashers: readonly Hasher[]
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunksOf(source)) {
    for (const hasher of hashers) hasher.update(chunk);
    yield chunk;
  }
}
