import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestRegistry, type TestRegistry } from "../support/registry-server/test-registry.ts";
import { hasTool, itWith } from "../support/tools.ts";
import { cli, type Ended, listing, slipway, workspace } from "./support/slipway.ts";

const { path, temporary } = workspace();
const env = { TMPDIR: temporary, XDG_DATA_HOME: path("data") };
const run = (...args: string[]) => slipway(args, { env, cwd: path() });
const isRoot = process.getuid?.() === 0;

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startTestRegistry();
});
afterAll(() => registry.stop());

mkdirSync(path("site"));
writeFileSync(path("site/a"), "a\n");

/** One line on stderr after whatever progress there was: what failed, why, and the code. */
function expectFailure({ status, stdout, stderr }: Ended, code: string, ...words: string[]): void {
  expect(stderr.trimEnd().split("\n").at(-1)).toMatch(new RegExp(`^slipway: Cannot .* \\(${code}\\)$`));
  for (const word of words) expect(stderr).toContain(word);
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect([status === 0, stdout]).toEqual([false, ""]);
}

/** What must not be there after a failed build into `out/x.tar` and the store: anything. */
function expectNothingLeft(): void {
  expect(listing(temporary)).toEqual([]);
  expect(existsSync(path("out"))).toBe(false);
  expect(existsSync(path("data"))).toBe(false);
}

/** Runs a build that must fail once for a file and once for the store. */
async function failsEverywhere(args: readonly string[], code: string, ...words: string[]): Promise<void> {
  expectFailure(await run("build", ...args, "-t", "x", "-o", "type=docker,dest=out/x.tar"), code, ...words);
  expectNothingLeft();
  expectFailure(await run("build", ...args, "-t", "x"), code, ...words);
  expectNothingLeft();
}

it("prints the help, and nothing else, where no command is given", async () => {
  const { status, stdout, stderr } = await run();
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^Usage: slipway /);
  expect(stderr).not.toMatch(/Cannot|outputHelp/);
});

describe("a bad directory", () => {
  it("that is missing", () => failsEverywhere(["missing"], "NOT_FOUND", "missing"));

  it("that is a file", () => failsEverywhere(["site/a"], "NOT_A_DIRECTORY", "site/a"));

  it("that is a loop of symlinks", async () => {
    symlinkSync("loop-b", path("loop-a"));
    symlinkSync("loop-a", path("loop-b"));
    await failsEverywhere(["loop-a"], "SYMLINK_LOOP", "loop-a");
  });

  it("whose name is too long", () => failsEverywhere(["n".repeat(300)], "INVALID_PATH"));

  it("with a name that is not UTF-8", async () => {
    mkdirSync(path("latin"));
    writeFileSync(Buffer.concat([Buffer.from(path("latin/caf")), Buffer.from([0xe9])]), "");
    await failsEverywhere(["latin"], "INVALID_PATH", "caf\\xe9");
  });

  it("with a name that would be a whiteout", async () => {
    mkdirSync(path("whiteout"));
    writeFileSync(path("whiteout/.wh.a"), "");
    await failsEverywhere(["whiteout"], "INVALID_PATH", ".wh.a");
  });

  it("with a malformed .dockerignore", async () => {
    mkdirSync(path("ignore"));
    writeFileSync(path("ignore/.dockerignore"), "ok\n[a\n");
    await failsEverywhere(["ignore"], "INVALID_ARGUMENT", "ignore/.dockerignore, line 2");
  });

  itWith(["mkfifo"], "with a .dockerignore that is no file, without waiting at it", async () => {
    mkdirSync(path("ignore-pipe"));
    execFileSync("mkfifo", [path("ignore-pipe/.dockerignore")]);
    await failsEverywhere(["ignore-pipe"], "UNSUPPORTED", "ignore-pipe/.dockerignore");
    mkdirSync(path("ignore-endless"));
    symlinkSync("/dev/zero", path("ignore-endless/.dockerignore"));
    await failsEverywhere(["ignore-endless"], "UNSUPPORTED", "ignore-endless/.dockerignore");
  });

  it("whose path in the image would be too long", () =>
    failsEverywhere(["site", "--dest", `/${"d/".repeat(2100)}`], "INVALID_PATH"));

  const unreadable = async (started: (args: readonly string[]) => Promise<Ended>): Promise<void> => {
    mkdirSync(path("secret"));
    writeFileSync(path("secret/key"), "");
    chmodSync(path("secret/key"), 0);
    for (const directory of [path(), temporary]) chmodSync(directory, 0o777);
    const args = ["build", path("secret"), "-t", "x", "-o", "type=docker,dest=out/x.tar"];
    expectFailure(await started(args), "PERMISSION_DENIED", "secret/key");
    expectNothingLeft();
  };
  if (isRoot) {
    itWith(["setpriv"], "with a file that may not be read", () =>
      unreadable((args) => {
        const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
        return slipway(args, { env, cwd: path(), command: [...nobody, process.execPath, cli] });
      }),
    );
  } else {
    it("with a file that may not be read", () => unreadable((args) => slipway(args, { env, cwd: path() })));
  }
});

describe("a bad base", () => {
  beforeAll(async () => {
    writeFileSync(path("site/noise"), crypto.getRandomValues(new Uint8Array(60_000)));
    for (const type of ["oci", "docker"]) {
      const built = await slipway(
        ["build", path("site"), "-t", "base:1", "-o", `type=${type},dest=${path(`${type}.tar`)}`],
        {
          env: { TMPDIR: temporary },
        },
      );
      if (built.status !== 0) throw new Error(built.stderr);
    }
  });

  /** A changed copy of the archive. */
  const spoil = (name: string, change: (directory: string) => void): string => {
    const directory = path(name);
    mkdirSync(directory);
    execFileSync("tar", ["-xf", path("oci.tar"), "-C", directory]);
    change(directory);
    execFileSync("tar", ["-cf", path(`${name}.tar`), "-C", directory, "."]);
    return `oci-archive:${path(`${name}.tar`)}`;
  };
  const layerOf = (directory: string): string => {
    const blobs = readdirSync(`${directory}/blobs/sha256`).map((name) => `${directory}/blobs/sha256/${name}`);
    return blobs.reduce((a, b) => (readFileSync(a).byteLength > readFileSync(b).byteLength ? a : b));
  };
  const fails = (from: string, code: string, ...words: string[]) =>
    failsEverywhere(["site", "--from", from], code, ...words);

  it("that is cut off", async () => {
    const bytes = readFileSync(path("oci.tar"));
    writeFileSync(path("cut.tar"), bytes.subarray(0, bytes.byteLength / 2));
    await fails(`oci-archive:${path("cut.tar")}`, "INVALID_TAR", "cut.tar");
  });

  it("with a blob of another digest", async () => {
    const from = spoil("digest", (directory) => {
      const bytes = readFileSync(layerOf(directory));
      bytes[30_000] = (bytes[30_000] ?? 0) ^ 1;
      writeFileSync(layerOf(directory), bytes);
    });
    await fails(from, "DIGEST_MISMATCH", "digest.tar");
  });

  it("with a blob of another size than its descriptor says", async () => {
    const from = spoil("size", (directory) => {
      const index = JSON.parse(readFileSync(`${directory}/index.json`, "utf8"));
      index.manifests[0].size += 1;
      writeFileSync(`${directory}/index.json`, JSON.stringify(index));
    });
    await fails(from, "SIZE_MISMATCH", "size.tar");
  });

  it("with a manifest missing", async () => {
    const from = spoil("empty", (directory) => execFileSync("rm", ["-r", `${directory}/blobs`]));
    await fails(from, "INVALID_ARCHIVE", "empty.tar");
  });

  /** A layout whose layer is other bytes, with digests and sizes all right. */
  const withLayer = async (name: string, layer: Uint8Array): Promise<string> => {
    const { createHash } = await import("node:crypto");
    const directory = path(name);
    mkdirSync(`${directory}/blobs/sha256`, { recursive: true });
    const put = (bytes: Uint8Array): { digest: string; size: number } => {
      const hex = createHash("sha256").update(bytes).digest("hex");
      writeFileSync(`${directory}/blobs/sha256/${hex}`, bytes);
      return { digest: `sha256:${hex}`, size: bytes.byteLength };
    };
    const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
    const diffID = `sha256:${"0".repeat(64)}`;
    const config = put(json({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [diffID] } }));
    const type = "application/vnd.oci.image";
    const manifest = put(
      json({
        schemaVersion: 2,
        mediaType: `${type}.manifest.v1+json`,
        config: { mediaType: `${type}.config.v1+json`, ...config },
        layers: [{ mediaType: `${type}.layer.v1.tar+gzip`, ...put(layer) }],
      }),
    );
    writeFileSync(`${directory}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
    writeFileSync(
      `${directory}/index.json`,
      json({ schemaVersion: 2, manifests: [{ mediaType: `${type}.manifest.v1+json`, ...manifest }] }),
    );
    return `oci:${directory}`;
  };

  it("with a layer whose gzip is broken", async () => {
    const { gzipSync } = await import("node:zlib");
    const gzip = gzipSync(crypto.getRandomValues(new Uint8Array(5000)));
    await fails(await withLayer("gzip", gzip.subarray(0, 3000)), "INVALID_COMPRESSION");
  });

  it("with a layer that is no tar", async () => {
    const { gzipSync } = await import("node:zlib");
    await fails(await withLayer("tar", gzipSync(Buffer.alloc(5000, "not a tar "))), "INVALID_TAR");
  });

  it("with a layer that is another than its config says", async () => {
    const { gzipSync } = await import("node:zlib");
    await fails(await withLayer("other", gzipSync(Buffer.alloc(1024))), "DIGEST_MISMATCH");
  });

  it("that is missing, or no image", async () => {
    await fails(`oci-archive:${path("nothing.tar")}`, "NOT_FOUND", "nothing.tar");
    await fails(`oci:${path("site")}`, "INVALID_ARCHIVE", "site");
    writeFileSync(path("text.tar"), "This is not a tar.\n".repeat(100));
    await fails(`docker-archive:${path("text.tar")}`, "INVALID_TAR", "text.tar");
  });

  it("that neither the store nor its registry has", async () => {
    const name = `${registry.host}/alpine:3`;
    await fails(name, "NOT_FOUND", `${name} is not in the store, and is asked for at ${registry.host}`, "404");
    await fails(`docker://${name}`, "NOT_FOUND", "404");
  });

  it("for another platform", () =>
    failsEverywhere(
      ["site", "--from", `oci-archive:${path("oci.tar")}`, "--platform", "linux/s390x"],
      "NOT_FOUND",
      "linux/s390x",
    ));
});

describe("a bad command line", () => {
  it.each<readonly [string, string, ...string[]]>([
    ["INVALID_ARGUMENT", "build"],
    ["INVALID_ARGUMENT", "build", "site", "--shiny"],
    ["INVALID_ARGUMENT", "paint"],
    ["INVALID_OPTION", "build", "site"],
    ["INVALID_OPTION", "build", "site", "-t", "x", "-o", "type=oci"],
    ["INVALID_OPTION", "build", "site", "-t", "x", "--env", "A"],
    ["INVALID_OPTION", "build", "site", "-t", "x", "--progress", "loud"],
    ["INVALID_OPTION", "build", "site", "-t", "x", "--progress", "tty"],
    ["INVALID_OPTION", "build", "site", "-t", "x", "--source-date-epoch", "tomorrow"],
    ["INVALID_OPTION", "build", "site", "-t", "x", "-o", "type=oci,dest=out/x.tar,compression-level=99"],
    ["INVALID_ARGUMENT", "build", "site", "-t", "x", "--expose", "http"],
    ["INVALID_REFERENCE", "build", "site", "-t", "No Such Name"],
    ["INVALID_PLATFORM", "build", "site", "-t", "x", "--platform", "linux/amd64/v1/v2"],
    ["INVALID_OPTION", "build", "site", "-o", "type=registry"],
    ["INVALID_OPTION", "build", "site", "--push"],
    ["INVALID_OPTION", "build", "site", "-t", "x", "-o", "type=oci,dest=out/x.tar,push=true"],
    ["UNSUPPORTED", "build", "site", "-t", "x", "-o", "type=oci,dest=out/x.tar", "--push"],
    ["UNSUPPORTED", "build", "site", "-t", "x", "-o", "a", "-o", "b"],
    ["UNSUPPORTED", "build", "site", "-t", "x", "-o", "type=oci,dest=out/x.tar,compression=zstd"],
    ["NOT_FOUND", "inspect", "oci:nowhere"],
    ["INVALID_REFERENCE", "inspect", "No Such Name"],
    ["INVALID_OPTION", "inspect", "--raw", "--json", "oci:a"],
    ["NOT_FOUND", "push", "busybox"],
    ["INVALID_ARGUMENT", "push", "docker://busybox"],
    ["INVALID_ARGUMENT", "push", "busybox", "oci:a"],
    ["INVALID_OPTION", "push", "busybox", "--progress", "loud"],
    ["NOT_FOUND", "push", "oci-archive:nowhere.tar", "127.0.0.1:1/x"],
    ["INVALID_REFERENCE", "pull", "No Such Name"],
    ["INVALID_OPTION", "pull", "x", "--platform", "linux/arm64", "--all-platforms"],
    ["INVALID_REFERENCE", "pull", "x", "-t", "No Such Name"],
    ["NOT_FOUND", "copy", "oci:nowhere", "oci:out/there"],
    ["INVALID_REFERENCE", "copy", "oci:nowhere", "No Such Name"],
    ["INVALID_ARGUMENT", "tags", "host.example/x:1"],
    ["INVALID_ARGUMENT", "tags", "oci:a"],
    ["INVALID_OPTION", "rebase", "x", "--old-base", "a", "--new-base", "b"],
    ["UNSUPPORTED", "rebase", "x", "--old-base", "https://a", "-t", "x"],
    ["INVALID_OPTION", "diff", "oci:a"],
    ["NOT_FOUND", "gc", "--store", "nowhere"],
  ])("%s: %s %s %s %s %s %s", async (code, ...args) => {
    expectFailure(await run(...args), code);
    expectNothingLeft();
  });

  it("shows the stack with --debug", async () => {
    const { stderr } = await run("build", "missing", "-t", "x", "--debug");
    expect(stderr).toMatch(/^slipway: Cannot [^\n]+\n.*\n {4}at /m);
    expect(stderr).toContain("caused by: Error: ENOENT");
  });
});

describe("a bad place for the output", () => {
  it("that is a directory", async () => {
    mkdirSync(path("taken"));
    expectFailure(await run("build", "site", "-o", "type=oci,dest=taken"), "IS_A_DIRECTORY", "taken");
    expect(listing(path("taken"))).toEqual([]);
  });

  it("that is not empty, for files", async () => {
    expectFailure(await run("build", "site", "-o", "type=local,dest=site"), "NOT_EMPTY", "site");
    expect(readdirSync(path("site")).sort()).toEqual(["a", "noise"]);
  });

  it("beneath a file", async () => {
    expectFailure(await run("build", "site", "-o", "type=oci,dest=site/a/x.tar"), "NOT_A_DIRECTORY", "site/a");
  });

  it("whose reader has gone", async () => {
    const script = `${process.execPath} ${cli} build ${path("site")} -o type=oci,dest=- 2>${path("err")} | head -c 10 >/dev/null`;
    await slipway([], { command: ["sh", "-c", script], env });
    expect(readFileSync(path("err"), "utf8")).toMatch(/slipway: Cannot write to stdout: .*\(IO\)\n$/);
    expect(listing(temporary)).toEqual([]);
  });

  const mounted = path("small");
  afterAll(() => {
    if (existsSync(mounted)) execFileSync("umount", [mounted], { stdio: "ignore" });
  });
  const canMount = isRoot && hasTool("mount");
  (canMount ? it : it.skip)(
    `that is full${canMount ? "" : " (skipped: only root can mount a small disk)"}`,
    async () => {
      mkdirSync(mounted);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mounted]);
      writeFileSync(`${mounted}/before`, "");
      mkdirSync(path("large"));
      writeFileSync(
        path("large/noise"),
        Buffer.concat(Array.from({ length: 64 }, () => crypto.getRandomValues(new Uint8Array(65_536)))),
      );
      expectFailure(await run("build", "large", "-o", `type=oci,dest=${mounted}/d/x.tar`), "NO_SPACE");
      expectFailure(
        await run("build", "large", "-t", "x", "-o", `type=oci,tar=false,dest=${mounted}/layout`),
        "NO_SPACE",
      );
      expectFailure(await run("build", "large", "-o", `type=local,dest=${mounted}/files`), "NO_SPACE");
      expectFailure(
        await slipway(["build", path("large"), "--no-cache", "-o", `type=oci,dest=${path("y.tar")}`], {
          env: { TMPDIR: mounted },
        }),
        "NO_SPACE",
      );
      expect(readdirSync(mounted)).toEqual(["before"]);
      expect(existsSync(path("y.tar"))).toBe(false);
    },
  );

  it("leaves the older file and the older images alone", async () => {
    expect((await run("build", "site", "-t", "x", "-o", "type=oci,tar=false,dest=layout")).status).toBe(0);
    writeFileSync(path("old.tar"), "old");
    const before = [listing(path("layout")), readFileSync(path("layout/index.json"), "utf8")];
    writeFileSync(path("site/a"), "changed\n");
    expectFailure(
      await run("build", "site", "-t", "x", "-o", "type=oci,tar=false,dest=layout", "--iidfile", "site/a/iid"),
      "NOT_A_DIRECTORY",
    );
    mkdirSync(path("iid"));
    expectFailure(
      await run("build", "site", "-t", "x", "-t", "y", "-o", "type=oci,tar=false,dest=layout", "--iidfile", "iid"),
      "IS_A_DIRECTORY",
    );
    expectFailure(await run("build", "whiteout", "-o", "type=oci,dest=old.tar"), "INVALID_PATH");
    expect([listing(path("layout")), readFileSync(path("layout/index.json"), "utf8")]).toEqual(before);
    expect(readFileSync(path("old.tar"), "utf8")).toBe("old");
  });
});
