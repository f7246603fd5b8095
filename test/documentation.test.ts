import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const deno = join(root, "node_modules", ".bin", "deno");

/** The sources of what package.json exports. */
const ENTRIES: readonly string[] = exportedModules().map((file) => file.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts"));

/** Their signatures are made of the types of the room that they test, which is an entry beside them. */
const isConformance = (entry: string): boolean => entry.endsWith("/conformance.ts");

function exportedModules(): string[] {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  };
  return Object.values(exports).flatMap((target) => (typeof target === "string" ? [] : [target.default]));
}

/** What `deno doc --lint` says against these entries: one line for each complaint, with its place. */
async function complaints(entries: readonly string[]): Promise<readonly string[]> {
  const { code, stderr } = await lint(entries);
  const found = [...stderr.matchAll(/^error\[([^\]]+)\]: (.*)\n\s*--> (.*)$/gm)].map(
    ([, rule, message, place]) => `${place}: ${rule}: ${message}`,
  );
  // An end for another reason, a file that is not there for example, must not look like nothing to complain about.
  if (code !== 0 && found.length === 0) throw new Error(`deno doc ended with ${code}: ${stderr.slice(-2000)}`);
  return found;
}

function lint(entries: readonly string[]): Promise<{ readonly code: unknown; readonly stderr: string }> {
  return new Promise((done) => {
    execFile(
      deno,
      ["doc", "--lint", ...entries],
      { cwd: root, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" } },
      (error, _stdout, stderr) => done({ code: error === null ? 0 : error.code, stderr }),
    );
  });
}

describe("what package.json exports", () => {
  it("has a source for each entry", () => {
    expect(ENTRIES).toContain("src/index.ts");
    expect(ENTRIES.filter((entry) => !existsSync(join(root, entry)))).toEqual([]);
  });

  it("is judged by a check that can fail", { timeout: 110_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), "slipway-documentation-"));
    try {
      const file = join(directory, "undocumented.ts");
      writeFileSync(
        file,
        "interface Hidden {}\n/** Says it. */\nexport interface Shown {\n  readonly it: Hidden;\n}\n",
      );
      const found = (await complaints([file])).map((complaint) => /: ([a-z-]+): /.exec(complaint)?.[1]);
      expect(found.sort()).toEqual(["missing-jsdoc", "private-type-ref"]);
      await expect(complaints([join(directory, "absent.ts")])).rejects.toThrow("deno doc ended");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("is documented, every export and every member of it", { timeout: 110_000 }, async () => {
    expect(await complaints(ENTRIES)).toEqual([]);
  });

  it.each(ENTRIES.filter((entry) => !isConformance(entry)))(
    "can be used by %s alone: it exports all types that its signatures mention",
    { timeout: 110_000 },
    async (entry) => {
      expect(await complaints([entry])).toEqual([]);
    },
  );

  it("is introduced, entry by entry, by a module comment", () => {
    const without = ENTRIES.filter((entry) => {
      const [comment = ""] = /^\/\*\*.*?\*\//s.exec(readFileSync(join(root, entry), "utf8")) ?? [];
      return !comment.includes("@module");
    });
    expect(without).toEqual([]);
  });
});
