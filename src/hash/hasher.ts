import type { DigestAlgorithm } from "../oci/digest.ts";

/** A streaming hash. */
export interface Hasher {
  /** Takes in the next bytes; they may be changed by the caller afterwards. */
  update(bytes: Uint8Array): void;
  /** The hash of all bytes so far. Does not end the hasher: more bytes may follow. */
  digest(): Uint8Array;
  /** An independent hasher in the same state. */
  clone(): Hasher;
  /**
   * The state so far, for {@link HasherFactory.load}: what lets an ingest be resumed without its bytes being read again. Absent
   * where the engine keeps its state to itself (`node:crypto`).
   */
  save?(): Uint8Array;
}

/**
 * A hash of one whole stream by an engine that works asynchronously and can neither be asked in between nor cloned: good for
 * verifying what is read, not for writing.
 */
export interface StreamHasher {
  /** Takes in the next bytes; they must not be changed before it resolves. */
  update(bytes: Uint8Array): Promise<void>;
  /** The hash of all bytes; ends the hasher. */
  digest(): Promise<Uint8Array>;
}

/** Makes a fresh {@link StreamHasher}. */
export type StreamHasherFactory = (algorithm: DigestAlgorithm) => StreamHasher;

/** Makes a fresh {@link Hasher}. The host's own is `hostHasher`; the one that needs nothing of the host is `pureHasher`. */
export interface HasherFactory {
  (algorithm: DigestAlgorithm): Hasher;
  /**
   * A hasher in a state that `save` gave, also in an earlier process. Absent where the engine cannot.
   * @throws SlipwayError `INVALID_ARGUMENT` for a state that is another engine's, another algorithm's or damaged
   */
  readonly load?: ((algorithm: DigestAlgorithm, state: Uint8Array) => Hasher) | undefined;
  /** The hash of bytes in memory, in lower-case hex, where the engine has a shorter way to it than a {@link Hasher}. Absent where it has none. */
  readonly hexOf?: ((algorithm: DigestAlgorithm, bytes: Uint8Array) => string) | undefined;
}
