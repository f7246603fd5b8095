import { describe, it } from "vitest";
import { contentStoreConformance } from "../../src/content/conformance.ts";
import { createMemoryContentStore, withReferences } from "../../src/content/index.ts";
import { nodeHasher } from "../../src/node/hasher.ts";

describe("the memory content store", () => {
  for (const { name, run } of contentStoreConformance(async () => createMemoryContentStore())) it(name, run);
});

describe("the memory content store with the hash engine of the host", () => {
  for (const { name, run } of contentStoreConformance(async () => createMemoryContentStore({ hasher: nodeHasher }))) {
    it(name, run);
  }
});

describe("a store with references, none adopted", () => {
  for (const { name, run } of contentStoreConformance(async () => withReferences(createMemoryContentStore()))) {
    it(name, run);
  }
});
