import type { LeaseRecords } from "../../src/content/index.ts";

/** Records in memory, for leases. */
export function createRecords(): LeaseRecords {
  const records = new Map<string, Uint8Array>();
  return {
    async get(key) {
      return records.get(key);
    },
    async set(key, value) {
      records.set(key, value.slice());
    },
    async delete(key) {
      records.delete(key);
    },
    async keys(prefix) {
      return [...records.keys()].filter((key) => key.startsWith(prefix)).sort();
    },
  };
}
