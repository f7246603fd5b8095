import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodeHasher } from "../../src/node/index.ts";
import { engines } from "../engines/index.ts";
import { itIf } from "../support/tools.ts";
import { type HashReport, hashByAll } from "./hash/agree.ts";

const program = join(import.meta.dirname, "hash");

/** Pages of the tests have the strict policy, and workerd compiles none. */
const WITHOUT_WASM: readonly string[] = ["workerd", "workerd with nodejs_compat", "Chromium", "Firefox", "WebKit"];

describe("hashers", () => {
  for (const engine of engines) {
    itIf(engine.missing, `agree in ${engine.name}, where nothing uses WebAssembly unasked`, async () => {
      const report = (await engine.run(program)).value as HashReport;
      const { subtle, ...others } = report.digests;
      expect(subtle).toHaveLength(24);
      for (const [name, digests] of Object.entries(others)) expect([name, digests]).toEqual([name, subtle]);
      expect(report.unasked).toBe(0);
      const refused = WITHOUT_WASM.includes(engine.name) ? "UNSUPPORTED" : undefined;
      expect([report.refused, Object.keys(others)]).toEqual([
        refused,
        refused === undefined ? ["host", "pure", "wasm"] : ["host", "pure"],
      ]);
    });
  }

  it("are compared by a program that sees a difference", async () => {
    const { digests } = await hashByAll();
    const hasher = nodeHasher("sha256");
    hasher.update(new Uint8Array(1));
    expect(digests.pure?.[1]).toBe(`sha256:${Buffer.from(hasher.digest()).toString("hex")}`);
    expect(new Set(digests.pure).size).toBe(24);
  });
});
