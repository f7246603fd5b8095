import { deleteIndexedDB, openIndexedDB } from "../../../src/browser/index.ts";
import { type Host, type HostStores, memoryStores } from "./host.ts";

/** Pages of browsers. */
export const pageHost: Host = {
  now: async () => performance.now(),
  stores: { memory: memoryStores, IndexedDB: database },
};

let count = 0;

async function database(): Promise<HostStores> {
  const name = `host ${count++}`;
  const store = await openIndexedDB(name);
  const { content, images, metadata, flights } = store;
  return {
    content,
    images,
    metadata,
    flights,
    async close() {
      await store.close();
      await deleteIndexedDB(name);
    },
  };
}
