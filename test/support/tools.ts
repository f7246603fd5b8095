import { execFileSync } from "node:child_process";
import { it } from "vitest";

const required = process.env.SLIPWAY_REQUIRE_ALL === "1";
const known = new Map<string, string | undefined>();

/** Whether a program is on the PATH. `root` stands for the rights that a program needs. */
export function hasTool(name: string): boolean {
  if (name === "root") return process.getuid?.() === 0;
  return toolPath(name) !== undefined;
}

/** Where on the PATH a program is. */
export function toolPath(name: string): string | undefined {
  if (!known.has(name)) {
    let found: string | undefined;
    try {
      found = execFileSync("sh", ["-c", `command -v "$1"`, "sh", name], { encoding: "utf8" }).trim();
    } catch {
      found = undefined;
    }
    known.set(name, found);
  }
  return known.get(name);
}

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
