import {
  deleteIndexedDB,
  type IndexedDBOptions,
  type IndexedDBStore,
  openIndexedDB,
} from "../../../src/browser/index.ts";
import type { ConformanceCase } from "../../../src/conformance.ts";
import { contentStoreConformance } from "../../../src/content/conformance.ts";
import { imageStoreConformance } from "../../../src/images/conformance.ts";
import { metadataStoreConformance, snapshotterConformance } from "../../../src/snapshots/conformance.ts";
import { createSnapshotter } from "../../../src/snapshots/index.ts";
import { blockCacheCases } from "./block-cache.ts";
import type { Suites } from "./report.ts";

/** The contracts over databases: each case has one of its own, which is deleted after it. */
export function indexedDBSuites(label: string, options: IndexedDBOptions = {}): Suites {
  const stores: IndexedDBStore[] = [];
  let count = 0;
  const open = async (): Promise<IndexedDBStore> => {
    const store = await openIndexedDB(`suite ${label} ${count}`, { durable: false, ...options });
    stores.push(store);
    return store;
  };
  const openFresh = (): Promise<IndexedDBStore> => {
    count++;
    return open();
  };
  const tidied = (cases: readonly ConformanceCase[]): readonly ConformanceCase[] =>
    cases.map(({ name, run }) => ({
      name,
      async run() {
        try {
          await run();
        } finally {
          for (const store of stores.splice(0)) await store.close();
          await deleteIndexedDB(`suite ${label} ${count}`);
        }
      },
    }));
  return {
    [`content in ${label}`]: tidied(
      contentStoreConformance(async () => (await openFresh()).content, { reopen: async () => (await open()).content }),
    ),
    [`images in ${label}`]: tidied(imageStoreConformance(async () => (await openFresh()).images)),
    [`metadata in ${label}`]: tidied(
      metadataStoreConformance(async () => (await openFresh()).metadata, {
        reopen: async () => (await open()).metadata,
      }),
    ),
    [`snapshots in ${label}`]: tidied(
      snapshotterConformance(async () => createSnapshotter(await openFresh()), {
        reopen: async () => createSnapshotter(await open()),
      }),
    ),
    [`the block cache in ${label}`]: tidied(blockCacheCases(openFresh)),
  };
}
