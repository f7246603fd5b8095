import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMemoryContentStore } from "../src/content/index.ts";
import { build, createRegistry } from "../src/index.ts";
import { type ExampleKind, type ExampleSurroundings, examplesOf } from "./support/examples/example.ts";
import { runExample } from "./support/examples/run.ts";
import { root } from "./support/processes.ts";
import { startTestRegistry, type TestRegistry } from "./support/registry-server/test-registry.ts";

const examples = examplesOf(readFileSync(join(root, "README.md"), "utf8"));

const folder = { "index.html": "<p>hello\n", "style.css": "p {}\n" };

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startTestRegistry();
  await build({
    content: createMemoryContentStore(),
    registry: createRegistry(),
    files: { "/etc/motd": "a base\n" },
    options: { name: `${registry.host}/base:1`, push: true },
  });
});
afterAll(() => registry.stop());

/** What the reader of the README has: the folders that the examples name, and what they are asked. */
const SURROUNDINGS: Readonly<Partial<Record<ExampleKind, ExampleSurroundings>>> = {
  node: { files: within("demo/hello", folder) },
  deno: { files: within("site", folder) },
};

/** What each kind of place must have an example for. */
const WANTED: readonly ExampleKind[] = ["node", "page", "worker", "deno"];

function within(directory: string, files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [`${directory}/${name}`, content]));
}

describe("the examples of the README", () => {
  it("are there, for each kind of place", () => {
    expect(WANTED.filter((wanted) => !examples.some(({ kind }) => kind === wanted))).toEqual([]);
  });

  for (const { kind, code, line } of examples) {
    it(`of line ${line} runs as it is printed (${kind})`, async () => {
      expect(await runExample({ kind, code }, { ...SURROUNDINGS[kind], env: { REGISTRY: registry.host } })).toMatch(
        /sha256:[0-9a-f]{64}/,
      );
    });
  }
});
