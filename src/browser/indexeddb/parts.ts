import { promisifyRequest, type UseStore } from "idb-keyval";
import { SlipwayError } from "../../errors.ts";
import { storageError } from "../host-error.ts";
import type { DataFiles } from "../opfs/data-files.ts";
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

/** What {@link readData} reads. */
export interface DataToRead {
  readonly id: string;
  /** Bytes at the beginning that lie in a file. */
  readonly filed?: number | undefined;
  /** First byte and end. */
  readonly start: number;
  readonly end: number;
  /** For error messages: `blob sha256:…` */
  readonly name: string;
  /** The first part, if it was looked up already. */
  readonly first?: FoundPart | undefined;
}

/** Bytes of some data; only what is needed is touched, one part after the other. */
export async function* readData(
  { use, files }: { readonly use: UseStore; readonly files: DataFiles },
  { id, filed = 0, start, end, name, first }: DataToRead,
): AsyncGenerator<Uint8Array, void, undefined> {
  const what = `read ${name}`;
  let file: File | undefined;
  let found = first;
  for (let at = start; at < end; ) {
    let bytes: Uint8Array;
    try {
      if (at < filed) {
        file ??= await files.read(id);
        bytes = await bytesOfPart(file, at, Math.min(end, filed, at + PART_SIZE));
      } else {
        found ??= await look(use, { what }, (store) => findPart(store, id, at));
        bytes = found === undefined ? NOTHING : await bytesOfPart(found.part, at - found.offset, end - found.offset);
      }
    } catch (error) {
      throw await storageError(error, what);
    }
    if (bytes.byteLength === 0) {
      throw new SlipwayError(
        "SIZE_MISMATCH",
        `Cannot ${what}: its bytes from ${at} on are gone; it was deleted meanwhile, or the storage was altered`,
      );
    }
    at += bytes.byteLength;
    found = undefined;
    yield bytes;
  }
}

const NOTHING = new Uint8Array(0);
