import { compressPoolConformance } from "../../../src/compress/conformance.ts";
import { inThreadPool } from "../../../src/compress/index.ts";
import { runSuites, type SuiteReport } from "../suite/report.ts";

/** A Worker has no other pool than the one of its thread. */
export const run = (): Promise<readonly SuiteReport[]> =>
  runSuites({
    "the pool of this thread": compressPoolConformance(async () => inThreadPool, { neverClosed: true }),
  });
