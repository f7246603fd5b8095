import { spawn } from "node:child_process";
import { join, resolve } from "node:path";

/** The project's folder. */
export const root: string = resolve(import.meta.dirname, "../..");

/** Deno from npm. */
export const deno: string = join(root, "node_modules/.bin/deno");

/** How a program ended. */
export interface Ended {
  /** Null after a signal. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How it is run. */
export interface RunOptions {
  /** Default the project's folder. */
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Runs a program to its end: without colours, without Deno's look for updates, and with nobody at the terminal. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: { ...env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((done, failed) => {
    child.on("error", failed);
    child.on("close", (status) => done({ status, stdout, stderr }));
  });
}
