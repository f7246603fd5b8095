import { coreSuites } from "./core.ts";
import { runSuites, type SuiteReport } from "./report.ts";

/** The suite in a Worker. */
export async function run(): Promise<readonly SuiteReport[]> {
  return await runSuites({ ...coreSuites });
}
