import { coreSuites } from "./core.ts";
import { indexedDBSuites } from "./indexeddb.ts";
import { policy } from "./policy.ts";
import { runSuites, type SuiteReport } from "./report.ts";

/** The suite in a page: with the stores over IndexedDB. */
export async function run(): Promise<readonly SuiteReport[]> {
  return await runSuites({
    "the page's policy": policy,
    ...coreSuites,
    ...indexedDBSuites("IndexedDB"),
    ...indexedDBSuites("IndexedDB without Web Locks", { webLocks: false }),
  });
}
