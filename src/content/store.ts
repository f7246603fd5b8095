import type { ByteRange, ByteSource, ReadRange } from "../bytes.ts";
import type { HasherFactory, StreamHasherFactory } from "../hash/hasher.ts";
import type { Digest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";

/** What a store knows of a blob. */
export interface ContentInfo {
  /** What the blob is found by: `sha256:` or `sha512:` and its hash in hex. */
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** The caller's own notes, for example `slipway.dev/diffid`. */
  readonly labels: Readonly<Record<string, string>>;
}

/** How far an ingest is. */
export interface IngestStatus {
  /** The ref that the ingest was begun under. */
  readonly ref: string;
  /** Bytes written so far: where a resumed writer goes on. */
  readonly offset: number;
  /** Expected size in bytes, if it was given. */
  readonly total?: number;
  /** Expected digest, if it was given. */
  readonly expected?: Digest;
}

/** What is known beforehand of a blob that is written. */
export interface WriterOptions {
  /** The ingest's name, chosen by the caller. One writer at a time may hold it; who opens it again goes on where it stopped. */
  readonly ref: string;
  /** Expected size in bytes. */
  readonly size?: number | undefined;
  /** Expected digest. If the store has it already, `writer` fails with `ALREADY_EXISTS`. */
  readonly digest?: Digest | undefined;
  /**
   * Whether the ingest stays when its writer is closed without a commit. False for a ref that nobody else knows, or would go on with: a store
   * then need not write anything down of it, and may throw it away. Default true.
   */
  readonly resumable?: boolean | undefined;
  /** Once it is aborted, `write` and `commit` reject with its `reason`; the ingest stays, to be resumed. */
  readonly signal?: AbortSignal | undefined;
}

/** What must hold for a commit. */
export interface CommitOptions {
  /** Bytes that the blob must have; `SIZE_MISMATCH` otherwise. */
  readonly size?: number | undefined;
  /** Digest that the blob must have; `DIGEST_MISMATCH` otherwise. */
  readonly digest?: Digest | undefined;
  /** Labels that the blob has from the beginning. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/**
 * One ingest. Nothing is visible before `commit`. `close` without `commit` keeps what was written for a later writer of the
 * same ref; `ContentStore.abort` throws it away.
 */
export interface ContentWriter {
  /** The ref that this writer holds until `close`. */
  readonly ref: string;
  /** Appends; resolves when the store has taken the bytes in (back-pressure). The array may be reused afterwards. */
  write(bytes: Uint8Array): Promise<void>;
  /** How far this ingest is. */
  status(): IngestStatus;
  /** sha256 of all bytes so far (of the expected digest's algorithm, if one was given). */
  digest(): Digest;
  /** Cuts the ingest back to its first `size` bytes. @throws SlipwayError `OUT_OF_RANGE` if it is shorter */
  truncate(size: number): Promise<void>;
  /**
   * Makes the blob visible, atomically and durably, and ends the writer.
   * @returns digest and size of the committed blob
   * @throws SlipwayError `SIZE_MISMATCH` or `DIGEST_MISMATCH` (the message names both values; the ingest stays, so that it can be
   *   truncated or aborted), `ALREADY_EXISTS` if the store has the blob (the ingest is gone), `FAILED_PRECONDITION` after close
   */
  commit(options?: CommitOptions): Promise<ContentInfo>;
  /** Ends the writer and frees the ref. Harmless after `commit`. */
  close(): Promise<void>;
}

/**
 * Where blobs can be read by digest: containerd's `content.Provider` with its `InfoProvider`. Every {@link ContentStore} is one; so is a
 * repository of a registry.
 */
export interface ContentProvider {
  /** Each read costs requests to somebody else: what need not be read is left there. Default false. */
  readonly remote?: boolean | undefined;
  /** The hash engine that the store itself uses; who verifies what was read takes the same. Absent: `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
  /** A faster engine for verifying what is read, where the host has one that is no `hasher`. */
  readonly verifier?: StreamHasherFactory | undefined;
  /** Size and labels of a blob, without reading it. @throws SlipwayError `NOT_FOUND` */
  info(digest: Digest, options?: OperationOptions): Promise<ContentInfo>;
  /**
   * Raw bytes of a blob or a part of it, not verified: use `readBlob`, which is. A part cannot be: whoever puts parts together checks
   * the digest of the whole.
   * @param range default the whole; `reuse` may be passed over
   * @param options where reading takes requests, these end with the signal and tell when they wait; others look at neither
   * @throws SlipwayError `NOT_FOUND`, or `OUT_OF_RANGE` if the range leaves the blob; by rejecting the first `next()`
   */
  open(digest: Digest, range?: ReadRange, options?: OperationOptions): AsyncIterable<Uint8Array>;
  /**
   * A whole blob as one array of the reader's own, at once where nothing has to be waited for; else as a promise. Not verified: use
   * `readWholeBlob`, which is. It spares what a stream costs, which for a small blob is more than reading it. Fails as `open` does, by
   * throwing or by rejecting. Absent where `open` is as quick.
   * @param limit most bytes that the reader takes in
   * @returns undefined if the blob is longer than `limit`, or `open` is as quick for it
   */
  readWhole?(
    digest: Digest,
    limit: number,
    options?: OperationOptions,
  ): Uint8Array | Promise<Uint8Array | undefined> | undefined;
}

/**
 * Blobs by digest: containerd's content store (`core/content/content.go`). `contentStoreConformance` says in tests what each
 * implementation must do.
 */
export interface ContentStore extends ContentProvider {
  /** All blobs, in no particular order. */
  list(): AsyncIterable<ContentInfo>;
  /**
   * Sets labels (`undefined` removes one); others stay.
   * @throws SlipwayError `NOT_FOUND`
   */
  label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo>;
  /** Removes a blob. @throws SlipwayError `NOT_FOUND` */
  delete(digest: Digest): Promise<void>;
  /**
   * Starts or resumes an ingest.
   * @throws SlipwayError `UNAVAILABLE` if another writer holds the ref, `ALREADY_EXISTS` if the expected digest is there
   */
  writer(options: WriterOptions): Promise<ContentWriter>;
  /** How far the ingest of that ref is. @throws SlipwayError `NOT_FOUND` */
  status(ref: string): Promise<IngestStatus>;
  /** All ingests that are neither committed nor aborted. */
  statuses(): AsyncIterable<IngestStatus>;
  /** Throws an ingest away. @throws SlipwayError `NOT_FOUND`, `UNAVAILABLE` if a writer holds it */
  abort(ref: string): Promise<void>;
}

/** What `writeBlob` takes besides the bytes. */
export interface WriteBlobOptions extends CommitOptions {
  /** Default: a ref derived from the expected digest, or a unique one. */
  readonly ref?: string | undefined;
  /**
   * Whether an ingest that failed stays under the ref derived from `digest`, for a later try to go on with: where the bytes cost more than
   * their place. Default false; with a `ref` of the caller's it always stays.
   */
  readonly resumable?: boolean | undefined;
  /** Aborting it makes the write reject with its `reason`; no blob is made. */
  readonly signal?: AbortSignal | undefined;
}

export type { ByteRange, ByteSource };
