import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll } from "vitest";

export const root: string = resolve(import.meta.dirname, "../../..");
/** The command line as it is installed: plain JavaScript. `npm test` builds it first. */
export const cli: string = join(root, "dist/cli/main.js");

if (!existsSync(cli)) throw new Error("dist/cli/main.js is missing: run npm run build first");

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What runs the command line, default Node with `dist`. */
  readonly command?: readonly string[];
  /** Called with the process when it has started. */
  readonly started?: (child: ChildProcessWithoutNullStreams) => void;
}

const caches = mkdtempSync(join(tmpdir(), "slipway-cli-caches-"));
afterAll(() => rmSync(caches, { recursive: true, force: true }));
let runs = 0;

/** Runs the command line without the settings of whoever runs the tests, and each time with an empty cache of its own. */
export function slipway(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const [program = "", ...before] = options.command ?? [process.execPath, cli];
  const { SOURCE_DATE_EPOCH, SLIPWAY_STORE, XDG_DATA_HOME, XDG_RUNTIME_DIR, REGISTRY_AUTH_FILE, ...env } = process.env;
  const child = spawn(program, [...before, ...args], {
    cwd: options.cwd ?? root,
    env: {
      ...env,
      DENO_NO_UPDATE_CHECK: "1",
      DOCKER_CONFIG: "/nobody-has-logged-in",
      SLIPWAY_CACHE_DIR: join(caches, String(runs++)),
      ...options.env,
    },
  });
  options.started?.(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("latin1").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  return new Promise((done, failed) => {
    child.on("error", failed);
    child.on("close", (status) => done({ status, stdout, stderr }));
  });
}

/** A directory of its own for a test file, and within it one for temporary files, in which nothing may be left. */
export function workspace(): { readonly path: (...names: string[]) => string; readonly temporary: string } {
  const directory = mkdtempSync(join(tmpdir(), "slipway-cli-"));
  const temporary = join(directory, "tmp");
  mkdirSync(temporary);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return { path: (...names) => join(directory, ...names), temporary };
}

/** Everything beneath a directory, by path; nothing if it is not there. */
export function listing(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory, { recursive: true, encoding: "utf8" }).sort() : [];
}
