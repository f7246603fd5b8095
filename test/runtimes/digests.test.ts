import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type EngineReport, firstDifference, judge } from "../digests/compare.ts";
import type { Facts } from "../digests/export.ts";
import { LARGE, makeGolden } from "../digests/golden.ts";
import { runEngine } from "../digests/run-engine.ts";
import { engines } from "../engines/index.ts";
import { itIf } from "../support/tools.ts";

const path = join(import.meta.dirname, "../golden/digests.json");
const writing = process.env.SLIPWAY_WRITE_GOLDEN === "1";
if (writing) writeFileSync(path, `${JSON.stringify(await makeGolden(), undefined, 2)}\n`);
const golden = JSON.parse(readFileSync(path, "utf8")) as Readonly<Record<string, Facts>>;

/*
 * What is recorded changes with the byte contract only: on purpose, with a line in the CHANGELOG. Here the large file has 8 MiB;
 * `npm run digests` does the same with 64 MiB.
 */
describe("an image of three layers and two platforms", () => {
  const expected = golden["8 MiB"] ?? {};

  for (const engine of engines) {
    const test = async (): Promise<void> => {
      const reports = await runEngine(engine, { large: LARGE.test }, 290_000);
      expect(reports.map(({ store }) => store)).toEqual(["memory", expect.any(String)]);
      expect(reports.map((report) => firstDifference(report, expected))).toEqual(reports.map(() => undefined));
    };
    itIf(engine.missing, `has the recorded digests in ${engine.name}, whatever its stores`, test, 300_000);
  }

  it("is one of which everything is recorded", () => {
    expect(Object.keys(expected)).toEqual(Object.keys(golden["64 MiB"] ?? {}));
    expect(Object.keys(expected)).toEqual(
      expect.arrayContaining([
        "tree of base",
        "linux/arm layer 3",
        "linux/amd64 config",
        "index",
        "archive",
        "warnings",
      ]),
    );
  });
});

describe("the comparison", () => {
  const facts = { "tree of base": "sha256:01", "linux/amd64 layer 1": "sha256:02", index: "sha256:03" };
  const report = (engine: string, changes: Facts = {}, store = "memory"): EngineReport => ({
    engine,
    version: "1",
    store,
    facts: { ...facts, ...changes },
    seconds: 1,
  });

  it("ends with a word if nothing differs", () => {
    expect(judge([report("Node"), report("Bun")], { source: "record", facts })).toEqual({
      equal: true,
      lines: ["all equal"],
    });
  });

  it("names the engine, its store and the first thing that differs", () => {
    const altered = report("Bun", { "linux/amd64 layer 1": "sha256:ff", index: "sha256:fe" }, "directory");
    expect(judge([report("Node"), report("Deno"), altered], { source: "record", facts })).toEqual({
      equal: false,
      lines: [
        "Bun, directory: linux/amd64 layer 1 differs first",
        "  expected sha256:02 (Node, memory)",
        "  got      sha256:ff",
        "not equal",
      ],
    });
  });

  it("misses nothing that only one side has", () => {
    const { index: _, ...less } = facts;
    expect(firstDifference({ ...report("Bun"), facts: less }, facts)).toMatchObject({ what: "index", got: "nothing" });
    expect(firstDifference(report("Bun"), less)).toMatchObject({ what: "index", expected: "nothing" });
  });

  it("tells engines that agree with each other from ones that agree with the record", () => {
    const verdict = judge([report("Node"), report("Bun")], {
      source: "record",
      facts: { ...facts, index: "sha256:00" },
    });
    expect(verdict).toEqual({
      equal: false,
      lines: [
        "Node, memory: index differs first",
        "  expected sha256:00 (record)",
        "  got      sha256:03",
        "all engines agree, but not with the record",
      ],
    });
  });

  it("fails without a result", () => {
    expect(judge([], undefined).equal).toBe(false);
  });
});

describe("npm run digests", () => {
  const digests = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(import.meta.dirname, "../digests/main.js"), ...args], { encoding: "utf8" });

  it("prints a line for each engine and kind of stores, and ends with the verdict", () => {
    const { status, stdout, stderr } = digests("--large", "1", "--engine", "Node", "--engine", "workerd");
    const lines = stdout.trimEnd().split("\n");
    expect([status, stderr, lines.at(-1)]).toEqual([0, "", "all equal"]);
    expect(lines.slice(1, -1).map((line) => line.split(/ {2,}/).filter((_, i) => i === 0 || i === 2))).toEqual([
      ["Node", "memory"],
      ["Node", "directory"],
      ["workerd", "memory"],
      ["workerd", "R2"],
    ]);
  });

  it("fails for an engine that it does not know", () => {
    expect(digests("--engine", "Netscape").status).toBe(1);
  });
});
