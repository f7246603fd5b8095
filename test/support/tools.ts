import { execFileSync } from "node:child_process";
import { it } from "vitest";

const required = process.env.SLIPWAY_REQUIRE_ALL === "1";
const known = new Map<string, boolean>();

/** Whether a program is on the PATH. `root` stands for the rights that a program needs. */
export function hasTool(name: string): boolean {
  if (name === "root") return process.getuid?.() === 0;
  let found = known.get(name);
  if (found === undefined) {
    try {
      execFileSync("sh", ["-c", `command -v "$1"`, "sh", name], { stdio: "ignore" });
      found = true;
    } catch {
      found = false;
    }
    known.set(name, found);
  }
  return found;
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
  if (missing.length === 0) {
    it(name, run, timeout);
  } else if (required) {
    it(name, () => {
      throw new Error(`${missing.join(", ")} not there, and SLIPWAY_REQUIRE_ALL=1 forbids skipping`);
    });
  } else {
    it.skip(`${name} (skipped: ${missing.join(", ")} not there)`, run);
  }
}
