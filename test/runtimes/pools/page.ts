import { createCompressPool } from "../../../src/browser/index.ts";
import type { SuiteReport } from "../suite/report.ts";
import { runPools } from "./pools.ts";

/** Pools of a page. */
export const run = (): Promise<readonly SuiteReport[]> => runPools(createCompressPool);
