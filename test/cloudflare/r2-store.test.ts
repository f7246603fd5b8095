import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { R2BucketLike } from "../../src/cloudflare/index.ts";
import { workerEngines } from "../engines/worker.ts";
import type { SuiteReport } from "../runtimes/suite/report.ts";
import type { R2Bucket } from "./r2-binding.ts";

describe("the R2 store", () => {
  for (const { name, run } of workerEngines) {
    it(`keeps its promises in ${name}`, { timeout: 300_000 }, async () => {
      const { value } = await run(join(import.meta.dirname, "store"));
      const [report] = value as readonly SuiteReport[];
      expect(report?.failures).toEqual([]);
      expect(report?.passed).toBeGreaterThan(10);
    });
  }

  it("takes the binding as Cloudflare declares it", () => {
    // It compiles: that is the test.
    const takes = (bucket: R2Bucket): R2BucketLike => bucket;
    expect(takes).toBeTypeOf("function");
  });
});
