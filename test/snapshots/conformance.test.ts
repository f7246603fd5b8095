import { describe, it } from "vitest";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { metadataStoreConformance, snapshotterConformance } from "../../src/snapshots/conformance.ts";
import { createSnapshotter } from "../../src/snapshots/create-snapshotter.ts";
import { createMemoryMetadataStore } from "../../src/snapshots/memory.ts";

describe("memory metadata store", () => {
  for (const { name, run } of metadataStoreConformance(async () => createMemoryMetadataStore())) it(name, run);
});

describe("snapshotter over its own memory", () => {
  const open = async () => createSnapshotter({ content: createMemoryContentStore() });
  for (const { name, run } of snapshotterConformance(open)) it(name, run);
});

describe("snapshotters over the same stores", () => {
  let stores = { content: createMemoryContentStore(), metadata: createMemoryMetadataStore() };
  const open = async () => {
    stores = { content: createMemoryContentStore(), metadata: createMemoryMetadataStore() };
    return createSnapshotter(stores);
  };
  const reopen = async () => createSnapshotter(stores);
  for (const { name, run } of snapshotterConformance(open, { reopen })) it(name, run);
});
