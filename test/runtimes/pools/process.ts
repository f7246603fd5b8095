import { createCompressPool } from "../../../src/node/index.ts";
import type { SuiteReport } from "../suite/report.ts";
import { runPools } from "./pools.ts";

/** Pools of threads. */
export const run = (): Promise<readonly SuiteReport[]> => runPools(createCompressPool);
