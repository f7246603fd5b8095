import { afterAll, beforeAll, describe, it } from "vitest";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { openDirectoryStore } from "../../src/node/directory-store.ts";
import { metadataStoreConformance, snapshotterConformance } from "../../src/snapshots/conformance.ts";
import { createSnapshotter } from "../../src/snapshots/create-snapshotter.ts";
import { createMemoryMetadataStore } from "../../src/snapshots/memory.ts";
import { temporaryDirectory } from "../support/temporary.ts";

describe("memory metadata store", () => {
  for (const { name, run } of metadataStoreConformance(async () => createMemoryMetadataStore())) it(name, run);
});

describe("snapshotter over its own memory", () => {
  const open = async () => createSnapshotter({ content: createMemoryContentStore() });
  for (const { name, run } of snapshotterConformance(open)) it(name, run);
});

describe("snapshotters over the same memory", () => {
  let stores = { content: createMemoryContentStore(), metadata: createMemoryMetadataStore() };
  const open = async () => {
    stores = { content: createMemoryContentStore(), metadata: createMemoryMetadataStore() };
    return createSnapshotter(stores);
  };
  const reopen = async () => createSnapshotter(stores);
  for (const { name, run } of snapshotterConformance(open, { reopen })) it(name, run);
});

describe("snapshotters in an engine without weak references", () => {
  const own = { FinalizationRegistry: globalThis.FinalizationRegistry, WeakRef: globalThis.WeakRef };
  beforeAll(() => {
    Object.assign(globalThis, { FinalizationRegistry: undefined, WeakRef: undefined });
  });
  afterAll(() => {
    Object.assign(globalThis, own);
  });
  let stores = { content: createMemoryContentStore(), metadata: createMemoryMetadataStore() };
  const open = async () => {
    stores = { content: createMemoryContentStore(), metadata: createMemoryMetadataStore() };
    return createSnapshotter(stores);
  };
  const reopen = async () => createSnapshotter(stores);
  for (const { name, run } of snapshotterConformance(open, { reopen })) it(name, run);
});

describe("directory", () => {
  let directory = "";
  const reopenStore = async () => await openDirectoryStore(directory, { durable: false });
  const openStore = async () => {
    directory = temporaryDirectory();
    return await reopenStore();
  };
  describe("metadata store", () => {
    const open = async () => (await openStore()).metadata;
    const reopen = async () => (await reopenStore()).metadata;
    for (const { name, run } of metadataStoreConformance(open, { reopen })) it(name, run);
  });
  describe("snapshotter", () => {
    const open = async () => createSnapshotter(await openStore());
    const reopen = async () => createSnapshotter(await reopenStore());
    for (const { name, run } of snapshotterConformance(open, { reopen })) it(name, run);
  });
});
