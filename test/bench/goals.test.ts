import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Ended, root, run } from "../support/processes.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const bench = (...args: readonly string[]): Promise<Ended> =>
  run(process.execPath, [join(root, "test/bench/main.js"), ...args]);

describe("the measurements", () => {
  it("end with a table that says of each goal whether it is met, and write it as Markdown", async () => {
    const file = join(temporaryDirectory(), "bench.md");
    const { status, stdout, stderr } = await bench("--quick", "--markdown", file, "gzip", "diff");
    expect(status, stderr).toBe(0);
    const markdown = readFileSync(file, "utf8");
    expect(stdout).toContain(markdown.trim());
    const rows = (markdown.split("\n## Goals\n")[1] ?? "").split("\n").filter((line) => line.startsWith("| "));
    expect(rows[0]).toBe("| goal | input | Slipway | peer | Slipway beside the peer | met? |");
    const goals = rows.slice(2).map((row) => row.split(" | "));
    // zlib, fflate and pigz beside two inputs, one that does not compress, and two diffs.
    expect(goals).toHaveLength(9);
    for (const cells of goals) expect(cells.at(-1)).toMatch(/^(?:met|\*\*not met\*\*|not measured: .+) \|$/);
    expect(markdown).toContain(`Node ${process.version}`);
  }, 300_000);

  it("refuse a part that they do not know", async () => {
    const { status, stderr } = await bench("everything");
    expect(status).toBe(1);
    expect(stderr).toContain("everything is no part: choose among gzip, hash, chromium");
  });
});
