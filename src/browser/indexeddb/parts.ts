import { promisifyRequest, type UseStore } from "idb-keyval";
import { SlipwayError } from "../../errors.ts";
import { storageError } from "../host-error.ts";
import { look } from "./transaction.ts";

/** Bytes of one part at most. */
export const PART_SIZE: number = 4 * 1024 * 1024;

/** Below this many bytes a part is better off in the record than in a file of its own, which a `Blob` becomes. */
const SMALL = 64 * 1024;

/** What a part is stored as. */
export type Part = Blob | Uint8Array;

/** All keys that begin with these, in order. (Arrays sort behind strings and numbers.) */
export const keysUnder = (...beginning: readonly string[]): IDBKeyRange =>
  IDBKeyRange.bound([...beginning], [...beginning, []]);

/** The key of a part. */
export const partKey = (id: string, offset: number): IDBValidKey => ["part", id, offset];

/** Bytes as they are stored. @param blobs whether the database takes Blobs */
export function toPart(bytes: Uint8Array, blobs: boolean): Part {
  return blobs && bytes.byteLength >= SMALL ? new Blob([bytes as Uint8Array<ArrayBuffer>]) : bytes.slice();
}

/** Bytes that a part has. */
export const sizeOfPart = (part: Part): number => (part instanceof Blob ? part.size : part.byteLength);

/** Some bytes of a part, as the reader's own copy. */
export async function bytesOfPart(part: Part, start: number, end: number): Promise<Uint8Array> {
  return part instanceof Blob ? new Uint8Array(await part.slice(start, end).arrayBuffer()) : part.slice(start, end);
}

/** A part and where it begins. */
export interface FoundPart {
  readonly offset: number;
  readonly part: Part;
}

/** The part of these data that has the byte at `offset`. */
export async function findPart(store: IDBObjectStore, id: string, offset: number): Promise<FoundPart | undefined> {
  const range = IDBKeyRange.bound(partKey(id, 0), partKey(id, offset));
  const cursor = await promisifyRequest(store.openCursor(range, "prev"));
  if (cursor === null || !Array.isArray(cursor.key)) return undefined;
  const found: FoundPart = { offset: Number(cursor.key[2]), part: cursor.value };
  return offset < found.offset + sizeOfPart(found.part) ? found : undefined;
}

/** What {@link readParts} reads. */
export interface PartsToRead {
  readonly id: string;
  /** First byte and end. */
  readonly start: number;
  readonly end: number;
  /** For error messages: `blob sha256:…` */
  readonly name: string;
  /** The first part, if it was looked up already. */
  readonly first?: FoundPart | undefined;
}

/** Bytes of some data; only the parts that are needed are touched, one after the other. */
export async function* readParts(
  use: UseStore,
  { id, start, end, name, first }: PartsToRead,
): AsyncGenerator<Uint8Array, void, undefined> {
  const what = `read ${name}`;
  const find = (offset: number): Promise<FoundPart | undefined> =>
    look(use, { what }, (store) => findPart(store, id, offset));
  let found = first;
  for (let at = start; at < end; ) {
    found ??= await find(at);
    if (found === undefined) {
      throw new SlipwayError(
        "SIZE_MISMATCH",
        `Cannot ${what}: its bytes from ${at} on are gone; it was deleted meanwhile, or the database was altered`,
      );
    }
    const { part, offset } = found;
    let bytes: Uint8Array;
    try {
      bytes = await bytesOfPart(part, at - offset, Math.min(end - offset, sizeOfPart(part)));
    } catch (error) {
      throw await storageError(error, what);
    }
    at += bytes.byteLength;
    found = undefined;
    yield bytes;
  }
}
