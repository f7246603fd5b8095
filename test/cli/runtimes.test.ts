import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, linkSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BUN } from "../engines/processes.ts";
import { cli, listing, root, slipway, workspace } from "./support/slipway.ts";

const { path, temporary } = workspace();
const source = `${root}/src/cli/main.ts`;

/** The command line as each runtime takes it: Node the build, the others the sources. */
const runtimes: Readonly<Record<string, readonly string[]>> = {
  node: [process.execPath, cli],
  deno: [`${root}/node_modules/.bin/deno`, "run", "-A", source],
  bun: [...BUN, source],
};

function makeTree(directory: string, time: number): void {
  mkdirSync(`${directory}/bin`, { recursive: true });
  mkdirSync(`${directory}/empty`);
  writeFileSync(`${directory}/bin/run`, "#!/bin/sh\n");
  chmodSync(`${directory}/bin/run`, 0o4755);
  writeFileSync(`${directory}/${"long-name-".repeat(12)}`, "long\n");
  writeFileSync(`${directory}/Ünïcode-名前`, "names\n");
  writeFileSync(`${directory}/large`, Buffer.alloc(700_000, "some text that compresses well "));
  symlinkSync("bin/run", `${directory}/link`);
  linkSync(`${directory}/large`, `${directory}/z-second-name`);
  execFileSync("mkfifo", [`${directory}/fifo`]);
  for (const name of ["bin/run", "large", "empty", "bin"]) utimesSync(`${directory}/${name}`, time, time);
}

describe("the same tree", () => {
  makeTree(path("here"), 1_000_000_000);
  makeTree(path("there/deeper"), 1_700_000_000);

  it("gives the same bytes of the whole archive, from two paths on two days, in Node, Deno and Bun", async () => {
    const archives = new Map<string, Buffer>();
    for (const [name, command] of Object.entries(runtimes)) {
      for (const directory of ["here", "there/deeper"]) {
        const file = path(`${name}-${directory.replace("/", "-")}.tar`);
        const args = [
          "build",
          path(directory),
          "-t",
          "same:1",
          "--platform",
          "linux/amd64",
          "-o",
          `type=docker,dest=${file}`,
        ];
        const { status, stderr } = await slipway(args, { command, env: { TMPDIR: temporary } });
        expect([name, status, stderr]).toEqual([name, 0, expect.stringContaining(`docker load -i ${file}`)]);
        archives.set(`${name} ${directory}`, readFileSync(file));
      }
    }
    const [first = Buffer.alloc(0), ...others] = archives.values();
    for (const other of others) expect(other.equals(first)).toBe(true);
    expect(first.byteLength).toBeGreaterThan(1000);
    expect(listing(temporary)).toEqual([]);
  });

  it.each(Object.keys(runtimes))("%s also builds on a base, extends a layout, and fails in one line", async (name) => {
    const options = { command: runtimes[name] ?? [], env: { TMPDIR: temporary }, cwd: path() };
    const layout = `type=oci,tar=false,dest=layout-${name}`;
    cpSync(path("there/deeper/bin"), path(`more-${name}`), { recursive: true });
    expect((await slipway(["build", "here", "-t", "a:1", "-o", layout], options)).status).toBe(0);
    const args = [
      "build",
      `more-${name}`,
      "--dest",
      "/bin",
      "-t",
      "b:1",
      "--from",
      `oci:layout-${name}:1`,
      "-o",
      layout,
    ];
    const built = await slipway(args, options);
    expect([built.status, built.stderr]).toEqual([0, expect.stringContaining(`oci:layout-${name}:b:1`)]);
    const failed = await slipway(["build", "missing", "-t", "x", "-o", "type=oci,dest=x.tar"], options);
    expect([failed.status, failed.stderr]).toEqual([
      1,
      "slipway: Cannot read the directory missing: no such file or directory (NOT_FOUND)\n",
    ]);
  });
});
