import { createCompressPool } from "../../../src/browser/index.ts";
import { type TriedPool, tryPool } from "./try-pool.ts";

/** Under a policy that forbids workers, and with a script that is not there. */
export async function run(script: string | null): Promise<TriedPool> {
  return await tryPool((options) =>
    createCompressPool(
      script === null ? options : { ...options, worker: () => new Worker(script, { type: "module" }) },
    ),
  );
}
