import type { IngestStatus } from "../../content/store.ts";
import { SlipwayError } from "../../errors.ts";
import { digestOf, pureHasher } from "../../hash/index.ts";
import type { R2Blobs } from "./blobs.ts";
import type { R2Calls } from "./calls.ts";
import { decodeIngest, encodeIngest, type IngestRecord, recordedSize } from "./ingest-record.ts";
import type { R2Records } from "./records.ts";
import { abortUpload } from "./segment-writer.ts";
import type { R2Data } from "./segments.ts";

/** A record of an ingest that is changed only by whom it is as expected. */
export interface StoredIngest {
  readonly record: IngestRecord;
  readonly etag: string;
}

/** Milliseconds for which an ingest that is being published is left to its owner. */
export const PUBLISHING: number = 60_000;

/** The records of ingests, one a ref. */
export class R2Ingests {
  readonly #calls: R2Calls;
  readonly #records: R2Records;
  readonly #data: R2Data;
  readonly #blobs: R2Blobs;

  constructor(calls: R2Calls, records: R2Records, data: R2Data, blobs: R2Blobs) {
    this.#calls = calls;
    this.#records = records;
    this.#data = data;
    this.#blobs = blobs;
  }

  /** What there is of a ref, one that is being published, too. */
  async find(ref: string): Promise<StoredIngest | undefined> {
    const found = await this.#read(keyOf(ref));
    return found?.record.ref === ref ? found : undefined;
  }

  /** An ingest that can be gone on with or aborted; undefined if there is none, or only one that is being published. */
  async open(ref: string): Promise<StoredIngest | undefined> {
    const found = await this.find(ref);
    return found === undefined || found.record.phase === "open" ? found : await this.#finish(found);
  }

  /** @throws SlipwayError `UNAVAILABLE` if another writer was first */
  async create(record: IngestRecord): Promise<string> {
    const etag = await this.#records.create(keyOf(record.ref), encodeIngest(record));
    if (etag === undefined) throw inUse(record.ref);
    return etag;
  }

  /** @throws SlipwayError `UNAVAILABLE` if it is another by now: another writer has taken it over */
  async replace(etag: string, record: IngestRecord): Promise<string> {
    const next = await this.#records.replace(keyOf(record.ref), etag, encodeIngest(record));
    if (next === undefined) throw inUse(record.ref);
    return next;
  }

  /** Removes the record of an ingest. @throws SlipwayError `UNAVAILABLE` if it is another by now */
  async remove(ref: string, etag: string): Promise<void> {
    if (!(await this.#records.remove(keyOf(ref), etag))) throw inUse(ref);
  }

  /** Throws an ingest away. @throws SlipwayError `UNAVAILABLE` if it is another by now */
  async abort({ record, etag }: StoredIngest): Promise<void> {
    await this.remove(record.ref, etag);
    // It is gone by now; objects that cannot be deleted are left to `tidy`, parts of an upload to R2.
    await this.#throwAway(record).catch(() => undefined);
  }

  /** All ingests that can be gone on with. */
  async *list(): AsyncGenerator<IngestRecord, void, undefined> {
    for await (const { key } of this.#records.list()) {
      const found = await this.#read(key);
      if (found?.record.phase === "open") yield found.record;
    }
  }

  /** Ends what a Worker that was killed did not end any more, and names all objects that ingests still need. */
  async tidy(before: number): Promise<ReadonlySet<string>> {
    await this.#records.tidy(before);
    const needed = new Set<string>();
    for await (const { key } of this.#records.list()) {
      const found = await this.#read(key);
      if (found === undefined) continue;
      for (const { id } of found.record.segments) needed.add(id);
      if (found.record.upload !== undefined) needed.add(found.record.upload.id);
      if (found.record.phase !== "open") await this.#finish(found);
    }
    return needed;
  }

  async #read(key: string): Promise<StoredIngest | undefined> {
    const found = await this.#records.read(key);
    return found === undefined ? undefined : { record: decodeIngest(`ingest ${key}`, found.bytes), etag: found.etag };
  }

  /**
   * Brings to its end what its owner did not.
   * @returns the ingest, if it was not published in time; undefined if it was, or may still be
   */
  async #finish({ record, etag }: StoredIngest): Promise<StoredIngest | undefined> {
    const { digest, segments, until } = record;
    const blob = digest === undefined ? undefined : await this.#blobs.find(digest);
    const isPublished = blob?.segments.some(({ id }) => segments.some((segment) => segment.id === id));
    if (isPublished) {
      await this.remove(record.ref, etag);
    } else if (until <= this.#calls.now()) {
      if (blob !== undefined) {
        await this.abort({ record, etag });
      } else {
        const reopened: IngestRecord = { ...record, phase: "open", owner: "", until: 0, digest: undefined };
        return { record: reopened, etag: await this.replace(etag, reopened) };
      }
    }
    return undefined;
  }

  async #throwAway(record: IngestRecord): Promise<void> {
    if (record.upload !== undefined) await abortUpload(this.#calls, this.#data, record.upload);
    await this.#data.delete(record.segments);
  }
}

/** Refs are of any length and any characters; names of objects are not. */
const keyOf = (ref: string): string => digestOf(new TextEncoder().encode(ref), pureHasher).replace("sha256:", "");

export function statusOf(record: IngestRecord, offset: number = recordedSize(record)): IngestStatus {
  const { ref, total, expected } = record;
  return {
    ref,
    offset,
    ...(total === undefined ? {} : { total }),
    ...(expected === undefined ? {} : { expected }),
  };
}

export const inUse = (ref: string, cause?: unknown): SlipwayError =>
  new SlipwayError("UNAVAILABLE", `Cannot use ingest ${ref}: another writer holds it`, { cause });
