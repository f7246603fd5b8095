import { openR2, type R2BucketLike, type R2Store } from "../../../src/cloudflare/index.ts";
import { contentStoreConformance } from "../../../src/content/conformance.ts";
import { imageStoreConformance } from "../../../src/images/conformance.ts";
import { metadataStoreConformance, snapshotterConformance } from "../../../src/snapshots/conformance.ts";
import { createSnapshotter } from "../../../src/snapshots/index.ts";
import { coreSuites } from "./core.ts";
import { runSuites, type SuiteReport } from "./report.ts";

/** The suite in a Worker: with the store over R2. */
export async function run(_argument: unknown, env: { readonly BUCKET: R2BucketLike }): Promise<readonly SuiteReport[]> {
  let count = 0;
  const openAgain = (): R2Store => openR2(env.BUCKET, { prefix: `store-${count}/` });
  const openFresh = (): R2Store => {
    count++;
    return openAgain();
  };
  return await runSuites({
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
