import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const sources = join(root, "demo/playground/src");
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, unknown>>;
};
const entries = new Set(Object.keys(exports).map((entry) => `slipway${entry.slice(1)}`));

/** Modules that a file imports, or has run as a worker. */
function importsOf(file: string): readonly string[] {
  return ts.preProcessFile(readFileSync(file, "utf8")).importedFiles.map(({ fileName }) => fileName);
}

describe("the playground", () => {
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

  it("stands on what users can import, and on nothing else", () => {
    expect(files.length).toBeGreaterThan(20);
    const wrong = files.flatMap((name) => {
      const file = join(sources, name);
      return importsOf(file)
        .filter((specifier) =>
          specifier.startsWith(".")
            ? relative(sources, resolve(dirname(file), specifier)).startsWith("..")
            : !entries.has(specifier) || specifier === "slipway/node",
        )
        .map((specifier) => `${name} imports ${specifier}`);
    });
    expect(wrong).toEqual([]);
  });

  it("never reads text as HTML", () => {
    const sinks =
      /\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTMLUnsafe|createContextualFragment|srcdoc)\b/;
    expect(files.filter((name) => sinks.test(readFileSync(join(sources, name), "utf8")))).toEqual([]);
  });
});
