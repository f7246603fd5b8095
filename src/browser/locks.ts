import { digestOf } from "../hash/index.ts";

/** Locks that hold for all pages and workers of the origin, by name. */
export interface StoreLocks {
  /** Takes a lock if it is free. @returns what frees it; undefined if somebody else has it */
  tryHold(name: string): Promise<HeldLock | undefined>;
  /** Runs `work` while nobody else runs work of that name. Aborting ends the waiting, with the signal's reason. */
  exclusive<T>(name: string, work: (fence: Fence | undefined) => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/**
 * Makes a transaction of the database fail if the lock is another page's by then. A lock that expires is not enough for what must not be
 * done without it: a page may sleep between any two of its steps. Undefined where the browser itself sees to that.
 * @param transaction one over `MARKER`, too
 * @throws SlipwayError `UNAVAILABLE`
 */
export type Fence = (transaction: IDBTransaction) => Promise<void>;

/** A lock that is held. */
export interface HeldLock {
  /** Frees it; harmless if called again. Resolves when others can take it. */
  release(): Promise<void>;
  readonly fence?: Fence;
}

/** Characters of a Web Lock's name. WebKit refuses more than 1024. */
const NAME_LIMIT = 256;

/**
 * Web Locks: the browser frees those of a page that is gone.
 * @param scope begins all names
 */
export function webLocks(manager: LockManager, scope: string): StoreLocks {
  const nameOf = (name: string): string => {
    const whole = `slipway:${scope}:${name}`;
    return whole.length <= NAME_LIMIT ? whole : `slipway:${digestOf(new TextEncoder().encode(whole))}`;
  };
  return {
    tryHold(name) {
      return new Promise((resolve, reject) => {
        const ended = manager.request(nameOf(name), { ifAvailable: true }, async (lock) => {
          if (lock === null) {
            resolve(undefined);
            return;
          }
          await new Promise<void>((free) => {
            resolve({
              async release() {
                free();
                await ended;
              },
            });
          });
        });
        ended.catch(reject);
      });
    },
    async exclusive(name, work, signal) {
      signal?.throwIfAborted();
      let begun = false;
      try {
        return await manager.request(nameOf(name), signal === undefined ? {} : { signal }, () => {
          begun = true;
          return work(undefined);
        });
      } catch (error) {
        // Engines differ in what they reject with.
        if (!begun) signal?.throwIfAborted();
        throw error;
      }
    },
  };
}
