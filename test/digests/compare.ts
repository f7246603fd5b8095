import type { Facts } from "./export.ts";

/** What one engine made with one kind of stores. */
export interface EngineReport {
  readonly engine: string;
  readonly version: string;
  readonly store: string;
  readonly facts: Facts;
  readonly seconds: number;
}

/** The first thing that is not as it should be: what comes after it differs because of it. */
export interface Difference {
  readonly engine: string;
  readonly store: string;
  /** For example `linux/amd64 layer 2`. */
  readonly what: string;
  readonly expected: string;
  readonly got: string;
}

/** Facts to compare with, and where they are from. */
export interface Expectation {
  readonly source: string;
  readonly facts: Facts;
}

const ABSENT = "nothing";

/** @returns nothing if the report says exactly what is expected */
export function firstDifference({ engine, store, facts }: EngineReport, expected: Facts): Difference | undefined {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(facts)])];
  const what = names.find((name) => facts[name] !== expected[name]);
  if (what === undefined) return undefined;
  return { engine, store, what, expected: expected[what] ?? ABSENT, got: facts[what] ?? ABSENT };
}

/** What all engines came to. */
export interface Verdict {
  readonly equal: boolean;
  /** What to tell, the verdict last. */
  readonly lines: readonly string[];
}

/**
 * Compares all reports with the first one, and that with what was recorded.
 * @param recorded absent where there is no record of such a fixture
 */
export function judge(reports: readonly EngineReport[], recorded: Expectation | undefined): Verdict {
  const [first] = reports;
  if (first === undefined) return { equal: false, lines: ["no engine gave a result"] };
  const differing = describeDifferences(reports, { source: `${first.engine}, ${first.store}`, facts: first.facts });
  if (differing.length > 0) return { equal: false, lines: [...differing, "not equal"] };
  const changed = recorded === undefined ? [] : describeDifferences([first], recorded);
  if (changed.length > 0) return { equal: false, lines: [...changed, "all engines agree, but not with the record"] };
  return { equal: true, lines: ["all equal"] };
}

function describeDifferences(reports: readonly EngineReport[], { source, facts }: Expectation): readonly string[] {
  return reports.flatMap((report) => {
    const difference = firstDifference(report, facts);
    if (difference === undefined) return [];
    const { engine, store, what, expected, got } = difference;
    return [`${engine}, ${store}: ${what} differs first`, `  expected ${expected} (${source})`, `  got      ${got}`];
  });
}
