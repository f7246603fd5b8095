import type { Digest, DigestAlgorithm } from "../oci/digest.ts";
import type { HasherFactory } from "./hasher.ts";
import { hostHasher } from "./host.ts";

const HEX_CODES = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

/** Arrays of character codes, by length: a string is made of one at once, which leaves nothing behind as adding up its parts does. */
const arrays: number[][] = [];

/** An array of so many character codes, to be filled and handed to `String.fromCharCode` before the next is asked for. */
export function codesOf(length: number): number[] {
  const known = arrays[length];
  if (known !== undefined) return known;
  const codes = new Array<number>(length).fill(0);
  if (length < 256) arrays[length] = codes;
  return codes;
}

/** The digest string of a raw hash, for example `toDigest("sha256", hasher.digest())`. */
export function toDigest(algorithm: DigestAlgorithm, hash: Uint8Array): Digest {
  return `${algorithm}:${toHex(hash, 0, hash.byteLength)}`;
}

/** Some of the bytes, as lower-case hex digits. */
export function toHex(bytes: Uint8Array, at: number, length: number): string {
  const codes = codesOf(2 * length);
  for (let i = 0; i < length; i++) {
    const byte = bytes[at + i] ?? 0;
    codes[2 * i] = HEX_CODES[byte >> 4] ?? 0;
    codes[2 * i + 1] = HEX_CODES[byte & 0xf] ?? 0;
  }
  return String.fromCharCode.apply(null, codes);
}

const HEX_VALUES = new Uint8Array(128).fill(0xff);
for (const [value, code] of HEX_CODES.entries()) HEX_VALUES[code] = value;

/** Bytes of a SHA-256. */
export const SHA256_SIZE = 32;

/**
 * Writes the bytes of a `sha256` digest.
 * @returns false if it is none, with something else written
 */
export function writeSha256(digest: Digest, bytes: Uint8Array, at: number): boolean {
  if (digest.length !== 7 + 2 * SHA256_SIZE || !digest.startsWith("sha256:")) return false;
  for (let i = 0; i < SHA256_SIZE; i++) {
    const high = HEX_VALUES[digest.charCodeAt(7 + 2 * i)] ?? 0xff;
    const low = HEX_VALUES[digest.charCodeAt(8 + 2 * i)] ?? 0xff;
    if ((high | low) > 0xf) return false;
    bytes[at + i] = 16 * high + low;
  }
  return true;
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
