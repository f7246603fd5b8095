import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterAll, describe, expect } from "vitest";
import { slipway, workspace } from "../cli/support/slipway.ts";
import { itWith } from "../support/tools.ts";
import { type Containerd, startContainerd } from "./support/containerd.ts";
import { debianRootfs } from "./support/debian-rootfs.ts";

const { path } = workspace();

let running: Promise<Containerd> | undefined;
const containerd = (): Promise<Containerd> => (running ??= startContainerd());
afterAll(async () => await (await running)?.stop());

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return `sha256:${hash.digest("hex")}`;
}

/** diffID of the only layer of an image that `slipway build` made of a directory as it is. */
async function diffIDOf(directory: string): Promise<string> {
  const archive = path("image.tar");
  const build = await slipway([
    "build",
    directory,
    "-t",
    "as-it-is",
    "--preserve-mtime",
    "--preserve-owner",
    "-o",
    `type=oci,dest=${archive}`,
  ]);
  expect(build.stderr).not.toMatch(/slipway: /);
  const { stdout } = await slipway(["inspect", "--json", `oci-archive:${archive}`]);
  const [, diffID] = /"diffID": *"(sha256:[0-9a-f]{64})"/.exec(stdout) ?? [];
  return diffID ?? stdout;
}

describe("slipway build --preserve-mtime --preserve-owner", () => {
  itWith(
    ["root", "containerd", "ctr", "setfattr"],
    "gives a directory the diffID of containerd's own diff",
    async () => {
      const tree = path("tree");
      mkdirSync(tree);
      const long = "l".repeat(120);
      execFileSync("bash", ["-euc", readFileSync(join(import.meta.dirname, "every-type.sh"), "utf8"), "bash", long], {
        cwd: tree,
        stdio: ["ignore", "ignore", "inherit"],
      });
      const oracle = await containerd();
      await oracle.commit("every-type", undefined, async (root) => {
        execFileSync("cp", ["-a", `${tree}/.`, root]);
      });
      expect(await diffIDOf(tree)).toBe(await sha256(await oracle.diff(undefined, "every-type")));
    },
    120_000,
  );

  itWith(
    ["root", "containerd", "ctr", "debootstrap"],
    "gives a whole Debian the diffID of containerd's own diff",
    async () => {
      const tree = debianRootfs();
      const oracle = await containerd();
      await oracle.commit("debian", undefined, async (root) => {
        execFileSync("cp", ["-a", `${tree}/.`, root]);
      });
      expect(await diffIDOf(tree)).toBe(await sha256(await oracle.diff(undefined, "debian")));
    },
    600_000,
  );
});
