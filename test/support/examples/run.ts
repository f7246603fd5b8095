import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { installedPackage, manifest, packedTarball } from "../packed.ts";
import { deno, run } from "../processes.ts";
import type { Example, ExampleSurroundings } from "./example.ts";
import { runPage } from "./page.ts";
import { runWorker } from "./worker.ts";

let packed: Promise<string> | undefined;

/**
 * Runs an example exactly as it is printed, in a fresh project in which the packed package is installed as a reader would
 * have it.
 * @returns what it says: on stdout, as a Worker's answer, or on a page's console and the page itself
 * @throws Error if it fails, or writes anything to stderr
 */
export async function runExample(
  { kind, code }: Pick<Example, "kind" | "code">,
  surroundings: ExampleSurroundings = {},
): Promise<string> {
  packed ??= packedTarball();
  const project = await installedPackage(await packed);
  for (const [path, content] of Object.entries(surroundings.files ?? {})) write(project, path, content);
  switch (kind) {
    case "node":
      write(project, "example.mjs", code);
      return await output(project, process.execPath, ["example.mjs"], surroundings.env);
    case "deno":
      return await runDeno(project, code);
    case "worker":
      write(project, "worker.js", code);
      return await runWorker(join(project, "worker.js"), code, surroundings);
    case "page":
      write(project, "main.js", code);
      write(
        project,
        "index.html",
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Example</title><body><script type="module" src="/main.js"></script></body></html>\n',
      );
      return await runPage(project, surroundings);
    case "html":
      write(project, "index.html", code);
      return await runPage(project, surroundings);
  }
}

/** A Deno script says in a comment how it is run; `slipway` is what `deno add npm:slipway` makes of it. */
async function runDeno(project: string, code: string): Promise<string> {
  const [, line] = /^\/\/ (deno run .*)$/m.exec(code) ?? [];
  if (line === undefined) throw new Error("the example has no line `// deno run …` that says how it is run");
  const [, ...args] = line.split(" ");
  write(project, args.at(-1) ?? "", code);
  const config = { nodeModulesDir: "manual", imports: { slipway: `npm:slipway@^${manifest.version}` } };
  write(project, "deno.json", JSON.stringify(config));
  return await output(project, deno, args);
}

async function output(
  project: string,
  command: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<string> {
  const { status, stdout, stderr } = await run(command, args, { cwd: project, env });
  if (status !== 0 || stderr !== "") throw new Error(`ended with ${status}: ${stderr}`);
  return stdout;
}

function write(project: string, path: string, content: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), content);
}
