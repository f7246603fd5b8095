import { coreSuites } from "./core.ts";
import { policy } from "./policy.ts";
import { runSuites, type SuiteReport } from "./report.ts";

/** The suite in a page. */
export async function run(): Promise<readonly SuiteReport[]> {
  return await runSuites({ "the page's policy": policy, ...coreSuites });
}
