import { get, type UseStore } from "idb-keyval";
import { concatBytes } from "../../../src/bytes.ts";
import { type ContentStore, readBlob, writeBlob } from "../../../src/content/index.ts";
import { SlipwayError } from "../../../src/errors.ts";
import { digestOf } from "../../../src/hash/index.ts";
import { type Digest, digestHex } from "../../../src/oci/digest.ts";

export * from "../../../src/browser/index.ts";
export { Database, deleteDatabase } from "../../../src/browser/indexeddb/database.ts";
export { SCHEMA } from "../../../src/browser/indexeddb/schema.ts";
export { collectGarbage, readBlob, readBlobBytes, writeBlob } from "../../../src/content/index.ts";
export { createExporter } from "../../../src/exporter/index.ts";
export { build } from "../../../src/frontend/index.ts";
export { digestOf, pureHasher } from "../../../src/hash/index.ts";
export { createSnapshotter } from "../../../src/snapshots/index.ts";

/** Bytes of which every seed has others. */
export function sampleBytes(seed: number, size: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = (seed + 1) * 0x9e3779b1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** Writes sample bytes in pieces, as a source would give them. */
export async function put(store: ContentStore, seed: number, size: number, ref?: string): Promise<Digest> {
  const bytes = sampleBytes(seed, size);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < size; at += 64 * 1024) pieces.push(bytes.subarray(at, at + 64 * 1024));
  return (await writeBlob(store, pieces, { ref, digest: digestOf(bytes), size })).digest;
}

/** Digests of the blobs, each read and verified. */
export async function verifyAll(store: ContentStore): Promise<readonly Digest[]> {
  const digests: Digest[] = [];
  for await (const { digest, size } of store.list()) {
    for await (const _ of readBlob(store, { digest, size }));
    digests.push(digest);
  }
  return digests.sort();
}

/** All that an async iterable gives. */
export async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** All bytes of a read. */
export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return concatBytes(await all(chunks));
}

/** "CODE: message" of what a call rejects with; "nothing" if it does not. */
export async function failureOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "nothing";
  } catch (error) {
    return error instanceof SlipwayError ? `${error.code}: ${error.message}` : String(error);
  }
}

/** The database underneath a store, past all of Slipway's code. */
export async function rawDatabase(name: string): Promise<IDBDatabase> {
  return await new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** One transaction on an object store of a database, past all of Slipway's code. */
export async function raw<T>(
  name: string,
  storeName: string,
  work: (store: IDBObjectStore) => IDBRequest<T> | undefined,
): Promise<T | undefined> {
  const database = await rawDatabase(name);
  try {
    const transaction = database.transaction(storeName, "readwrite");
    return await new Promise((resolve, reject) => {
      const request = work(transaction.objectStore(storeName));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** The folder of a database's files. */
export async function folderOf(name: string): Promise<FileSystemDirectoryHandle> {
  const home = await (await navigator.storage.getDirectory()).getDirectoryHandle("slipway");
  return await home.getDirectoryHandle(digestHex(digestOf(new TextEncoder().encode(name))));
}

/** Names of the files that a database has beside it. */
export async function fileNames(name: string): Promise<readonly string[]> {
  try {
    return await all((await folderOf(name)).keys());
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotFoundError") return [];
    throw error;
  }
}

/** Parts and files that belong to no blob and no ingest. */
export async function orphans(name: string): Promise<readonly string[]> {
  const keys = ((await raw(name, "content", (store) => store.getAllKeys())) ?? []) as unknown as string[][];
  const range = IDBKeyRange.bound(["blob"], ["ingest", []]);
  const records = (await raw(name, "content", (store) => store.getAll(range))) ?? [];
  const ids = new Set((records as { readonly id: string }[]).map(({ id }) => id));
  const parts = keys.filter(([kind, id]) => kind === "part" && !ids.has(id ?? "")).map(String);
  return [...parts, ...(await fileNames(name)).filter((id) => !ids.has(id))];
}

/** What idb-keyval finds through a store of ours. */
export const keyvalGet = (use: UseStore, key: IDBValidKey): Promise<unknown> => get(key, use);
