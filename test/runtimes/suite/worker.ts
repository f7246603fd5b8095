import { openR2, type R2Store, type R2StoreOptions } from "../../../src/cloudflare/index.ts";
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

const FASTER = 20;

/**
 * The store leaves R2 a second between two writes to one key, which Miniflare does not need: time passes faster here. What ends by time is
 * given as much more of it.
 */
const hurried = (begin: number): R2StoreOptions => ({
  timers: {
    now: () => begin + (Date.now() - begin) * FASTER,
    after(milliseconds, call) {
      const timer = setTimeout(call, milliseconds / FASTER);
      return () => clearTimeout(timer);
    },
  },
  timeout: 600_000,
  hold: 1200,
  // One store sees more calls here than any request may make.
  callLimit: 1_000_000,
});

/** The suite in a Worker: with the store over R2. */
export async function run(argument: WorkerArgument, env: WorkerEnvironment): Promise<readonly SuiteReport[]> {
  let count = 0;
  const options = hurried(Date.now());
  const openAgain = (): R2Store => openR2(env.BUCKET, { prefix: `store-${count}/`, ...options });
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
