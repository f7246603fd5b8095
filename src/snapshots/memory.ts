import { bytesEqual } from "../bytes.ts";
import type { MetadataStore } from "./metadata.ts";

/** A metadata store in memory: it lasts as long as the object. */
export function createMemoryMetadataStore(): MetadataStore {
  const records = new Map<string, Uint8Array>();
  return {
    async get(key) {
      return records.get(key)?.slice();
    },
    async set(key, value) {
      records.set(key, value.slice());
    },
    async delete(key) {
      records.delete(key);
    },
    async compareAndSet(key, expected, value) {
      const current = records.get(key);
      const same =
        current === undefined || expected === undefined ? current === expected : bytesEqual(current, expected);
      if (!same) return false;
      if (value === undefined) records.delete(key);
      else records.set(key, value.slice());
      return true;
    },
    async keys(prefix) {
      // Keys are ASCII, of which the default order is the bytewise one.
      return [...records.keys()].filter((key) => key.startsWith(prefix)).sort();
    },
  };
}
