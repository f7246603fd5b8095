import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { slipway } from "../cli/support/slipway.ts";
import { DOCKER_TOOLS, startDocker } from "../interop/support/docker.ts";
import { openPodman, PODMAN_TOOLS } from "../interop/support/podman.ts";
import { deno, type Ended, root, run } from "../support/processes.ts";
import { temporaryDirectory, temporaryRoot } from "../support/temporary.ts";
import { itWith } from "../support/tools.ts";

const script = "demo/deno/build.ts";
const archive = join(root, "out/hello-deno.tar");

/** The line with which the script says that it is run. */
const [, line = ""] = /^\/\/ {3}(deno run .*)$/m.exec(readFileSync(join(root, script), "utf8")) ?? [];

const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/** What the script describes, as a directory and flags of the command line. */
async function byCommandLine(): Promise<string> {
  const tree = temporaryDirectory();
  cpSync(join(root, "demo/hello/app"), join(tree, "app"), { recursive: true, verbatimSymlinks: true });
  for (const directory of ["app/days", "bin"]) mkdirSync(join(tree, directory));
  for (const day of DAYS) {
    const page = `<!doctype html>\n<title>${day}</title>\n<h1>${day}</h1>\n`;
    writeFileSync(join(tree, "app/days", `${day.toLowerCase()}.html`), page);
    chmodSync(join(tree, "app/days", `${day.toLowerCase()}.html`), 0o644);
  }
  writeFileSync(join(tree, "bin/serve"), '#!/bin/sh\nexec busybox httpd -f -p "$PORT" -h /app\n');
  chmodSync(join(tree, "bin/serve"), 0o755);
  for (const directory of ["app", "app/days", "bin"]) chmodSync(join(tree, directory), 0o755);
  const metadata = join(temporaryDirectory(), "metadata.json");
  const config = ["--entrypoint", '["/bin/serve"]', "--workdir", "/app", "--env", "PORT=8080", "--expose", "8080/tcp"];
  const label = ["--label", "org.opencontainers.image.title=hello"];
  const output = ["-o", `type=docker,dest=${join(temporaryDirectory(), "image.tar")}`, "--metadata-file", metadata];
  const named = ["-t", "hello-deno:latest", "--platform", "linux/amd64", "--no-xattrs"];
  const { status, stderr } = await slipway(["build", tree, ...named, ...config, ...label, ...output]);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(readFileSync(metadata, "utf8"))["containerimage.digest"];
}

describe("the Deno script", () => {
  let ended: Ended;
  beforeAll(async () => {
    ended = await run(deno, line.split(" ").slice(1));
  });
  afterAll(() => rmSync(archive, { force: true }));

  it("runs with the line and the permissions that it names", () => {
    expect(line).toBe(`deno run --allow-read=demo/hello/app,out --allow-write=out ${script}`);
    expect([ended.status, ended.stdout]).toEqual([
      0,
      expect.stringMatching(
        /^sha256:[0-9a-f]{64}\nout\/hello-deno\.tar, \d+ bytes: docker load -i out\/hello-deno\.tar\n$/,
      ),
    ]);
  });

  it("cannot do with less", async () => {
    for (const [less, missing] of [
      [line.replace("demo/hello/app,", ""), `--allow-read=${root}/demo/hello/app`],
      [line.replace(",out", ""), `--allow-read=${root}/out`],
      [line.replace(" --allow-write=out", ""), "--allow-write"],
    ] as const) {
      const { status, stderr } = await run(deno, less.split(" ").slice(1));
      expect([less === line, status, stderr]).toEqual([false, 1, expect.stringContaining(missing)]);
    }
  });

  it("loads the library and what that needs, from the project", async () => {
    const { stdout } = await run(deno, ["info", "--json", script]);
    const { modules } = JSON.parse(stdout) as { readonly modules: readonly { readonly specifier: string }[] };
    const loaded = modules.map(({ specifier }) => specifier.replace(`file://${root}/`, ""));
    expect(loaded).toContain("src/deno/index.ts");
    const known = [
      /^src\/.*\.ts$/,
      /^demo\/deno\/build\.ts$/,
      /^node:/,
      /^npm:\/?(?:fflate|fzstd)@/,
      /(?:^|\/)node_modules\/(?:fflate|fzstd)\//,
      // Types, which are not loaded when it runs.
      /(?:^|\/)node_modules\/@types\/node\//,
    ];
    expect(loaded.filter((name) => !known.some((pattern) => pattern.test(name)))).toEqual([]);
  });

  it("is checked by Deno", async () => {
    expect(await run(deno, ["check", "--quiet", script])).toMatchObject({ status: 0, stderr: "" });
  });

  it("makes the image that the command line makes in Node", async () => {
    expect(ended.stdout.split("\n")[0]).toBe(await byCommandLine());
  });

  itWith(["root", ...DOCKER_TOOLS], "gives docker something to load", async () => {
    const daemon = await startDocker(temporaryRoot());
    try {
      expect((await daemon.docker(["load", "-i", archive])).stdout).toContain("Loaded image: hello-deno:latest");
      const { stdout } = await daemon.docker(["inspect", "-f", "{{json .Config.Entrypoint}}", "hello-deno:latest"]);
      expect(stdout).toBe('["/bin/serve"]\n');
    } finally {
      await daemon.stop();
    }
  });

  itWith(["root", ...PODMAN_TOOLS], "gives podman something to load", async () => {
    const podman = await openPodman(temporaryRoot());
    try {
      expect(await podman.load(archive)).toMatch(/\/hello-deno:latest$/);
    } finally {
      await podman.stop();
    }
  });
});
