import { get, promisifyRequest, type UseStore } from "idb-keyval";
import { SlipwayError } from "../../errors.ts";
import { randomName } from "../../random.ts";
import type { HeldLock, StoreLocks } from "../locks.ts";
import { MARKER } from "./schema.ts";
import { change } from "./transaction.ts";

/** A lock that somebody holds, or held when his page went away. */
interface LockRecord {
  readonly owner: string;
  /** Milliseconds since the epoch: unless it is renewed before, the lock is free then. */
  readonly until: number;
}

/** Milliseconds. Longer than a browser stops the timers of a page that is merely hidden for a while. */
const LIFETIME = 20_000;
const RENEWAL = LIFETIME / 4;
/** Milliseconds between two looks at a lock that somebody else holds. */
const POLL = 50;

/**
 * Locks as records that expire, for pages without Web Locks. One that a page held that is gone is free after {@link LIFETIME}.
 * The lock of a page that slept for longer may be taken from it: what must never be done without the lock checks that in the transaction
 * that does it, by the fence or by itself.
 */
export function recordLocks(use: UseStore): StoreLocks {
  /** Those within this object wait in line, instead of looking again and again. */
  const lines = new Map<string, Promise<unknown>>();

  const tryHold = async (name: string): Promise<HeldLock | undefined> => {
    const key = `lock/${name}`;
    const owner = randomName();
    const what = `lock ${name}`;
    const renew = (whose: (record: LockRecord | undefined) => boolean): Promise<boolean> =>
      change(use, { what }, async (store) => {
        const record: LockRecord | undefined = await promisifyRequest(store.get(key));
        if (!whose(record)) return false;
        await promisifyRequest(store.put({ owner, until: Date.now() + LIFETIME } satisfies LockRecord, key));
        return true;
      });
    const isFree = (record: LockRecord | undefined): boolean => record === undefined || record.until <= Date.now();
    // Most of those who ask for a lock that is taken need no transaction that writes.
    if (!isFree(await get<LockRecord>(key, use)) || !(await renew(isFree))) return undefined;
    const timer = setInterval(() => {
      renew((record) => record?.owner === owner).catch(() => undefined);
    }, RENEWAL);
    let released: Promise<void> | undefined;
    return {
      release() {
        clearInterval(timer);
        released ??= change(use, { what: `un${what}` }, async (store) => {
          const record: LockRecord | undefined = await promisifyRequest(store.get(key));
          if (record?.owner === owner) await promisifyRequest(store.delete(key));
        });
        return released;
      },
      async fence(transaction) {
        const record: LockRecord | undefined = await promisifyRequest(transaction.objectStore(MARKER).get(key));
        if (record?.owner === owner) return;
        const reason = `another page took the lock ${name} over while this one slept; try again`;
        throw new SlipwayError("UNAVAILABLE", `Cannot go on: ${reason}`);
      },
    };
  };

  const hold = async (name: string, signal: AbortSignal | undefined): Promise<HeldLock> => {
    for (;;) {
      signal?.throwIfAborted();
      const lock = await tryHold(name);
      if (lock !== undefined) return lock;
      await sleep(POLL, signal);
    }
  };

  return {
    tryHold,
    exclusive(name, work, signal) {
      const before = lines.get(name) ?? Promise.resolve();
      const turn = (async () => {
        await untilAborted(before, signal);
        const lock = await hold(name, signal);
        try {
          return await work(lock.fence);
        } finally {
          await lock.release();
        }
      })();
      // Who gives up in the middle of the line lets nobody overtake.
      const line = Promise.allSettled([before, turn]).then(() => {
        if (lines.get(name) === line) lines.delete(name);
      });
      lines.set(name, line);
      return turn;
    },
  };
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return untilAborted(new Promise((resolve) => setTimeout(resolve, milliseconds)), signal);
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
