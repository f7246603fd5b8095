import type { ReadRange } from "../bytes.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { HasherFactory, StreamHasherFactory } from "../hash/hasher.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import type { Lease, LeaseManager } from "./leases.ts";
import {
  type AdoptOptions,
  isReferencing,
  type NamedSource,
  type ReferencingContentStore,
  verifiesItself,
} from "./references.ts";
import type { CommitOptions, ContentInfo, ContentStore, ContentWriter, IngestStatus, WriterOptions } from "./store.ts";

/**
 * The same store, with every blob that is written, looked up or read through it put under the lease first. What it says is there stays
 * there until the lease is released, whatever is collected meanwhile.
 */
export function withLease(store: ReferencingContentStore, lease: Pick<Lease, "add">): ReferencingContentStore;
/** The same for a store that takes no files by reference. */
export function withLease(store: ContentStore, lease: Pick<Lease, "add">): ContentStore;
export function withLease(store: ContentStore, lease: Pick<Lease, "add">): ContentStore {
  return isReferencing(store) ? new LeasedReferences(store, lease) : new LeasedStore(store, lease);
}

/**
 * Runs `work` on the store under a lease of its own, which ends with it: by then a name, or whatever else stays, must refer to what is
 * to be kept. The store that `work` gets can be used afterwards, too, and protects nothing more.
 * @param leases undefined: without a lease, for a store in which nothing is collected meanwhile
 * @throws SlipwayError `FAILED_PRECONDITION` as {@link confirmLease}, and what `work` throws
 */
export async function underLease<T>(
  leases: LeaseManager | undefined,
  store: ContentStore,
  work: (store: ContentStore) => Promise<T>,
): Promise<T> {
  if (leases === undefined) return await work(store);
  const lease = await leases.create();
  let isOver = false;
  try {
    const result = await work(
      withLease(store, { add: async (digest) => (isOver ? undefined : await lease.add(digest)) }),
    );
    await confirmLease(leases, lease);
    return result;
  } finally {
    isOver = true;
    // One that cannot be released ends by itself. What became of the work is what counts.
    await lease.release().catch(() => undefined);
  }
}

/**
 * Makes sure that a lease was in force until now. Called after an image was named and before the lease is released: only then is it known
 * that no collection has taken a blob before the name referred to it. A lease ends early where a clock is set forward, or its process was
 * stopped for a day.
 * @throws SlipwayError `FAILED_PRECONDITION` if it has ended
 */
export async function confirmLease(leases: Pick<LeaseManager, "get">, { id }: Pick<Lease, "id">): Promise<void> {
  await leases.get(id).catch((error: unknown) => {
    if (!isSlipwayError(error, "NOT_FOUND")) throw error;
    throw new SlipwayError(
      "FAILED_PRECONDITION",
      `Cannot rely on what was written: lease ${id} has expired meanwhile, and a garbage collection may have removed some of it; try again`,
    );
  });
}

class LeasedStore implements ContentStore {
  readonly hasher: HasherFactory | undefined;
  readonly verifier: StreamHasherFactory | undefined;
  readonly remote: boolean | undefined;
  readonly #store: ContentStore;
  readonly #lease: Pick<Lease, "add">;
  readonly #protected = new Set<Digest>();

  constructor(store: ContentStore, lease: Pick<Lease, "add">) {
    this.hasher = store.hasher;
    this.verifier = store.verifier;
    this.remote = store.remote;
    this.#store = store;
    this.#lease = lease;
  }

  async writer(options: WriterOptions): Promise<ContentWriter> {
    // Before the store is asked: if it answers that the blob is there, it stays there.
    if (options.digest !== undefined) await this.#protect(parseDigest(options.digest));
    return new LeasedWriter(await this.#store.writer(options), (digest) => this.#protect(digest));
  }

  async info(digest: Digest, options?: OperationOptions): Promise<ContentInfo> {
    await this.#protect(digest);
    return await this.#store.info(digest, options);
  }

  list(): AsyncIterable<ContentInfo> {
    return this.#store.list();
  }

  async label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo> {
    await this.#protect(digest);
    return await this.#store.label(digest, labels);
  }

  delete(digest: Digest): Promise<void> {
    return this.#store.delete(digest);
  }

  async *open(
    digest: Digest,
    range?: ReadRange,
    options?: OperationOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    await this.#protect(digest);
    yield* this.#store.open(digest, range, options);
  }

  readWhole(
    digest: Digest,
    limit: number,
    options?: OperationOptions,
  ): Uint8Array | Promise<Uint8Array | undefined> | undefined {
    if (this.#store.readWhole === undefined) return undefined;
    if (this.#protected.has(digest) || this.verifiesItself(digest))
      return this.#store.readWhole(digest, limit, options);
    return this.#protect(digest).then(() => this.#store.readWhole?.(digest, limit, options));
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

  verifiesItself(digest: Digest): boolean {
    return verifiesItself(this.#store, digest);
  }

  async #protect(digest: Digest): Promise<void> {
    // What lies elsewhere no collection removes.
    if (this.#protected.has(digest) || this.verifiesItself(digest)) return;
    await this.#lease.add(digest);
    this.#protected.add(digest);
  }
}

class LeasedReferences extends LeasedStore implements ReferencingContentStore {
  readonly #references: ReferencingContentStore;

  constructor(store: ReferencingContentStore, lease: Pick<Lease, "add">) {
    super(store, lease);
    this.#references = store;
  }

  adopt(digest: Digest, source: NamedSource, options?: AdoptOptions): void {
    this.#references.adopt(digest, source, options);
  }
}

class LeasedWriter implements ContentWriter {
  readonly ref: string;
  readonly #writer: ContentWriter;
  readonly #protect: (digest: Digest) => Promise<void>;
  /** Writes and truncations that the caller did not wait for: the digest is known when they are done. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(writer: ContentWriter, protect: (digest: Digest) => Promise<void>) {
    this.ref = writer.ref;
    this.#writer = writer;
    this.#protect = protect;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#inOrder(() => this.#writer.write(bytes));
  }

  truncate(size: number): Promise<void> {
    return this.#inOrder(() => this.#writer.truncate(size));
  }

  commit(options: CommitOptions = {}): Promise<ContentInfo> {
    return this.#inOrder(async () => {
      await this.#protect(options.digest ?? this.#writer.status().expected ?? this.#writer.digest());
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
