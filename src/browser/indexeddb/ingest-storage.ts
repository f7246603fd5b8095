import type { UseStore } from "idb-keyval";
import type { IngestStorage } from "../../content/ingest.ts";
import type { ContentInfo } from "../../content/store.ts";
import { SlipwayError } from "../../errors.ts";
import {
  type BlobRecord,
  blobKey,
  blobRecord,
  deleteIngest,
  type IngestRecord,
  ingestKey,
  ingestRecord,
} from "./content-records.ts";
import { bytesOfPart, findPart, PART_SIZE, partKey, readParts, toPart } from "./parts.ts";
import { change, type Doing, look } from "./transaction.ts";

/** What an {@link IngestParts} works on. */
export interface IngestPartsOptions {
  readonly use: UseStore;
  /** The ingest's record, with this writer as its owner. */
  readonly record: IngestRecord;
  /** Whether the database takes Blobs. */
  readonly blobs: boolean;
  /** Frees the ref. */
  readonly free: () => Promise<void>;
}

/**
 * One ingest's bytes: gathered here and stored in parts. The record changes in the same transaction as the parts, so that
 * whatever happens to the page the two agree, and only as long as the record names this writer as its owner.
 */
export class IngestParts implements IngestStorage {
  readonly #use: UseStore;
  readonly #blobs: boolean;
  readonly #free: () => Promise<void>;
  #record: IngestRecord;
  /** Bytes that no part has yet; grows up to the size of one. */
  #buffer: Uint8Array = new Uint8Array(0);
  #filled = 0;
  /** Whoever called knows already that what was gathered could not be stored. */
  #failed = false;
  #ended = false;

  constructor({ use, record, blobs, free }: IngestPartsOptions) {
    this.#use = use;
    this.#record = record;
    this.#blobs = blobs;
    this.#free = free;
  }

  /** Bytes that this writer has taken in, stored or not. */
  get size(): number {
    return this.#record.offset + this.#filled;
  }

  async append(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.byteLength > 0) {
      if (this.#filled === PART_SIZE) await this.#store(undefined);
      const count = Math.min(rest.byteLength, PART_SIZE - this.#filled);
      this.#makeRoom(this.#filled + count);
      this.#buffer.set(rest.subarray(0, count), this.#filled);
      this.#filled += count;
      rest = rest.subarray(count);
    }
  }

  /** A part ends here rather than where it is full: the state of the hash is known here. */
  async checkpoint(_offset: number, state: () => Uint8Array | undefined): Promise<void> {
    if (this.#filled >= PART_SIZE / 2) await this.#store(state());
  }

  async truncate(size: number): Promise<void> {
    const { offset, id } = this.#record;
    if (size >= offset) {
      this.#filled = size - offset;
      return;
    }
    const what = this.#what("truncate");
    const found = size === 0 ? undefined : await look(this.#use, { what }, (store) => findPart(store, id, size - 1));
    const cut = found && { offset: found.offset, part: await bytesOfPart(found.part, 0, size - found.offset) };
    const record: IngestRecord = { ...this.#record, offset: size, state: undefined, touched: Date.now() };
    await change(this.#use, { what, needed: cut?.part.byteLength }, async (store) => {
      await this.#mustBeOwn(store, "truncate");
      store.delete(IDBKeyRange.bound(partKey(id, size), partKey(id, Number.POSITIVE_INFINITY)));
      if (cut !== undefined) store.put(toPart(cut.part, this.#blobs), partKey(id, cut.offset));
      store.put(record, ingestKey(record.ref));
    });
    this.#record = record;
    this.#filled = 0;
  }

  async *read(size: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { ref, id, offset } = this.#record;
    yield* readParts(this.#use, { id, start: 0, end: Math.min(size, offset), name: `ingest ${ref}` });
    if (size > offset) yield this.#buffer.slice(0, size - offset);
  }

  async publish({ digest, size, labels }: ContentInfo): Promise<void> {
    const { ref, id, offset } = this.#record;
    const blob: BlobRecord = { digest, size, id, labels: Object.entries(labels) };
    const isNew = await this.#change({ what: `commit blob ${digest}`, needed: this.#filled }, async (store) => {
      await this.#mustBeOwn(store, "commit");
      if ((await blobRecord(store, digest)) !== undefined) {
        deleteIngest(store, this.#record);
        return false;
      }
      if (this.#filled > 0) store.put(this.#part(), partKey(id, offset));
      store.put(blob, blobKey(digest));
      store.delete(ingestKey(ref));
      return true;
    });
    this.#ended = true;
    if (!isNew) {
      throw new SlipwayError("ALREADY_EXISTS", `Cannot write blob ${digest}: the store has it already`);
    }
  }

  async release(state?: Uint8Array): Promise<void> {
    try {
      if (!this.#ended && !this.#failed && this.#filled > 0) await this.#store(state);
    } finally {
      this.#ended = true;
      await this.#free();
    }
  }

  /** Makes what was gathered a part. @param state of the hash at its end, if that is known */
  async #store(state: Uint8Array | undefined): Promise<void> {
    const { id, offset } = this.#record;
    const record: IngestRecord = { ...this.#record, offset: offset + this.#filled, state, touched: Date.now() };
    await this.#change({ what: this.#what("write to"), needed: this.#filled }, async (store) => {
      await this.#mustBeOwn(store, "write to");
      store.put(this.#part(), partKey(id, offset));
      store.put(record, ingestKey(record.ref));
    });
    this.#record = record;
    this.#filled = 0;
  }

  async #change<T>(doing: Doing, work: (store: IDBObjectStore) => Promise<T>): Promise<T> {
    this.#failed = true;
    const result = await change(this.#use, doing, work);
    this.#failed = false;
    return result;
  }

  #part(): ReturnType<typeof toPart> {
    return toPart(this.#buffer.subarray(0, this.#filled), this.#blobs);
  }

  #makeRoom(size: number): void {
    if (this.#buffer.byteLength >= size) return;
    const room = new Uint8Array(Math.min(PART_SIZE, Math.max(size, this.#buffer.byteLength * 2)));
    room.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = room;
  }

  /** Whoever took the ref over has another owner in the record; an ingest that was aborted has none. */
  async #mustBeOwn(store: IDBObjectStore, action: string): Promise<void> {
    const current = await ingestRecord(store, this.#record.ref);
    if (current?.owner === this.#record.owner) return;
    const reason = "another writer took it over while this one slept, or it was aborted";
    throw new SlipwayError("UNAVAILABLE", `Cannot ${this.#what(action)}: ${reason}`);
  }

  #what(action: string): string {
    return `${action} ingest ${this.#record.ref}`;
  }
}
