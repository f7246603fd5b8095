import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { root, run } from "../support/processes.ts";
import { temporaryRoot } from "../support/temporary.ts";
import { cli } from "./support/slipway.ts";

/** The modules that a command line loads, its threads' among them: the engine itself notes them, for measuring coverage. */
async function loaded(
  ...args: readonly string[]
): Promise<{ readonly own: readonly string[]; readonly others: string }> {
  const directory = temporaryRoot();
  mkdirSync(join(directory, "site"));
  writeFileSync(join(directory, "site/index.html"), "<p>hello\n");
  const env = { ...process.env, NODE_V8_COVERAGE: join(directory, "coverage") };
  const { status, stderr } = await run(process.execPath, [cli, ...args], { cwd: directory, env });
  expect(status, stderr).toBe(0);
  const urls = new Set<string>();
  for (const name of readdirSync(env.NODE_V8_COVERAGE)) {
    const { result } = JSON.parse(readFileSync(join(env.NODE_V8_COVERAGE, name), "utf8")) as {
      readonly result: readonly { readonly url: string }[];
    };
    for (const { url } of result) if (url.startsWith("file:")) urls.add(url);
  }
  const home = pathToFileURL(`${root}/dist/`).href;
  const isOwn = (url: string): boolean => url.startsWith(home);
  return {
    own: [...urls].filter(isOwn).map((url) => url.slice(home.length)),
    others: [...urls].filter((url) => !isOwn(url)).join("\n"),
  };
}

it("loads next to nothing to say which version it is", async () => {
  const { own, others } = await loaded("--version");
  expect(own).toContain("cli/main.js");
  expect(own.length).toBeLessThan(8);
  expect(others).toContain("commander");
  expect(others).not.toMatch(/fflate|fzstd|log-update/);
});

it("loads for a build a few files, and nothing that draws on a terminal", async () => {
  const { own, others } = await loaded("build", "site", "--no-cache", "-o", "type=oci,dest=site.tar");
  expect(own.length).toBeLessThan(40);
  expect(own.filter((path) => !path.startsWith("cli/"))).toEqual([]);
  expect(own).not.toContain("cli/terminal.js");
  expect(others).not.toMatch(/log-update/);
});
