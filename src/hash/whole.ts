import type { Digest, DigestAlgorithm } from "../oci/digest.ts";
import { digestOf, toDigest } from "./digest.ts";
import type { HasherFactory } from "./hasher.ts";
import { hostHasher, usesPureHasher } from "./host.ts";
import { subtleDigest } from "./subtle.ts";

/** Bytes from which on a call of `crypto.subtle` and waiting for it takes less time than the pure engine, in every browser. */
const WORTH_A_CALL = 16 * 1024;

/**
 * The digest of bytes in memory as {@link digestOf} gives it, from whichever engine is quicker for so many: where the host has no
 * streaming one of its own, which is so on pages, more than a few kilobytes go to `crypto.subtle`, which works in another thread.
 * @param bytes they may be changed by the caller afterwards
 * @param hasher engine, default the host's; any other one is asked itself
 * @param algorithm default `sha256`
 * @returns at once where nothing needs to be waited for
 */
export function wholeDigest(
  bytes: Uint8Array,
  hasher: HasherFactory = hostHasher,
  algorithm: DigestAlgorithm = "sha256",
): Digest | Promise<Digest> {
  if (bytes.byteLength < WORTH_A_CALL || hasher !== hostHasher || !usesPureHasher() || !hasSubtle()) {
    return digestOf(bytes, hasher, algorithm);
  }
  return subtleDigest(algorithm, bytes).then((hash) => toDigest(algorithm, hash));
}

/** Pages that are no secure context have none, whatever the type says. */
function hasSubtle(): boolean {
  const crypto: { readonly subtle?: SubtleCrypto | undefined } | undefined = globalThis.crypto;
  return crypto?.subtle !== undefined;
}
