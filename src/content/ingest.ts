import { SlipwayError } from "../errors.ts";
import type { Hasher, HasherFactory } from "../hash/hasher.ts";
import { toDigest } from "../hash/index.ts";
import { type Digest, type DigestAlgorithm, digestAlgorithm } from "../oci/digest.ts";
import type { CommitOptions, ContentInfo, ContentWriter, IngestStatus } from "./store.ts";

/**
 * Where the bytes of one ingest lie. What all writers do alike (hashing, offsets, checks, order of calls) is done by
 * {@link createIngestWriter}; a store brings only this. Calls come one at a time.
 */
export interface IngestStorage {
  /** Writes `bytes` at `offset`, which is always the end of what was written before. */
  append(bytes: Uint8Array, offset: number): Promise<void>;
  /**
   * Called after each `append`, when the hash has taken the bytes in: a storage that has buffered them can write them down here,
   * together with the state of the hash at this offset.
   * @param state undefined where the hash engine cannot save its state
   */
  checkpoint?(offset: number, state: () => Uint8Array | undefined): Promise<void>;
  /** Cuts what was written back to its first `size` bytes. */
  truncate(size: number): Promise<void>;
  /** The first `size` bytes, which is all that was written. */
  read(size: number): AsyncIterable<Uint8Array>;
  /**
   * Makes the blob visible, atomically and durably, and removes the ingest.
   * @throws SlipwayError `ALREADY_EXISTS` if the store has the blob; the ingest is removed all the same
   */
  publish(blob: ContentInfo): Promise<void>;
  /**
   * Frees the ref; called once, after `publish` too.
   * @param state of the hash at the end of what was written, for a later writer; undefined after `publish`, after a write that
   *   failed, and where the engine cannot save it
   */
  release(state?: Uint8Array | undefined): Promise<void>;
}

/** What an ingest starts with. */
export interface IngestOptions {
  readonly ref: string;
  readonly storage: IngestStorage;
  readonly hasher: HasherFactory;
  /** Bytes that an earlier writer left. They are hashed again, unless `state` tells what that would give. */
  readonly offset: number;
  /** The state of the hash at `offset`, as `checkpoint` or `release` was given it. One that the engine does not know is passed over. */
  readonly state?: Uint8Array | undefined;
  /** Expected size in bytes. */
  readonly size?: number | undefined;
  readonly digest?: Digest | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A {@link ContentWriter} over storage of any kind. A commit that fails because size or digest are not the expected ones
 * leaves the writer open, so that it can be cut back and written again; whoever opens a writer closes it in any case.
 */
export async function createIngestWriter(options: IngestOptions): Promise<ContentWriter> {
  const writer = new IngestWriter(options);
  try {
    await writer.resume(options.offset, options.state);
  } catch (error) {
    await options.storage.release();
    throw error;
  }
  return writer;
}

class IngestWriter implements ContentWriter {
  readonly ref: string;
  readonly #storage: IngestStorage;
  readonly #newHasher: HasherFactory;
  readonly #total: number | undefined;
  readonly #expected: Digest | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #algorithm: DigestAlgorithm;
  #hasher: Hasher;
  #offset = 0;
  #state: "open" | "broken" | "ended" = "open";
  /** Calls run one after the other even if the caller does not wait for each. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ ref, storage, hasher, size, digest, signal }: IngestOptions) {
    this.ref = ref;
    this.#storage = storage;
    this.#newHasher = hasher;
    this.#total = size;
    this.#expected = digest;
    this.#signal = signal;
    this.#algorithm = digest === undefined ? "sha256" : digestAlgorithm(digest);
    this.#hasher = hasher(this.#algorithm);
  }

  async resume(offset: number, state: Uint8Array | undefined): Promise<void> {
    const hasher = state === undefined ? undefined : this.#loaded(state);
    if (hasher === undefined) {
      await this.rehash(offset);
      return;
    }
    this.#hasher = hasher;
    this.#offset = offset;
  }

  #loaded(state: Uint8Array): Hasher | undefined {
    try {
      return this.#newHasher.load?.(this.#algorithm, state);
    } catch (error) {
      // Another engine's, or damaged: the bytes are hashed again.
      if (error instanceof SlipwayError && error.code === "INVALID_ARGUMENT") return undefined;
      throw error;
    }
  }

  async rehash(size: number): Promise<void> {
    this.#hasher = await this.#hashAgain(this.#algorithm, size);
    this.#offset = size;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#inOrder(async () => {
      this.#mustBeOpen("write to");
      this.#signal?.throwIfAborted();
      try {
        const appended = this.#storage.append(bytes, this.#offset);
        // Hashed while the storage writes.
        this.#hasher.update(bytes);
        await appended;
        this.#offset += bytes.byteLength;
        await this.#storage.checkpoint?.(this.#offset, () => this.#hasher.save?.());
      } catch (error) {
        // How much of it was written is unknown; the next writer of the ref counts what is really there.
        this.#state = "broken";
        throw error;
      }
    });
  }

  status(): IngestStatus {
    return {
      ref: this.ref,
      offset: this.#offset,
      ...(this.#total === undefined ? {} : { total: this.#total }),
      ...(this.#expected === undefined ? {} : { expected: this.#expected }),
    };
  }

  digest(): Digest {
    return toDigest(this.#algorithm, this.#hasher.digest());
  }

  truncate(size: number): Promise<void> {
    return this.#inOrder(async () => {
      this.#mustBeOpen("truncate");
      if (!Number.isSafeInteger(size) || size < 0 || size > this.#offset) {
        throw new SlipwayError("OUT_OF_RANGE", `Cannot truncate ${this.ref} to ${size} bytes: it has ${this.#offset}`);
      }
      if (size === this.#offset) return;
      this.#state = "broken";
      await this.#storage.truncate(size);
      await this.rehash(size);
      this.#state = "open";
    });
  }

  commit(options: CommitOptions = {}): Promise<ContentInfo> {
    return this.#inOrder(async () => {
      this.#mustBeOpen("commit");
      this.#signal?.throwIfAborted();
      for (const size of [this.#total, options.size]) {
        if (size !== undefined && size !== this.#offset) {
          throw new SlipwayError(
            "SIZE_MISMATCH",
            `Cannot commit ${this.ref}: it has ${this.#offset} bytes, but ${size} were expected`,
          );
        }
      }
      let digest = this.digest();
      for (const expected of [this.#expected, options.digest]) {
        if (expected === undefined || expected === digest) continue;
        const algorithm = digestAlgorithm(expected);
        const actual =
          algorithm === this.#algorithm
            ? this.digest()
            : toDigest(algorithm, (await this.#hashAgain(algorithm, this.#offset)).digest());
        if (actual !== expected) {
          throw new SlipwayError(
            "DIGEST_MISMATCH",
            `Cannot commit ${this.ref}: its digest is ${actual}, but ${expected} was expected`,
          );
        }
        digest = actual;
      }
      const blob: ContentInfo = { digest, size: this.#offset, labels: { ...options.labels } };
      try {
        await this.#storage.publish(blob);
      } catch (error) {
        if (error instanceof SlipwayError && error.code === "ALREADY_EXISTS") await this.#end({ published: true });
        throw error;
      }
      await this.#end({ published: true });
      return blob;
    });
  }

  close(): Promise<void> {
    return this.#inOrder(() => this.#end());
  }

  async #end({ published = false } = {}): Promise<void> {
    if (this.#state === "ended") return;
    const state = published || this.#state === "broken" ? undefined : this.#hasher.save?.();
    this.#state = "ended";
    await this.#storage.release(state);
  }

  async #hashAgain(algorithm: DigestAlgorithm, size: number): Promise<Hasher> {
    const hasher = this.#newHasher(algorithm);
    if (size === 0) return hasher;
    for await (const chunk of this.#storage.read(size)) {
      this.#signal?.throwIfAborted();
      hasher.update(chunk);
    }
    return hasher;
  }

  #mustBeOpen(what: string): void {
    if (this.#state === "open") return;
    const why = this.#state === "ended" ? "its writer is closed" : "an earlier write failed; open its writer again";
    throw new SlipwayError("FAILED_PRECONDITION", `Cannot ${what} ${this.ref}: ${why}`);
  }

  #inOrder<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#last.then(call);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** @throws SlipwayError `INVALID_ARGUMENT` if a writer cannot be opened with these */
export function checkWriterOptions(options: { readonly ref: string; readonly size?: number | undefined }): void {
  if (typeof options.ref !== "string" || options.ref === "") {
    throw new SlipwayError("INVALID_ARGUMENT", "Cannot open a content writer: it needs a ref that is not empty");
  }
  if (options.size !== undefined && (!Number.isSafeInteger(options.size) || options.size < 0)) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot open a content writer for ${options.ref}: its size ${options.size} is not a number of bytes`,
    );
  }
}

/**
 * What a resumed ingest expects: what it was begun with, joined with what the new writer gives.
 * @throws SlipwayError `FAILED_PRECONDITION` if the two contradict each other: the bytes there are those of something else
 */
export function resumeExpectations(
  begun: { readonly total?: number | undefined; readonly expected?: Digest | undefined },
  options: { readonly ref: string; readonly size?: number | undefined; readonly digest?: Digest | undefined },
): { readonly size: number | undefined; readonly digest: Digest | undefined } {
  const differ = (was: number | string, is: number | string): SlipwayError =>
    new SlipwayError(
      "FAILED_PRECONDITION",
      `Cannot resume ${options.ref}: it was begun for ${was}, not for ${is}; abort it to start over`,
    );
  const { total, expected } = begun;
  if (total !== undefined && options.size !== undefined && total !== options.size) {
    throw differ(`${total} bytes`, `${options.size} bytes`);
  }
  if (expected !== undefined && options.digest !== undefined && expected !== options.digest) {
    throw differ(expected, options.digest);
  }
  return { size: options.size ?? total, digest: options.digest ?? expected };
}
