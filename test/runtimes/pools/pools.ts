import { compressPoolConformance } from "../../../src/compress/conformance.ts";
import type { CompressPool } from "../../../src/compress/index.ts";
import { assertEqual, type ConformanceCase } from "../../../src/conformance.ts";
import { runSuites, type SuiteReport } from "../suite/report.ts";

/** How the pool of an engine is made. */
export type CreatePool = (options: {
  readonly workers: number;
  readonly onWarning: (message: string) => void;
}) => CompressPool;

/** The contract over an engine's own pool with several numbers of workers, of which 0 stands for this thread. */
export async function runPools(create: CreatePool): Promise<readonly SuiteReport[]> {
  const reports: SuiteReport[] = [];
  for (const workers of [0, 1, 2, 8]) {
    const warnings: string[] = [];
    const open = async () => create({ workers, onWarning: (message) => warnings.push(message) });
    const unwarned: ConformanceCase = {
      name: "starts its workers",
      run: async () => assertEqual(warnings, [], "warnings"),
    };
    reports.push(
      ...(await runSuites({ [`a pool with ${workers} workers`]: [...compressPoolConformance(open), unwarned] })),
    );
  }
  return reports;
}
