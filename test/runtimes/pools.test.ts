import { join } from "node:path";
import { describe, expect } from "vitest";
import { engines } from "../engines/index.ts";
import { itIf } from "../support/tools.ts";
import type { SuiteReport } from "./suite/report.ts";

const program = join(import.meta.dirname, "pools");

describe("pools that compress keep to their contract", () => {
  for (const engine of engines) {
    const holds = async (): Promise<void> => {
      const { value } = await engine.run(program, { timeout: 290_000 });
      const reports = value as readonly SuiteReport[];
      expect(reports.flatMap(({ suite, failures }) => failures.map((failure) => `${suite}: ${failure}`))).toEqual([]);
      for (const { suite, passed } of reports) expect([suite, passed > 10]).toEqual([suite, true]);
      expect(reports.length).toBe(engine.name.startsWith("workerd") ? 1 : 4);
    };
    itIf(engine.missing, `in ${engine.name}`, holds, 300_000);
  }
});
