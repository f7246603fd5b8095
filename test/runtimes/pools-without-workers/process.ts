import { Worker } from "node:worker_threads";
import { createCompressPool } from "../../../src/node/index.ts";
import { type TriedPool, tryPool } from "./try-pool.ts";

/** With a program that is not there, or with the text of one. */
export async function run(text: string | null): Promise<TriedPool> {
  return await tryPool((options) =>
    createCompressPool({
      ...options,
      worker: () =>
        text === null ? new Worker(new URL("file:///nowhere/absent.js")) : new Worker(text, { eval: true }),
    }),
  );
}
