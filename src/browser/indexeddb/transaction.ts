import type { UseStore } from "idb-keyval";
import { nameOf, storageError } from "../host-error.ts";

/** What is being done, for error messages. */
export interface Doing {
  /** For "Cannot WHAT: reason". */
  readonly what: string;
  /** Bytes that are to be stored. */
  readonly needed?: number | undefined;
}

/**
 * Runs `work` in one transaction and returns when that is complete: all of it happens or, if `work` fails, nothing.
 * `work` may only wait for requests of the store that it is given.
 * @throws SlipwayError what `work` throws, or as `storageError`
 */
export async function change<T>(
  use: UseStore,
  { what, needed }: Doing,
  work: (store: IDBObjectStore) => Promise<T> | T,
): Promise<T> {
  try {
    return await use("readwrite", async (store) => {
      const { transaction } = store;
      const ended = completion(transaction);
      let result: T;
      try {
        result = await work(store);
      } catch (error) {
        rollBack(transaction);
        await ended.catch(() => undefined);
        // Requests that a failing transaction takes along do not say why.
        throw nameOf(error) === "AbortError" ? (transaction.error ?? error) : error;
      }
      await ended;
      return result;
    });
  } catch (error) {
    throw await storageError(error, what, needed);
  }
}

/**
 * Reads in one transaction.
 * @throws SlipwayError what `work` throws, or as `storageError`
 */
export async function look<T>(use: UseStore, { what }: Doing, work: (store: IDBObjectStore) => Promise<T>): Promise<T> {
  try {
    return await use("readonly", work);
  } catch (error) {
    throw await storageError(error, what);
  }
}

/** idb-keyval's `promisifyRequest` rejects with the error of the first request that fails; an abort has the reason itself. */
function completion(transaction: IDBTransaction): Promise<void> {
  const ended = new Promise<void>((resolve, reject) => {
    transaction.addEventListener("complete", () => resolve());
    transaction.addEventListener("abort", () => reject(transaction.error ?? new DOMException("Aborted", "AbortError")));
  });
  // Whoever rolls back has an error already.
  ended.catch(() => undefined);
  return ended;
}

function rollBack(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It has ended by itself.
  }
}
