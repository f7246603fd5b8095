import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { openDirectoryStore } from "../../src/node/index.ts";
import { sampleImage } from "../support/sample-image.ts";
import { itWith } from "../support/tools.ts";
import { cli, slipway, workspace } from "./support/slipway.ts";

const { path, temporary } = workspace();
const env = { TMPDIR: temporary, XDG_DATA_HOME: path("data") };

const CAPABILITY = Uint8Array.from([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

beforeAll(async () => {
  const store = await openDirectoryStore(path("base"));
  const image = await sampleImage(store.content, {
    layers: [
      {
        dev: { type: "directory" },
        "dev/sda": { type: "block", deviceMajor: 8, deviceMinor: 0, mode: 0o666 },
        "dev/mem": { type: "char", deviceMajor: 1, deviceMinor: 1, mode: 0o666 },
        "root-shell": { content: "x", mode: 0o4755 },
        "nobodys-shell": { content: "x", mode: 0o6755, uid: 65534, gid: 65534 },
        spool: { type: "directory", mode: 0o2775, gid: 8 },
        ping: { content: "x", mode: 0o755, xattrs: new Map([["security.capability", CAPABILITY]]) },
        plain: "x",
      },
    ],
  });
  await store.images.create({ name: "docker.io/library/base:latest", target: image.descriptor });
  await store.close();
  mkdirSync(path("empty"));
  // For who is nobody.
  for (const name of ["", "empty"]) chmodSync(path(name), 0o755);
  chmodSync(temporary, 0o777);
  mkdirSync(path("nobody"));
  if (process.getuid?.() === 0) chownSync(path("nobody"), 65534, 65534);
});

const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, cli];

const build = (dest: string, args: readonly string[] = [], command?: readonly string[]) =>
  slipway(
    ["build", path("empty"), "--from", `oci:${path("base")}`, "--no-cache", "-o", `type=local,dest=${dest}`, ...args],
    {
      env,
      cwd: path(),
      ...(command !== undefined && { command }),
    },
  );

const warnings = (stderr: string): readonly string[] => stderr.match(/^warning: .*$/gm) ?? [];

const modes = (dest: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(path(dest), { recursive: true, encoding: "utf8" })
      .sort()
      .map((name) => {
        const { mode, uid, gid } = lstatSync(path(dest, name));
        return [name, `${(mode & 0o7777).toString(8)} ${uid}:${gid}`];
      }),
  );

describe("-o type=local of an image from a stranger", () => {
  itWith(["root"], "gives root no device node, no setuid bit, no capability, and no file of another user", async () => {
    const { status, stderr } = await build("out", ["--preserve-owner"]);
    expect([status, warnings(stderr)]).toEqual([
      0,
      [
        "warning: left out of out: 2 device nodes, the setuid or setgid bits of 3 files, the owners of 2 files, capabilities or other system attributes of 1 file; --unsafe-special keeps them, which takes root and trust in the image",
      ],
    ]);
    expect(modes("out")).toEqual({
      dev: "755 0:0",
      "nobodys-shell": "755 0:0",
      ping: "755 0:0",
      plain: "644 0:0",
      "root-shell": "755 0:0",
      spool: "775 0:0",
    });
  });

  itWith(["root", "mknod", "setfattr"], "gives root all of it with --unsafe-special", async () => {
    const { status, stderr } = await build("all", ["--unsafe-special"]);
    expect([status, warnings(stderr)]).toEqual([0, []]);
    expect(modes("all")).toEqual({
      dev: "755 0:0",
      "dev/mem": "666 0:0",
      "dev/sda": "666 0:0",
      "nobodys-shell": "6755 65534:65534",
      ping: "755 0:0",
      plain: "644 0:0",
      "root-shell": "4755 0:0",
      spool: "2775 0:8",
    });
    expect(lstatSync(path("all/dev/sda"))).toMatchObject({ rdev: 0x800 });
  });

  itWith(["root", "setpriv"], "gives nobody what nobody can have, and says what is left out", async () => {
    const plain = await build(path("nobody/plain"), [], NOBODY);
    expect([plain.status, warnings(plain.stderr)]).toEqual([
      0,
      [
        expect.stringMatching(
          /^warning: left out of \S+: 2 device nodes, the setuid or setgid bits of 3 files, the owners of 1 file, capabilities .* of 1 file; --unsafe-special keeps them/,
        ),
      ],
    ]);
    const asked = await build(path("nobody/asked"), ["--unsafe-special"], NOBODY);
    expect([asked.status, warnings(asked.stderr)]).toEqual([
      0,
      expect.arrayContaining([
        expect.stringMatching(/^warning: \/dev\/(mem|sda): the host does not let a device node be made: /),
        expect.stringMatching(/the setuid or setgid bits of 2 files, the owners of 6 files; only root can make them/),
      ]),
    ]);
    // A bit lends the rights of the file's owner: it is there only where that is whom the image means.
    expect(modes("nobody/asked")).toMatchObject({
      "nobodys-shell": "6755 65534:65534",
      "root-shell": "755 65534:65534",
      spool: "775 65534:65534",
    });
  });

  it("takes --unsafe-special for nothing else", async () => {
    const args = ["build", path("empty"), "--no-cache", "--unsafe-special", "-o", "type=oci,dest=a.tar"];
    const { status, stderr } = await slipway(args, { env, cwd: path() });
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/--unsafe-special: only type=local .*\(INVALID_OPTION\)/),
    ]);
  });
});
