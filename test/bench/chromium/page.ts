import { createCompressPool } from "../../../src/browser/index.ts";
import { type ChromiumArgument, type ChromiumRound, measure } from "./measure.ts";

/** Measures in a page. */
export async function run(argument: ChromiumArgument): Promise<ChromiumRound> {
  const program = URL.createObjectURL(
    new Blob([await (await fetch(argument.worker)).text()], { type: "text/javascript" }),
  );
  return await measure(argument, (options) =>
    createCompressPool({ ...options, worker: () => new Worker(program, { type: "module" }) }),
  );
}
