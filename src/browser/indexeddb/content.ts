import { get, promisifyRequest, type UseStore } from "idb-keyval";
import type { ByteRange } from "../../bytes.ts";
import { checkWriterOptions, createIngestWriter, resumeExpectations } from "../../content/ingest.ts";
import { mergeLabels } from "../../content/labels.ts";
import { resolveRange } from "../../content/range.ts";
import type { ContentInfo, ContentStore, ContentWriter, IngestStatus, WriterOptions } from "../../content/store.ts";
import { isSlipwayError, SlipwayError } from "../../errors.ts";
import type { HasherFactory } from "../../hash/hasher.ts";
import { type Digest, parseDigest } from "../../oci/digest.ts";
import { randomName } from "../../random.ts";
import type { Fence, HeldLock, StoreLocks } from "../locks.ts";
import {
  allBlobs,
  allIngests,
  type BlobRecord,
  blobKey,
  blobRecord,
  checkBlobRecord,
  checkIngestRecord,
  deleteIngest,
  type IngestRecord,
  infoOf,
  ingestKey,
  ingestRecord,
  statusOf,
} from "./content-records.ts";
import { IngestData, type Storing } from "./ingest-data.ts";
import { findPart, keysUnder, readData } from "./parts.ts";
import { change, look } from "./transaction.ts";

/** What a {@link DatabaseContentStore} works with. */
export interface DatabaseContentOptions {
  readonly storing: Storing;
  readonly locks: StoreLocks;
  readonly hasher: HasherFactory;
}

/** Blobs in a database. */
export class DatabaseContentStore implements ContentStore {
  readonly hasher: HasherFactory;
  readonly #use: UseStore;
  readonly #storing: Storing;
  readonly #locks: StoreLocks;
  /** Ingests that writers of this object are at: they have taken in more than is stored. */
  readonly #writing = new Map<string, IngestData>();
  #fence: Fence | undefined;

  constructor({ storing, locks, hasher }: DatabaseContentOptions) {
    this.hasher = hasher;
    this.#use = storing.use;
    this.#storing = storing;
    this.#locks = locks;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    parseDigest(digest);
    return infoOf(
      mustBe(await look(this.#use, { what: `find blob ${digest}` }, (store) => blobRecord(store, digest)), digest),
    );
  }

  async *list(): AsyncGenerator<ContentInfo, void, undefined> {
    const records = await look<unknown[]>(this.#use, { what: "list blobs" }, (store) =>
      promisifyRequest(store.getAll(allBlobs())),
    );
    for (const record of records) {
      const blob = checkBlobRecord(record);
      if (blob !== undefined) yield infoOf(blob);
    }
  }

  async label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo> {
    parseDigest(digest);
    return await change(this.#use, { what: `label blob ${digest}` }, async (store) => {
      const blob = mustBe(await blobRecord(store, digest), digest);
      const labelled: BlobRecord = { ...blob, labels: Object.entries(mergeLabels(infoOf(blob).labels, labels)) };
      store.put(labelled, blobKey(digest));
      return infoOf(labelled);
    });
  }

  /** Runs a collection that deletes nothing any more once its lock is another page's. */
  async fenced<T>(fence: Fence | undefined, work: () => Promise<T>): Promise<T> {
    this.#fence = fence;
    try {
      return await work();
    } finally {
      this.#fence = undefined;
    }
  }

  async delete(digest: Digest): Promise<void> {
    parseDigest(digest);
    const fence = this.#fence;
    const use = fence === undefined ? this.#use : this.#storing.useWithLocks;
    const { id, filed } = await change(use, { what: `delete blob ${digest}` }, async (store) => {
      await fence?.(store.transaction);
      const blob = mustBe(await blobRecord(store, digest), digest);
      store.delete(blobKey(digest));
      store.delete(keysUnder("part", blob.id));
      return blob;
    });
    if (filed > 0) await this.#storing.files.remove(id);
  }

  async *open(digest: Digest, range?: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
    parseDigest(digest);
    const name = `blob ${digest}`;
    const found = await look(this.#use, { what: `read ${name}` }, async (store) => {
      const { id, size, filed } = mustBe(await blobRecord(store, digest), digest);
      const { start, end } = resolveRange(size, range, name);
      const first = start === end || start < filed ? undefined : await findPart(store, id, start);
      return { id, filed, start, end, name, first };
    });
    yield* readData(this.#storing, found);
  }

  async writer(options: WriterOptions): Promise<ContentWriter> {
    checkWriterOptions(options);
    const { ref, signal } = options;
    signal?.throwIfAborted();
    if (options.digest !== undefined) await this.#mustBeNew(parseDigest(options.digest));
    const lock = await this.#hold(ref);
    let record: IngestRecord;
    try {
      record = await this.#begin(options);
    } catch (error) {
      await lock.release();
      throw error;
    }
    const storage: IngestData = new IngestData(this.#storing, record, async () => {
      if (this.#writing.get(ref) === storage) this.#writing.delete(ref);
      await lock.release();
    });
    this.#writing.set(ref, storage);
    const { offset, state, total: size, expected: digest } = record;
    return await createIngestWriter({ ref, storage, hasher: this.hasher, offset, state, size, digest, signal });
  }

  async status(ref: string): Promise<IngestStatus> {
    return this.#statusOf(mustBeIngest(await this.#ingest(ref), ref));
  }

  async *statuses(): AsyncGenerator<IngestStatus, void, undefined> {
    for (const record of await this.#ingests()) yield this.#statusOf(record);
  }

  async abort(ref: string): Promise<void> {
    mustBeIngest(await this.#ingest(ref), ref);
    await this.#remove(ref, () => true);
  }

  /** Refs that nobody has written to since that time (milliseconds since the epoch). */
  async *untouchedSince(time: number): AsyncGenerator<string, void, undefined> {
    for (const { ref, touched } of await this.#ingests()) if (touched < time) yield ref;
  }

  /** Throws away what nobody has written to since that time (milliseconds since the epoch) and nobody holds. */
  async collectUntouchedSince(time: number): Promise<void> {
    for await (const ref of this.untouchedSince(time)) {
      try {
        await this.#remove(ref, ({ touched }) => touched < time);
      } catch (error) {
        if (!isSlipwayError(error, "NOT_FOUND") && !isSlipwayError(error, "UNAVAILABLE")) throw error;
      }
    }
  }

  /** Removes the files of what was deleted by pages that did not get to that. */
  async sweepFiles(): Promise<void> {
    await this.#storing.files.sweep(async () => {
      const records = await look<unknown[]>(this.#use, { what: "list data" }, async (store) => [
        ...(await promisifyRequest<unknown[]>(store.getAll(allBlobs()))),
        ...(await promisifyRequest<unknown[]>(store.getAll(allIngests()))),
      ]);
      return new Set(records.map((record) => (record as { readonly id?: string }).id ?? ""));
    });
  }

  /** Makes or takes over the record of an ingest. The caller holds the ref. */
  #begin(options: WriterOptions): Promise<IngestRecord> {
    const { ref } = options;
    return change(this.#use, { what: `begin ingest ${ref}` }, async (store) => {
      const left = await ingestRecord(store, ref);
      const { size: total, digest: expected } = resumeExpectations(left ?? {}, options);
      const { id, offset, filed, state } = left ?? { id: randomName(), offset: 0, filed: 0, state: undefined };
      const record: IngestRecord = {
        ref,
        id,
        offset,
        filed,
        total,
        expected,
        state,
        touched: Date.now(),
        owner: randomName(),
      };
      store.put(record, ingestKey(ref));
      return record;
    });
  }

  async #remove(ref: string, condition: (record: IngestRecord) => boolean): Promise<void> {
    const lock = await this.#hold(ref);
    try {
      const removed = await change(this.#use, { what: `abort ingest ${ref}` }, async (store) => {
        const record = mustBeIngest(await ingestRecord(store, ref), ref);
        if (!condition(record)) return undefined;
        deleteIngest(store, record);
        return record;
      });
      if (removed?.filed) await this.#storing.files.remove(removed.id);
    } finally {
      await lock.release();
    }
  }

  async #hold(ref: string): Promise<HeldLock> {
    const lock = await this.#locks.tryHold(`ingest:${ref}`);
    if (lock !== undefined) return lock;
    throw new SlipwayError("UNAVAILABLE", `Cannot use ingest ${ref}: another writer holds it`);
  }

  async #mustBeNew(digest: Digest): Promise<void> {
    const what = `write blob ${digest}`;
    if ((await look(this.#use, { what }, (store) => blobRecord(store, digest))) === undefined) return;
    throw new SlipwayError("ALREADY_EXISTS", `Cannot ${what}: the store has it already`);
  }

  async #ingest(ref: string): Promise<IngestRecord | undefined> {
    return await look(this.#use, { what: `find ingest ${ref}` }, (store) => ingestRecord(store, ref));
  }

  async #ingests(): Promise<readonly IngestRecord[]> {
    const records = await look<unknown[]>(this.#use, { what: "list ingests" }, (store) =>
      promisifyRequest(store.getAll(allIngests())),
    );
    return records.flatMap((record) => checkIngestRecord(record) ?? []);
  }

  #statusOf(record: IngestRecord): IngestStatus {
    return { ...statusOf(record), offset: this.#writing.get(record.ref)?.size ?? record.offset };
  }
}

function mustBe(blob: BlobRecord | undefined, digest: Digest): BlobRecord {
  if (blob !== undefined) return blob;
  throw new SlipwayError("NOT_FOUND", `Cannot find blob ${digest}: the store does not have it`);
}

function mustBeIngest(ingest: IngestRecord | undefined, ref: string): IngestRecord {
  if (ingest !== undefined) return ingest;
  throw new SlipwayError("NOT_FOUND", `Cannot find ingest ${ref}: there is none of that name`);
}

/**
 * Whether this database takes Blobs as values and gives them back. WebKit's private sessions refuse them.
 * @param use its content
 */
export async function takesBlobs(use: UseStore): Promise<boolean> {
  const key = ["probe", randomName()];
  try {
    await change(use, { what: "try a Blob" }, (store) => {
      store.put(new Blob([Uint8Array.of(1)]), key);
    });
    const found = await get<Blob>(key, use);
    return found !== undefined && new Uint8Array(await found.arrayBuffer())[0] === 1;
  } catch (error) {
    // A full disk says nothing about Blobs.
    if (isSlipwayError(error, "NO_SPACE") || isSlipwayError(error, "FAILED_PRECONDITION")) throw error;
    return false;
  } finally {
    await change(use, { what: "try a Blob" }, (store) => {
      store.delete(key);
    }).catch(() => undefined);
  }
}
