import { openR2, type R2BucketLike } from "../../../src/cloudflare/index.ts";
import { type Host, type HostStores, memoryStores } from "./host.ts";

/** What the harness gives to a Worker. */
export interface WorkerEnvironment {
  /** An empty R2 bucket. */
  readonly BUCKET: R2BucketLike;
}

/** Workers. */
export const workerHost = ({ BUCKET }: WorkerEnvironment): Host => ({
  async now() {
    // A Worker's clock may stand still while it computes, and goes on when something comes from outside.
    await BUCKET.head("absent");
    return Date.now();
  },
  stores: { memory: memoryStores, R2: () => bucketStores(BUCKET) },
});

let count = 0;

/** The bucket is thrown away with the engine. */
async function bucketStores(bucket: R2BucketLike): Promise<HostStores> {
  const { content, images, metadata } = openR2(bucket, { prefix: `host-${count++}/` });
  return { content, images, metadata, close: async () => undefined };
}
