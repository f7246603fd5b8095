import type { Digest, DigestAlgorithm } from "../oci/digest.ts";
import type { HasherFactory } from "./hasher.ts";
import { hostHasher } from "./host.ts";

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The digest string of a raw hash, for example `toDigest("sha256", hasher.digest())`. */
export function toDigest(algorithm: DigestAlgorithm, hash: Uint8Array): Digest {
  let hex = "";
  for (const byte of hash) hex += HEX[byte];
  return `${algorithm}:${hex}`;
}

/**
 * The digest of bytes in memory.
 * @param hasher engine, default the host's
 * @param algorithm default `sha256`, the one that Slipway writes
 */
export function digestOf(
  bytes: Uint8Array,
  hasher: HasherFactory = hostHasher,
  algorithm: DigestAlgorithm = "sha256",
): Digest {
  if (hasher.hexOf !== undefined) return `${algorithm}:${hasher.hexOf(algorithm, bytes)}`;
  const engine = hasher(algorithm);
  engine.update(bytes);
  return toDigest(algorithm, engine.digest());
}

/** The sha256 of no bytes at all. */
export const EMPTY_DIGEST: Digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
