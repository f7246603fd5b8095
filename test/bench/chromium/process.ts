import { Worker } from "node:worker_threads";
import { createCompressPool } from "../../../src/node/index.ts";
import { type ChromiumArgument, type ChromiumRound, measure } from "./measure.ts";

/** Measures in Node. */
export async function run(argument: ChromiumArgument): Promise<ChromiumRound> {
  const text = await (await fetch(argument.worker)).text();
  const program = new URL(`data:text/javascript,${encodeURIComponent(text)}`);
  return await measure(argument, (options) => createCompressPool({ ...options, worker: () => new Worker(program) }));
}
