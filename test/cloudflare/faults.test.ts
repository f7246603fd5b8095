import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { workerEngines } from "../engines/worker.ts";
import { SCENARIOS } from "./faults/scenarios.ts";
import type { FaultReport } from "./faults/worker.ts";

// The one that hashes by `node:crypto`: it is only quicker.
const [, workerd] = workerEngines;

/** With every call to R2 going wrong in turn the store fails or tries again, never shows a wrong blob, and can go on. */
describe("the R2 store survives all faults when", () => {
  it.each(SCENARIOS.map(({ name }, number) => [name, number] as const))(
    "%s",
    { timeout: 300_000 },
    async (_name, number) => {
      const result = await workerd?.run(join(import.meta.dirname, "faults"), { argument: number });
      const { failures, calls, runs, mended } = (result?.value ?? {}) as FaultReport;
      expect(failures).toEqual([]);
      expect({ calls: calls > 0, runs: runs > calls, mended: mended > 0, failed: mended < runs }).toEqual({
        calls: true,
        runs: true,
        mended: true,
        failed: true,
      });
    },
  );
});
