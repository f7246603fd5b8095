import { join } from "node:path";
import { describe, it } from "vitest";
import { contentStoreConformance } from "../../src/content/conformance.ts";
import { imageStoreConformance } from "../../src/images/conformance.ts";
import { openDirectoryStore } from "../../src/node/index.ts";
import { metadataStoreConformance } from "../../src/snapshots/conformance.ts";
import { temporaryDirectory } from "../support/temporary.ts";

let last = "";
const openFresh = async () => {
  last = join(temporaryDirectory(), "layout");
  return await openDirectoryStore(last);
};
const openAgain = async () => await openDirectoryStore(last, { create: false });

describe("the content store of a layout directory", () => {
  const cases = contentStoreConformance(async () => (await openFresh()).content, {
    reopen: async () => (await openAgain()).content,
  });
  for (const { name, run } of cases) it(name, run);
});

describe("the image store of a layout directory", () => {
  for (const { name, run } of imageStoreConformance(async () => (await openFresh()).images)) it(name, run);
});

describe("the metadata store of a layout directory", () => {
  const cases = metadataStoreConformance(async () => (await openFresh()).metadata, {
    reopen: async () => (await openAgain()).metadata,
  });
  for (const { name, run } of cases) it(name, run);
});
