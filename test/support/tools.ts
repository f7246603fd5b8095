import { it } from "vitest";
import { hasTool } from "./programs.ts";

export { hasTool, toolPath } from "./programs.ts";

const required = process.env.SLIPWAY_REQUIRE_ALL === "1";

/**
 * A test that needs programs from outside of npm. Where one is absent the test is skipped, and its name says why; with
 * `SLIPWAY_REQUIRE_ALL=1`, as in CI, it fails instead.
 */
export function itWith(
  tools: readonly string[],
  name: string,
  run: () => void | Promise<void>,
  timeout?: number,
): void {
  const missing = tools.filter((tool) => !hasTool(tool));
  itIf(missing.length === 0 ? undefined : missing.join(", "), name, run, timeout);
}

/** A test that needs something. @param missing what is absent, for the line that says why the test was skipped */
export function itIf(
  missing: string | undefined,
  name: string,
  run: () => void | Promise<void>,
  timeout?: number,
): void {
  if (missing === undefined) {
    it(name, run, timeout);
  } else if (required) {
    it(name, () => {
      throw new Error(`${missing} not there, and SLIPWAY_REQUIRE_ALL=1 forbids skipping`);
    });
  } else {
    it.skip(`${name} (skipped: ${missing} not there)`, run);
  }
}
