import { execFileSync } from "node:child_process";

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
