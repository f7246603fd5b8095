import { openR2, type R2Store } from "../../../src/cloudflare/index.ts";
import { assert, assertEqual, type ConformanceCase } from "../../../src/conformance.ts";
import { contentStoreConformance } from "../../../src/content/conformance.ts";
import { imageStoreConformance } from "../../../src/images/conformance.ts";
import { metadataStoreConformance, snapshotterConformance } from "../../../src/snapshots/conformance.ts";
import { createSnapshotter } from "../../../src/snapshots/index.ts";
import type { WorkerEnvironment } from "../../engines/hosts/worker.ts";
import { coreSuites } from "./core.ts";
import { runSuites, type SuiteReport } from "./report.ts";

/** What the suite is told of the Worker that it runs in. */
export interface WorkerArgument {
  /** Its compatibility flags. */
  readonly flags: readonly string[];
}

/** The suite in a Worker: with the store over R2. */
export async function run(argument: WorkerArgument, env: WorkerEnvironment): Promise<readonly SuiteReport[]> {
  let count = 0;
  const openAgain = (): R2Store => openR2(env.BUCKET, { prefix: `store-${count}/` });
  const openFresh = (): R2Store => {
    count++;
    return openAgain();
  };
  return await runSuites({
    "the Worker's flags": [flagsCase(argument)],
    ...coreSuites,
    "content in R2": contentStoreConformance(async () => openFresh().content, {
      reopen: async () => openAgain().content,
    }),
    "images in R2": imageStoreConformance(async () => openFresh().images),
    "metadata in R2": metadataStoreConformance(async () => openFresh().metadata, {
      reopen: async () => openAgain().metadata,
    }),
    "snapshots in R2": snapshotterConformance(async () => createSnapshotter(openFresh()), {
      reopen: async () => createSnapshotter(openAgain()),
    }),
  });
}

/** All else in a Worker without flags is tested without anything of Node's: this tells whether that is so. */
const flagsCase = ({ flags }: WorkerArgument): ConformanceCase => ({
  name: "give it Node's modules, or none",
  async run() {
    const found = await import("node:crypto").then(
      () => true,
      () => false,
    );
    assertEqual(found, flags.includes("nodejs_compat"), `node:crypto with the flags ${JSON.stringify(flags)}`);
    assert(found || !("process" in globalThis), "there is a process");
  },
});
