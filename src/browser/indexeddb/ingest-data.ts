import type { UseStore } from "idb-keyval";
import type { IngestStorage } from "../../content/ingest.ts";
import type { ContentInfo } from "../../content/store.ts";
import { SlipwayError } from "../../errors.ts";
import { storageError } from "../host-error.ts";
import type { DataFiles, SyncFile } from "../opfs/data-files.ts";
import {
  type BlobRecord,
  blobKey,
  blobRecord,
  deleteIngest,
  type IngestRecord,
  ingestKey,
  ingestRecord,
} from "./content-records.ts";
import { Gathered } from "./gathered.ts";
import { bytesOfPart, findPart, PART_SIZE, partKey, readData, toPart } from "./parts.ts";
import { change, type Doing, look } from "./transaction.ts";

/** How blobs are stored. */
export interface Storing {
  readonly use: UseStore;
  /** The same, in transactions over the locks, too. */
  readonly useWithLocks: UseStore;
  /** Whether the database takes Blobs. */
  readonly blobs: boolean;
  readonly files: DataFiles;
  /** Bytes from which on data go into a file; infinite where none can be written. */
  readonly filesFrom: number;
  /** Whether what is stored survives a power failure. */
  readonly durable: boolean;
}

/**
 * One ingest's bytes: gathered here and stored in parts, or in a file where there will be many. The record changes in the same
 * transaction as the parts, and after the file, so that whatever happens to the page it tells of bytes that are there; and it
 * changes only as long as it names this writer as its owner.
 */
export class IngestData implements IngestStorage {
  readonly #storing: Storing;
  readonly #free: () => Promise<void>;
  readonly #gathered = new Gathered(PART_SIZE);
  #record: IngestRecord;
  #file: SyncFile | undefined;
  /** Whoever called knows already that what was gathered could not be stored. */
  #failed = false;
  #ended = false;

  /**
   * @param record the ingest's, with this writer as its owner
   * @param free frees the ref
   */
  constructor(storing: Storing, record: IngestRecord, free: () => Promise<void>) {
    this.#storing = storing;
    this.#record = record;
    this.#free = free;
  }

  /** Bytes that this writer has taken in, stored or not. */
  get size(): number {
    return this.#record.offset + this.#gathered.size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let taken = 0; taken < bytes.byteLength; ) {
      if (this.#gathered.size === PART_SIZE) await this.#store(undefined);
      taken += this.#gathered.take(bytes.subarray(taken));
    }
  }

  /** A part ends here rather than where it is full: the state of the hash is known here. */
  async checkpoint(_offset: number, state: () => Uint8Array | undefined): Promise<void> {
    const enough = Math.min(PART_SIZE / 2, Math.max(this.#storing.filesFrom, 1));
    if (this.#gathered.size >= enough) await this.#store(state());
  }

  async truncate(size: number): Promise<void> {
    const { offset, id, ref, filed = 0 } = this.#record;
    if (size >= offset) {
      this.#gathered.cut(size - offset);
      return;
    }
    const { use, blobs } = this.#storing;
    const what = this.#what("truncate");
    const found = size <= filed ? undefined : await look(use, { what }, (store) => findPart(store, id, size - 1));
    const cut = found && { offset: found.offset, bytes: await bytesOfPart(found.part, 0, size - found.offset) };
    const record: IngestRecord = {
      ...this.#record,
      offset: size,
      filed: Math.min(filed, size),
      state: undefined,
      touched: Date.now(),
    };
    await this.#change({ what, needed: cut?.bytes.byteLength }, (store) => {
      store.delete(IDBKeyRange.bound(partKey(id, size), partKey(id, Number.POSITIVE_INFINITY)));
      if (cut !== undefined) store.put(toPart(cut.bytes, blobs), partKey(id, cut.offset));
      store.put(record, ingestKey(ref));
    });
    this.#record = record;
    this.#gathered.cut(0);
    // What a file has beyond the record means nothing; it is cut when it is opened again.
    this.#closeFile();
  }

  async *read(size: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { ref, id, offset, filed } = this.#record;
    const { use, files } = this.#storing;
    this.#closeFile();
    yield* readData({ use, files }, { id, filed, start: 0, end: Math.min(size, offset), name: `ingest ${ref}` });
    if (size > offset) yield this.#gathered.view().slice(0, size - offset);
  }

  async publish({ digest, size, labels }: ContentInfo): Promise<void> {
    const { ref, id, offset, filed = 0 } = this.#record;
    const { blobs, files } = this.#storing;
    const doing = { what: `commit blob ${digest}`, needed: this.#gathered.size };
    // What is small is better off in the database than in a file.
    const toFile = this.#goesToFile() && (offset > 0 || size >= this.#storing.filesFrom);
    if (toFile) await this.#appendToFile(doing);
    this.#closeFile();
    const blob: BlobRecord = { digest, size, id, filed: toFile ? size : filed, labels: Object.entries(labels) };
    const isNew = await this.#change(doing, async (store) => {
      if ((await blobRecord(store, digest)) !== undefined) {
        deleteIngest(store, this.#record);
        return false;
      }
      if (!toFile && this.#gathered.size > 0) store.put(toPart(this.#gathered.view(), blobs), partKey(id, offset));
      store.put(blob, blobKey(digest));
      store.delete(ingestKey(ref));
      return true;
    });
    this.#ended = true;
    if (isNew) return;
    if (blob.filed > 0) await files.remove(id);
    throw new SlipwayError("ALREADY_EXISTS", `Cannot write blob ${digest}: the store has it already`);
  }

  async release(state?: Uint8Array): Promise<void> {
    try {
      if (!this.#ended && !this.#failed && this.#gathered.size > 0) await this.#store(state);
    } finally {
      this.#ended = true;
      this.#closeFile();
      await this.#free();
    }
  }

  /** Stores what was gathered. @param state of the hash at its end, if that is known */
  async #store(state: Uint8Array | undefined): Promise<void> {
    const { id, ref, offset, filed = 0 } = this.#record;
    const doing = { what: this.#what("write to"), needed: this.#gathered.size };
    const end = offset + this.#gathered.size;
    const toFile = this.#goesToFile() && end >= this.#storing.filesFrom;
    if (toFile) await this.#appendToFile(doing);
    const record: IngestRecord = {
      ...this.#record,
      offset: end,
      filed: toFile ? end : filed,
      state,
      touched: Date.now(),
    };
    await this.#change(doing, (store) => {
      if (!toFile) store.put(toPart(this.#gathered.view(), this.#storing.blobs), partKey(id, offset));
      store.put(record, ingestKey(ref));
    });
    this.#record = record;
    this.#gathered.cut(0);
  }

  /** Whether a file can take what follows: what lies in the database is not moved. */
  #goesToFile(): boolean {
    const { offset, filed = 0 } = this.#record;
    return this.#storing.filesFrom < Number.POSITIVE_INFINITY && filed === offset;
  }

  async #appendToFile({ what, needed }: Doing): Promise<void> {
    const { id, offset } = this.#record;
    this.#failed = true;
    try {
      this.#file ??= await this.#openFile(id, offset);
      let rest = this.#gathered.view();
      for (let at = offset; rest.byteLength > 0; ) {
        const count = this.#file.write(rest, { at });
        if (count === 0) throw new DOMException("The file takes no more", "QuotaExceededError");
        at += count;
        rest = rest.subarray(count);
      }
      if (this.#storing.durable) this.#file.flush();
    } catch (error) {
      throw await storageError(error, what, needed);
    }
    this.#failed = false;
  }

  /** While it is open nobody else writes to it; so whoever owns the ingest then may cut off what its record does not tell of. */
  async #openFile(id: string, size: number): Promise<SyncFile> {
    const file = await this.#storing.files.open(id);
    try {
      const doing = { what: this.#what("write to") };
      await look(this.#storing.use, doing, (store) => this.#mustBeOwner(store, doing));
      file.truncate(size);
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  #closeFile(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  async #change<T>(doing: Doing, work: (store: IDBObjectStore) => Promise<T> | T): Promise<T> {
    this.#failed = true;
    const result = await change(this.#storing.use, doing, async (store) => {
      await this.#mustBeOwner(store, doing);
      return await work(store);
    });
    this.#failed = false;
    return result;
  }

  /** Whoever took the ref over is the owner in the record; an ingest that was aborted has none. */
  async #mustBeOwner(store: IDBObjectStore, { what }: Doing): Promise<void> {
    const current = await ingestRecord(store, this.#record.ref);
    if (current?.owner === this.#record.owner) return;
    const reason = "another writer took its ingest over while this one slept, or it was aborted";
    throw new SlipwayError("UNAVAILABLE", `Cannot ${what}: ${reason}`);
  }

  #what(action: string): string {
    return `${action} ingest ${this.#record.ref}`;
  }
}
