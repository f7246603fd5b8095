/** The conformance of the stores in whatever runtime this is run by: `deno run -A stores.ts`, `bun run stores.ts`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { ConformanceCase } from "../../src/conformance.ts";
import { contentStoreConformance } from "../../src/content/conformance.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { imageStoreConformance } from "../../src/images/conformance.ts";
import { openDirectoryStore } from "../../src/node/directory-store.ts";
import { fileSource } from "../../src/node/file-source.ts";
import { writeFileAtomically } from "../../src/node/write-file.ts";
import { metadataStoreConformance } from "../../src/snapshots/conformance.ts";

const home = mkdtempSync(join(tmpdir(), "slipway-runtime-"));
let count = 0;
const openFresh = () => openDirectoryStore(join(home, String(++count)), { durable: false });
const openAgain = () => openDirectoryStore(join(home, String(count)), { create: false });

const files: ConformanceCase = {
  name: "writes a file and reads it",
  async run() {
    const path = join(home, "file");
    const bytes = new Uint8Array(700_000).fill(7);
    await writeFileAtomically(path, [bytes, bytes], { mode: 0o640 });
    let size = 0;
    for await (const chunk of (await fileSource(path)).open({ offset: 5 })) size += chunk.byteLength;
    if (size !== 1_399_995) throw new Error(`read ${size} bytes`);
  },
};

const suites: Readonly<Record<string, readonly ConformanceCase[]>> = {
  memory: contentStoreConformance(async () => createMemoryContentStore()),
  content: contentStoreConformance(async () => (await openFresh()).content, {
    reopen: async () => (await openAgain()).content,
  }),
  images: imageStoreConformance(async () => (await openFresh()).images),
  metadata: metadataStoreConformance(async () => (await openFresh()).metadata),
  files: [files],
};

let failed = 0;
let passed = 0;
for (const [suite, cases] of Object.entries(suites)) {
  for (const { name, run } of cases) {
    try {
      await run();
      passed++;
    } catch (error) {
      failed++;
      console.error(`${suite}: ${name}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
}
rmSync(home, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
