import { IDBFactory, IDBKeyRange, IDBObjectStore } from "fake-indexeddb";
import { openIndexedDB } from "../../../src/browser/index.ts";
import { Database } from "../../../src/browser/indexeddb/database.ts";
import { CONTENT, LEASES, MARKER } from "../../../src/browser/indexeddb/schema.ts";
import { exclusive, step, tryLock } from "../scheduler.ts";
import type { Engine } from "../world.ts";

/** Transactions that are under way. */
let running = 0;

// Others can only come in between two transactions; one runs to its end by itself.
const { use: original } = Database.prototype;
Database.prototype.use = function (...given) {
  const [storeName] = given;
  const use = original.apply(this, given);
  return async (mode, callback) => {
    await step(`${mode} ${storeName}`, { key: storeName, writes: mode === "readwrite" });
    running++;
    try {
      return await use(mode, callback);
    } finally {
      running--;
    }
  };
};

// As in private windows of WebKit: reading Blobs would wait for the host.
const { put } = IDBObjectStore.prototype;
IDBObjectStore.prototype.put = function (value: unknown, ...rest) {
  if (value instanceof Blob) throw new DOMException("Blobs are not taken", "DataCloneError");
  return put.call(this, value, ...rest);
};

/** Web Locks by the scheduler's. */
const locks = {
  async request(
    name: string,
    options: { readonly ifAvailable?: boolean },
    work: (lock: object | null) => Promise<unknown>,
  ): Promise<unknown> {
    if (options.ifAvailable !== true) return await exclusive(name, () => work({ name }));
    const release = await tryLock(name);
    if (release === undefined) return await work(null);
    try {
      return await work({ name });
    } finally {
      release();
    }
  },
};

Object.assign(globalThis, { IDBKeyRange });
Object.defineProperty(globalThis, "navigator", { configurable: true, value: { locks } });

/** A database that each actor opens for itself, as tabs do. */
const engine = (name: string, webLocks: boolean): Engine => ({
  name,
  isBusy: () => running > 0,
  async create() {
    Object.assign(globalThis, { indexedDB: new IDBFactory() });
    const open = () => openIndexedDB("store", { webLocks });
    const opened: Awaited<ReturnType<typeof open>>[] = [];
    return {
      async open() {
        const store = await open();
        opened.push(store);
        const { content, images, metadata, leases, flights } = store;
        return {
          content,
          images,
          metadata,
          leases,
          flights,
          roots: async () => (await images.list()).map(({ target }) => target),
          close: async () => undefined,
        };
      },
      async leftovers() {
        const blobs = new Set<string>();
        const keys = (await keysOf(CONTENT)) as readonly (readonly string[])[];
        for (const key of keys) if (key[0] === "blob") blobs.add(String(key[1]));
        const parts = new Set(keys.filter(([kind]) => kind === "part").map(([, id]) => id));
        const others = keys.filter(([kind]) => kind !== "blob" && kind !== "part").map(String);
        return [
          ...others,
          ...(parts.size > blobs.size ? [`parts of ${parts.size - blobs.size} blobs that are not there`] : []),
          ...(await keysOf(LEASES)).map(String),
          ...(await keysOf(MARKER)).map(String).filter((key) => key.startsWith("lock/")),
        ];
      },
      async close() {
        for (const store of opened) await store.close();
      },
    };
  },
});

/** All keys of an object store, past all of Slipway's code. */
function keysOf(storeName: string): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("store");
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const database = request.result;
      const keys = database.transaction(storeName).objectStore(storeName).getAllKeys();
      keys.onerror = () => reject(keys.error);
      keys.onsuccess = () => {
        database.close();
        resolve(keys.result);
      };
    };
  });
}

/** With Web Locks, as pages have them that come over https. */
export const indexeddb: Engine = engine("IndexedDB", true);

/** With locks that are records which expire. */
export const indexeddbWithoutLocks: Engine = engine("IndexedDB without Web Locks", false);
