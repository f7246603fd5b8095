import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { digestOf } from "../../src/hash/index.ts";
import { build } from "../../src/index.ts";
import { type ExampleKind, examplesOf } from "../support/examples/example.ts";
import { runExample } from "../support/examples/run.ts";

const examples = examplesOf(readFileSync(join(import.meta.dirname, "examples.md"), "utf8"));
const codeOf = (kind: ExampleKind): string => examples.find((example) => example.kind === kind)?.code ?? "";
const digest = (text: string): string => digestOf(new TextEncoder().encode(text));

describe("the examples of a text", () => {
  it("are told apart by the words behind the fence", () => {
    expect(examples.map(({ kind, line }) => [kind, line])).toEqual([
      ["node", 5],
      ["deno", 13],
      ["worker", 32],
      ["page", 46],
      ["html", 56],
    ]);
  });
});

describe("an example is run as it is printed", () => {
  it("in Node", async () => {
    expect(await runExample({ kind: "node", code: codeOf("node") })).toBe(`${digest("node")}\n`);
    await expect(runExample({ kind: "node", code: 'console.warn("careful")' })).rejects.toThrow("careful");
    await expect(runExample({ kind: "node", code: 'import "slipway/nowhere"' })).rejects.toThrow("ended with 1");
  });

  it("in Deno, with the permissions that it names and no others", async () => {
    const files = { "site/index.html": "<p>hello\n" };
    const code = codeOf("deno");
    expect(await runExample({ kind: "deno", code }, { files })).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    const narrower = code.replace("=site,out", "=out");
    await expect(runExample({ kind: "deno", code: narrower }, { files })).rejects.toThrow(
      /run it with --allow-read=\S+\/site\n/,
    );
    const silent = code.replace("// deno run", "// deno walk");
    await expect(runExample({ kind: "deno", code: silent }, { files })).rejects.toThrow("says how it is run");
  });

  it("in a Worker, with the bucket that it names", async () => {
    const request = { method: "POST", body: "worker" };
    expect(await runExample({ kind: "worker", code: codeOf("worker") }, { request })).toBe(digest("worker"));
    const broken = codeOf("worker").replace("env.IMAGES.put", "env.images.put");
    await expect(runExample({ kind: "worker", code: broken }, { request })).rejects.toThrow();
  });

  it("in a page", async () => {
    const image = await build({ content: createMemoryContentStore(), files: { "/index.html": "<p>hello" } });
    expect(await runExample({ kind: "page", code: codeOf("page") })).toBe(image.digest);
    await expect(runExample({ kind: "page", code: 'throw new Error("broken")' })).rejects.toThrow("broken");
    await expect(
      runExample({ kind: "page", code: 'await fetch("http://127.0.0.1:9/").catch(() => undefined)' }),
    ).rejects.toThrow("127.0.0.1:9");
  });

  it("as a whole page that somebody uses", async () => {
    const use = async (page: import("playwright").Page): Promise<void> => {
      await page.setInputFiles("input", { name: "a", mimeType: "text/plain", buffer: Buffer.from("html") });
    };
    expect(await runExample({ kind: "html", code: codeOf("html") }, { use })).toContain(digest("html"));
  });
});
