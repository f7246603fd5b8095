import { contentStoreConformance } from "../../../src/content/conformance.ts";
import { createMemoryContentStore } from "../../../src/content/index.ts";
import { imageStoreConformance } from "../../../src/images/conformance.ts";
import { createMemoryImageStore } from "../../../src/images/index.ts";
import { metadataStoreConformance, snapshotterConformance } from "../../../src/snapshots/conformance.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../../src/snapshots/index.ts";
import type { Suites } from "./report.ts";
import { sameBytes } from "./same-bytes.ts";

/** What holds in every engine: it needs nothing of the host. */
export const coreSuites: Suites = {
  "content in memory": contentStoreConformance(async () => createMemoryContentStore()),
  "images in memory": imageStoreConformance(async () => createMemoryImageStore()),
  "metadata in memory": metadataStoreConformance(async () => createMemoryMetadataStore()),
  "snapshots in memory": snapshotterConformance(async () => createSnapshotter({ content: createMemoryContentStore() })),
  "the bytes of an image": sameBytes,
};
