import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConformanceCase } from "../../../src/conformance.ts";
import { contentStoreConformance } from "../../../src/content/conformance.ts";
import { imageStoreConformance } from "../../../src/images/conformance.ts";
import { openDirectoryStore } from "../../../src/node/directory-store.ts";
import { fileSource } from "../../../src/node/file-source.ts";
import { writeFileAtomically } from "../../../src/node/write-file.ts";
import { metadataStoreConformance, snapshotterConformance } from "../../../src/snapshots/conformance.ts";
import { createSnapshotter } from "../../../src/snapshots/index.ts";
import { coreSuites } from "./core.ts";
import { runSuites, type SuiteReport } from "./report.ts";

/** The suite in Node, Deno or Bun: with the directory store. */
export async function run(): Promise<readonly SuiteReport[]> {
  const home = mkdtempSync(join(tmpdir(), "slipway-suite-"));
  let count = 0;
  const openFresh = () => openDirectoryStore(join(home, String(++count)), { durable: false });
  const openAgain = () => openDirectoryStore(join(home, String(count)), { create: false, durable: false });
  try {
    return await runSuites({
      ...coreSuites,
      "content in a directory": contentStoreConformance(async () => (await openFresh()).content, {
        reopen: async () => (await openAgain()).content,
      }),
      "images in a directory": imageStoreConformance(async () => (await openFresh()).images),
      "metadata in a directory": metadataStoreConformance(async () => (await openFresh()).metadata, {
        reopen: async () => (await openAgain()).metadata,
      }),
      "snapshots in a directory": snapshotterConformance(async () => createSnapshotter(await openFresh()), {
        reopen: async () => createSnapshotter(await openAgain()),
      }),
      files: [fileCase(join(home, "file"))],
    });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const fileCase = (path: string): ConformanceCase => ({
  name: "writes a file and reads it",
  async run() {
    const bytes = new Uint8Array(700_000).fill(7);
    await writeFileAtomically(path, [bytes, bytes], { mode: 0o640 });
    let size = 0;
    for await (const chunk of (await fileSource(path)).open({ offset: 5 })) size += chunk.byteLength;
    if (size !== 1_399_995) throw new Error(`read ${size} bytes`);
  },
});
