import type { ReadRange } from "../bytes.ts";
import type { HasherFactory, StreamHasherFactory } from "../hash/hasher.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import type { Lease } from "./leases.ts";
import type { CommitOptions, ContentInfo, ContentStore, ContentWriter, IngestStatus, WriterOptions } from "./store.ts";

/**
 * The same store, with every blob that is written through it, or found to be there, put under the lease before the writer
 * learns of it: a collection at the same time removes none of them.
 */
export function withLease(store: ContentStore, lease: Pick<Lease, "add">): ContentStore {
  return new LeasedStore(store, lease);
}

class LeasedStore implements ContentStore {
  readonly hasher: HasherFactory | undefined;
  readonly verifier: StreamHasherFactory | undefined;
  readonly #store: ContentStore;
  readonly #lease: Pick<Lease, "add">;

  constructor(store: ContentStore, lease: Pick<Lease, "add">) {
    this.hasher = store.hasher;
    this.verifier = store.verifier;
    this.#store = store;
    this.#lease = lease;
  }

  async writer(options: WriterOptions): Promise<ContentWriter> {
    // Before the store is asked: if it answers that the blob is there, it stays there.
    if (options.digest !== undefined) await this.#lease.add(parseDigest(options.digest));
    return new LeasedWriter(await this.#store.writer(options), this.#lease);
  }

  info(digest: Digest): Promise<ContentInfo> {
    return this.#store.info(digest);
  }

  list(): AsyncIterable<ContentInfo> {
    return this.#store.list();
  }

  label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo> {
    return this.#store.label(digest, labels);
  }

  delete(digest: Digest): Promise<void> {
    return this.#store.delete(digest);
  }

  open(digest: Digest, range?: ReadRange, options?: OperationOptions): AsyncIterable<Uint8Array> {
    return this.#store.open(digest, range, options);
  }

  readWhole(
    digest: Digest,
    limit: number,
    options?: OperationOptions,
  ): Uint8Array | Promise<Uint8Array | undefined> | undefined {
    return this.#store.readWhole?.(digest, limit, options);
  }

  status(ref: string): Promise<IngestStatus> {
    return this.#store.status(ref);
  }

  statuses(): AsyncIterable<IngestStatus> {
    return this.#store.statuses();
  }

  abort(ref: string): Promise<void> {
    return this.#store.abort(ref);
  }
}

class LeasedWriter implements ContentWriter {
  readonly ref: string;
  readonly #writer: ContentWriter;
  readonly #lease: Pick<Lease, "add">;
  /** Writes and truncations that the caller did not wait for: the digest is known when they are done. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(writer: ContentWriter, lease: Pick<Lease, "add">) {
    this.ref = writer.ref;
    this.#writer = writer;
    this.#lease = lease;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#inOrder(() => this.#writer.write(bytes));
  }

  truncate(size: number): Promise<void> {
    return this.#inOrder(() => this.#writer.truncate(size));
  }

  commit(options: CommitOptions = {}): Promise<ContentInfo> {
    return this.#inOrder(async () => {
      await this.#lease.add(options.digest ?? this.#writer.status().expected ?? this.#writer.digest());
      return await this.#writer.commit(options);
    });
  }

  status(): IngestStatus {
    return this.#writer.status();
  }

  digest(): Digest {
    return this.#writer.digest();
  }

  close(): Promise<void> {
    return this.#inOrder(() => this.#writer.close());
  }

  #inOrder<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#last.then(call);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
