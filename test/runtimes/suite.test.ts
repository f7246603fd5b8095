import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { engines } from "../engines/index.ts";
import { itIf } from "../support/tools.ts";
import type { SuiteReport } from "./suite/report.ts";

const suite = join(import.meta.dirname, "suite");

describe("the contracts of the stores, the snapshotter and the rest of the one suite", () => {
  for (const engine of engines) {
    const holds = async (): Promise<void> => {
      const { value } = await engine.run(suite);
      const reports = value as readonly SuiteReport[];
      expect(reports.flatMap((report) => report.failures.map((failure) => `${report.suite}: ${failure}`))).toEqual([]);
      for (const { suite: name, passed } of reports) expect([name, passed > 0]).toEqual([name, true]);
    };
    itIf(engine.missing, `hold in ${engine.name}`, holds, 300_000);
  }

  it("are tested in seven engines", () => {
    expect(engines.length).toBeGreaterThanOrEqual(7);
  });
});
