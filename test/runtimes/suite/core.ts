import { assertRejects, type ConformanceCase } from "../../../src/conformance.ts";
import { contentStoreConformance } from "../../../src/content/conformance.ts";
import { createMemoryContentStore } from "../../../src/content/index.ts";
import { imageStoreConformance } from "../../../src/images/conformance.ts";
import { createMemoryImageStore } from "../../../src/images/index.ts";
import { metadataStoreConformance, snapshotterConformance } from "../../../src/snapshots/conformance.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../../src/snapshots/index.ts";
import { memoryStores } from "../../engines/hosts/host.ts";
import { blockCacheCases } from "./block-cache.ts";
import type { Suites } from "./report.ts";
import { sameBytes } from "./same-bytes.ts";

const refs: ConformanceCase = {
  name: "are released at the end of the block, by the engine's own `using` or what a build tool makes of it",
  async run() {
    const snapshots = createSnapshotter({ content: createMemoryContentStore() });
    await snapshots.prepare("work");
    {
      using ref = await snapshots.commit("held", "work");
      await assertRejects(snapshots.remove(ref.key), "FAILED_PRECONDITION", "remove what is held");
    }
    await snapshots.remove("held");
  },
};

/** What holds in every engine: it needs nothing of the host. */
export const coreSuites: Suites = {
  "content in memory": contentStoreConformance(async () => createMemoryContentStore()),
  "images in memory": imageStoreConformance(async () => createMemoryImageStore()),
  "metadata in memory": metadataStoreConformance(async () => createMemoryMetadataStore()),
  "snapshots in memory": snapshotterConformance(async () => createSnapshotter({ content: createMemoryContentStore() })),
  "refs with `using`": [refs],
  "the bytes of an image": sameBytes,
  "the block cache in memory": blockCacheCases(memoryStores),
};
