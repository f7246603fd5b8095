import { createLeaseManager, createMemoryContentStore } from "../../../src/content/index.ts";
import { createMemoryImageStore } from "../../../src/images/index.ts";
import { createMemoryMetadataStore } from "../../../src/snapshots/index.ts";
import { exclusive } from "../scheduler.ts";
import type { Engine } from "../world.ts";
import { yieldingContent, yieldingImages, yieldingRecords } from "../yielding.ts";

/** Stores in memory, with leases that exclude each other by a lock of the scheduler's. */
export const memory: Engine = {
  name: "memory",
  async create() {
    const content = yieldingContent(createMemoryContentStore());
    const images = yieldingImages(createMemoryImageStore());
    const metadata = yieldingRecords(createMemoryMetadataStore(), "metadata");
    const leaseRecords = createMemoryMetadataStore();
    const records = yieldingRecords(leaseRecords, "leases");
    return {
      async open() {
        return {
          content,
          images,
          metadata,
          leases: createLeaseManager(records, { exclusive: (work) => exclusive("leases", work) }),
          roots: async () => (await images.list()).map(({ target }) => target),
          close: async () => undefined,
        };
      },
      leftovers: () => leaseRecords.keys(""),
      close: async () => undefined,
    };
  },
};
