import { type Host, memoryStores } from "./host.ts";

/** What the harness gives to a Worker. */
export interface WorkerEnvironment {
  /** An empty R2 bucket. */
  readonly BUCKET: { head(key: string): Promise<unknown> };
}

/** Workers. */
export const workerHost = ({ BUCKET }: WorkerEnvironment): Host => ({
  async now() {
    // A Worker's clock may stand still while it computes, and goes on when something comes from outside.
    await BUCKET.head("absent");
    return Date.now();
  },
  stores: { memory: memoryStores },
});
