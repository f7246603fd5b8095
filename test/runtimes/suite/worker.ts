import { assert, assertEqual, type ConformanceCase } from "../../../src/conformance.ts";
import { coreSuites } from "./core.ts";
import { runSuites, type SuiteReport } from "./report.ts";

/** What the suite is told of the Worker that it runs in. */
export interface WorkerArgument {
  /** Its compatibility flags. */
  readonly flags: readonly string[];
}

/** The suite in a Worker. */
export async function run(argument: WorkerArgument): Promise<readonly SuiteReport[]> {
  return await runSuites({ "the Worker's flags": [flagsCase(argument)], ...coreSuites });
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
