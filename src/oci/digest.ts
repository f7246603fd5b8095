import { SlipwayError } from "../errors.ts";

/** The algorithms that image-spec registers and Slipway reads. `sha256` is what it writes. */
export type DigestAlgorithm = "sha256" | "sha512";

/** A content digest in its canonical string form, for example `sha256:e3b0…`. image-spec `descriptor.md#digests`. */
export type Digest = `${DigestAlgorithm}:${string}`;

const PATTERNS: Readonly<Record<DigestAlgorithm, RegExp>> = {
  sha256: /^[a-f0-9]{64}$/,
  sha512: /^[a-f0-9]{128}$/,
};

/** Whether `value` is a digest of a known algorithm with the right number of lower-case hex digits. */
export function isDigest(value: unknown): value is Digest {
  if (typeof value !== "string") return false;
  const colon = value.indexOf(":");
  const algorithm = value.slice(0, colon);
  return (algorithm === "sha256" || algorithm === "sha512") && PATTERNS[algorithm].test(value.slice(colon + 1));
}

/**
 * Checks a digest before it is used as a key, a path or a URL (CVE-2024-3727).
 * @param what names the place it came from in the message
 * @throws SlipwayError `INVALID_DIGEST`
 */
export function parseDigest(value: unknown, what = "digest"): Digest {
  if (isDigest(value)) return value;
  throw new SlipwayError(
    "INVALID_DIGEST",
    `Cannot use ${what} ${JSON.stringify(value)}: a digest is sha256:<64 hex digits> or sha512:<128 hex digits>`,
  );
}

/** The algorithm of a digest. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** The hex part of a digest. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}
