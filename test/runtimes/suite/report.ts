import type { ConformanceCase } from "../../../src/conformance.ts";

/** Cases by the name of what they test. */
export type Suites = Readonly<Record<string, readonly ConformanceCase[]>>;

/** How one suite went in an engine. */
export interface SuiteReport {
  readonly suite: string;
  readonly passed: number;
  /** Name of the case, and what was wrong. */
  readonly failures: readonly string[];
}

/** Runs all cases, one after the other. */
export async function runSuites(suites: Suites): Promise<readonly SuiteReport[]> {
  const reports: SuiteReport[] = [];
  for (const [suite, cases] of Object.entries(suites)) {
    const failures: string[] = [];
    for (const { name, run } of cases) {
      try {
        await run();
      } catch (error) {
        failures.push(`${name}: ${error instanceof Error ? `${error.message}\n${error.stack}` : String(error)}`);
      }
    }
    reports.push({ suite, passed: cases.length - failures.length, failures });
  }
  return reports;
}
