import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../support/temporary.ts";
import { slipway } from "./support/slipway.ts";

/** A directory whose layer is some blocks long. */
function site(): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "lines"));
  for (let file = 0; file < 3; file++) {
    const lines = Array.from({ length: 60_000 }, (_, line) => `line ${line * (file + 1)} of ${file}\n`);
    writeFileSync(join(directory, "lines", `${file}.txt`), lines.join(""));
  }
  return directory;
}

const build = (directory: string, ...jobs: readonly string[]) => {
  const dest = join(temporaryDirectory(), "image.tar");
  const output = ["-o", `type=docker,dest=${dest}`, "--platform", "linux/amd64", "--no-xattrs", "--no-cache", "-q"];
  return slipway(["build", directory, "-t", "site:1", ...output, ...jobs]);
};

describe("slipway build --jobs", () => {
  it("changes no byte, and says nothing", async () => {
    const directory = site();
    const expected = await build(directory);
    expect(expected).toEqual({ status: 0, stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/), stderr: "" });
    for (const jobs of [["-j", "0"], ["-j1"], ["--jobs", "2"], ["--jobs=5"]]) {
      expect([jobs, await build(directory, ...jobs)]).toEqual([jobs, expected]);
    }
  });

  it.each(["many", "-1", "257", "9999"])("refuses %j", async (jobs) => {
    const { status, stderr } = await build(temporaryDirectory(), `--jobs=${jobs}`);
    expect([status === 0, stderr]).toEqual([
      false,
      expect.stringContaining(`Cannot use --jobs ${JSON.stringify(jobs)}: give a number from 0 to 256`),
    ]);
  });
});
