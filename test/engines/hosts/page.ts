import { type Host, memoryStores } from "./host.ts";

/** Pages of browsers. */
export const pageHost: Host = {
  now: async () => performance.now(),
  stores: { memory: memoryStores },
};
