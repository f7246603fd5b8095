import { promisifyRequest, type UseStore } from "idb-keyval";
import { bytesEqual } from "../../bytes.ts";
import { SlipwayError } from "../../errors.ts";
import type { MetadataStore } from "../../snapshots/metadata.ts";
import { change, look } from "./transaction.ts";

/** Small records by key in an object store of their own. */
export function byteRecords(use: UseStore): MetadataStore {
  return {
    get: (key) => look(use, { what: `read record ${key}` }, (store) => recordAt(store, key)),
    async set(key, value) {
      // Of a view a database would keep the whole buffer.
      const copy = value.slice();
      await change(use, { what: `write record ${key}`, needed: copy.byteLength }, (store) => {
        store.put(copy, key);
      });
    },
    delete: (key) =>
      change(use, { what: `delete record ${key}` }, (store) => {
        store.delete(key);
      }),
    async compareAndSet(key, expected, value) {
      const copy = value?.slice();
      return await change(use, { what: `write record ${key}`, needed: copy?.byteLength }, async (store) => {
        const current = await recordAt(store, key);
        const same =
          current === undefined || expected === undefined ? current === expected : bytesEqual(current, expected);
        if (!same) return false;
        if (copy === undefined) store.delete(key);
        else store.put(copy, key);
        return true;
      });
    },
    keys: (prefix) =>
      look(use, { what: `list records ${prefix}` }, async (store) => {
        // Keys are ASCII, before which no other character comes.
        const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
        return (await promisifyRequest(store.getAllKeys(range))).map(String);
      }),
  };
}

async function recordAt(store: IDBObjectStore, key: string): Promise<Uint8Array | undefined> {
  const value: unknown = await promisifyRequest(store.get(key));
  if (value === undefined || value instanceof Uint8Array) return value;
  throw new SlipwayError("IO", `Cannot read record ${key}: something else is in its place; delete the database`);
}
