import type { DigestAlgorithm } from "../oci/digest.ts";

/** A streaming hash. */
export interface Hasher {
  /** Takes in the next bytes; they may be changed by the caller afterwards. */
  update(bytes: Uint8Array): void;
  /** The hash of all bytes so far. Does not end the hasher: more bytes may follow. */
  digest(): Uint8Array;
  /** An independent hasher in the same state. */
  clone(): Hasher;
}

/** Makes a fresh {@link Hasher}. The edges have one for their host; the pure one is `pureHasher`. */
export type HasherFactory = (algorithm: DigestAlgorithm) => Hasher;
