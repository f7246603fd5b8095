import { promisifyRequest } from "idb-keyval";
import type { ContentInfo, IngestStatus } from "../../content/store.ts";
import { SlipwayError } from "../../errors.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import { keysUnder } from "./parts.ts";

/** A blob that can be seen. */
export interface BlobRecord {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Data id of its parts. */
  readonly id: string;
  /** Bytes at the beginning that lie in the file of that id; the parts have the rest. */
  readonly filed: number;
  /** Pairs, so that no name of a label means anything to an engine. */
  readonly labels: readonly (readonly [string, string])[];
}

/** An ingest. */
export interface IngestRecord {
  readonly ref: string;
  /** Data id of its parts. */
  readonly id: string;
  /** Bytes that are there. */
  readonly offset: number;
  /** Bytes at the beginning that lie in the file of that id; the parts have the rest. */
  readonly filed?: number | undefined;
  readonly total?: number | undefined;
  readonly expected?: Digest | undefined;
  /** State of the hash at `offset`. */
  readonly state?: Uint8Array | undefined;
  /** Milliseconds since the epoch when it was last written to. */
  readonly touched: number;
  /** The writer that may write to it: an earlier one that wakes up again finds that it is not his any more. */
  readonly owner: string;
}

export const blobKey = (digest: Digest): IDBValidKey => ["blob", digest];
export const ingestKey = (ref: string): IDBValidKey => ["ingest", ref];
/** All blob records. */
export const allBlobs = (): IDBKeyRange => keysUnder("blob");
/** All ingest records. */
export const allIngests = (): IDBKeyRange => keysUnder("ingest");

/** The record of a blob, or undefined. */
export async function blobRecord(store: IDBObjectStore, digest: Digest): Promise<BlobRecord | undefined> {
  return checkBlobRecord(await promisifyRequest<unknown>(store.get(blobKey(digest))), digest);
}

/** The record of an ingest, or undefined. */
export async function ingestRecord(store: IDBObjectStore, ref: string): Promise<IngestRecord | undefined> {
  return checkIngestRecord(await promisifyRequest<unknown>(store.get(ingestKey(ref))), ref);
}

/** Removes an ingest with its bytes. */
export function deleteIngest(store: IDBObjectStore, { ref, id }: IngestRecord): void {
  store.delete(ingestKey(ref));
  store.delete(keysUnder("part", id));
}

/** A record as it was written, or undefined. @throws SlipwayError `IO` if it is damaged */
export function checkBlobRecord(record: unknown, digest?: Digest): BlobRecord | undefined {
  if (record === undefined) return undefined;
  const { digest: own, size, filed, id, labels } = fieldsOf(record);
  const valid =
    isDigest(own) &&
    (digest ?? own) === own &&
    isCount(size) &&
    isCount(filed) &&
    typeof id === "string" &&
    Array.isArray(labels);
  if (valid) return record as BlobRecord;
  throw damaged(`blob ${digest ?? String(own)}`);
}

/** A record as it was written, or undefined. @throws SlipwayError `IO` if it is damaged */
export function checkIngestRecord(record: unknown, ref?: string): IngestRecord | undefined {
  if (record === undefined) return undefined;
  const { ref: own, id, offset } = fieldsOf(record);
  if (typeof own === "string" && (ref ?? own) === own && typeof id === "string" && isCount(offset)) {
    return record as IngestRecord;
  }
  throw damaged(`ingest ${ref ?? String(own)}`);
}

/** What a store tells of a blob. */
export const infoOf = ({ digest, size, labels }: BlobRecord): ContentInfo => ({
  digest,
  size,
  labels: Object.fromEntries(labels),
});

/** What a store tells of an ingest. */
export const statusOf = ({ ref, offset, total, expected }: IngestRecord): IngestStatus => ({
  ref,
  offset,
  ...(total === undefined ? {} : { total }),
  ...(expected === undefined ? {} : { expected }),
});

const fieldsOf = (record: unknown): Readonly<Record<string, unknown>> =>
  typeof record === "object" && record !== null ? (record as Readonly<Record<string, unknown>>) : {};

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

const damaged = (what: string): SlipwayError =>
  new SlipwayError("IO", `Cannot use ${what}: its record in the database is damaged; delete the database`);
