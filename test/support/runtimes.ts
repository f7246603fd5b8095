import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));

/** How each runtime other than Node runs a TypeScript file. Both come with `npm ci`. */
const COMMANDS: Readonly<Record<"deno" | "bun", () => readonly string[]>> = {
  deno: () => [`${modules}/.bin/deno`, "run", "--quiet", "--no-config", "--node-modules-dir=manual", "--allow-all"],
  bun: () => {
    // Where it was installed without its install script, the launcher is only a placeholder.
    const own = `${modules}/@oven/bun-linux-x64/bin/bun`;
    return [existsSync(own) ? own : `${modules}/.bin/bun`, "run"];
  },
};

/** What a script in another runtime left. */
export interface RuntimeResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a TypeScript file of the repository as it is.
 * @param script its path
 */
export async function runIn(
  runtime: "deno" | "bun",
  script: string,
  args: readonly string[] = [],
): Promise<RuntimeResult> {
  const [program = "", ...options] = COMMANDS[runtime]();
  const env = { ...process.env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  const child = spawn(program, [...options, script, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  await once(child, "close");
  return { status: child.exitCode, stdout, stderr };
}
