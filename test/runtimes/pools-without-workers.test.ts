import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pageEngines } from "../engines/pages.ts";
import { processEngines } from "../engines/processes.ts";
import { itIf } from "../support/tools.ts";

const program = join(import.meta.dirname, "pools-without-workers");
const fellBack = {
  same: true,
  warnings: [
    expect.stringMatching(
      /^No worker can be started to compress in, so all is compressed in this thread, which takes longer: ./,
    ),
  ],
};

describe("a pool does all in its own thread, and says so", () => {
  it("where there are browsers and processes to tell it of", () => {
    expect(pageEngines.length + processEngines.length).toBe(7);
  });

  for (const engine of pageEngines) {
    itIf(engine.missing, `where the page's policy forbids workers: ${engine.name}`, async () => {
      const policy = "default-src 'self'; worker-src 'none'";
      expect((await engine.run(program, { policy })).value).toEqual(fellBack);
    });

    itIf(engine.missing, `where the worker's script is not there: ${engine.name}`, async () => {
      expect((await engine.run(program, { argument: "/absent.js" })).value).toEqual(fellBack);
    });
  }

  for (const engine of processEngines) {
    itIf(engine.missing, `where the worker's program is not there: ${engine.name}`, async () => {
      expect((await engine.run(program)).value).toEqual(fellBack);
    });

    itIf(engine.missing, `where the worker's program ends at once: ${engine.name}`, async () => {
      expect((await engine.run(program, { argument: "process.exit(3)" })).value).toEqual(fellBack);
    });
  }
});
