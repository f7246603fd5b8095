import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { shrinkCache } from "../../src/cli/cache-limit.ts";
import { writeBlob } from "../../src/content/index.ts";
import { openDirectoryStore } from "../../src/node/index.ts";
import type { Digest } from "../../src/oci/index.ts";
import { itWith } from "../support/tools.ts";
import { cli, listing, slipway, workspace } from "./support/slipway.ts";

const { path, temporary } = workspace();

mkdirSync(path("site"));
for (let i = 0; i < 5; i++) writeFileSync(path(`site/page${i}.html`), `<p>${i}</p>\n`.repeat(1000));
writeFileSync(path("file"), "");

const env = { TMPDIR: temporary, XDG_DATA_HOME: path("data") };

/** Runs with one and the same cache. */
const withCache = (name: string, ...args: string[]) =>
  slipway(args, { env: { ...env, SLIPWAY_CACHE_DIR: path(name) }, cwd: path() });

const build = (cache: string, ...args: string[]) =>
  withCache(cache, "build", "site", "-t", "site:1", "--platform", "linux/amd64", ...args);

const blobsOf = (cache: string): readonly string[] => readdirSync(path(cache, "blobs/sha256")).sort();

describe("a build after another of the same directory", () => {
  it("reads no file, makes no layer, and writes the same bytes", async () => {
    const first = await build("again", "-o", "type=docker,dest=first.tar");
    expect(first.stderr).not.toMatch(/cached|unchanged/);
    // Files that were written just now are not trusted: the build after that is the one that knows them all.
    await expect
      .poll(async () => {
        const { status, stderr } = await build("again", "-o", "type=docker,dest=second.tar");
        expect([status, readFileSync(path("second.tar")).equals(readFileSync(path("first.tar")))]).toEqual([0, true]);
        expect(stderr).toMatch(/\nlayer .* cached\n/);
        return stderr;
      })
      .toMatch(/\nfiles {3}5, all unchanged and not read\n/);
    expect(listing(temporary)).toEqual([]);
  });

  it("sees what changed", async () => {
    const before = readFileSync(path("first.tar"));
    writeFileSync(path("site/page0.html"), "<p>other</p>\n");
    expect((await build("again", "-o", "type=docker,dest=second.tar")).status).toBe(0);
    expect(readFileSync(path("second.tar")).equals(before)).toBe(false);
    expect((await build("again", "--no-cache", "-o", "type=docker,dest=third.tar")).status).toBe(0);
    expect(readFileSync(path("second.tar")).equals(readFileSync(path("third.tar")))).toBe(true);
  });

  it("is quick for any output, into whatever store", async () => {
    for (const output of ["type=oci,dest=a.tar", "type=tar,dest=b.tar", "type=local,dest=tree", "type=image"]) {
      const { status, stderr } = await build("again", "-o", output);
      expect([status, output, stderr.includes("unchanged and not read")]).toEqual([0, output, true]);
    }
    // The images of the store are its own business, and the cache names none.
    expect(JSON.parse(readFileSync(path("again/index.json"), "utf8")).manifests).toEqual([]);
  });

  it("is anything but quick with --no-cache, which leaves the cache as it is", async () => {
    const before = listing(path("again"));
    for (const output of ["type=oci,dest=a.tar", "type=image"]) {
      const { status, stderr } = await build("again", "--no-cache", "-o", output);
      expect([status, stderr.match(/cached|unchanged/i)]).toEqual([0, null]);
    }
    expect(listing(path("again"))).toEqual(before);
    const both = await build("again", "--no-cache", "--cache-dir", "x", "-o", "type=oci,dest=a.tar");
    expect([both.status, both.stderr]).toEqual([1, expect.stringContaining("--cache-dir together with --no-cache")]);
  });
});

describe("the cache directory", () => {
  it("is the user's alone, and known to backup programs", async () => {
    const home = path("home");
    mkdirSync(home);
    const own = { ...env, HOME: home, XDG_CACHE_HOME: "", SLIPWAY_CACHE_DIR: "" };
    const args = ["build", "site", "-o", "type=oci,dest=a.tar"];
    expect((await slipway(args, { env: own, cwd: path() })).status).toBe(0);
    const directory = join(home, ".cache/slipway");
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(directory, "CACHEDIR.TAG"), "latin1")).toMatch(
      /^Signature: 8a477f597d28d172789f06886806bc55/,
    );
    const shown = await slipway(["cache", "--json"], { env: own, cwd: path() });
    expect(JSON.parse(shown.stdout)).toEqual({ directory, blobs: 3, bytes: expect.any(Number) });
    const elsewhere = { ...own, XDG_CACHE_HOME: path("xdg") };
    expect((await slipway(args, { env: elsewhere, cwd: path() })).status).toBe(0);
    expect(existsSync(path("xdg/slipway/oci-layout"))).toBe(true);
  });

  it("is never an image layout, whose images it would throw away", async () => {
    const layout = path("layout");
    const made = await build("unused", "--no-cache", "-o", `type=oci,tar=false,dest=${layout}`);
    expect(made.status).toBe(0);
    const before = listing(layout);
    const asked = ["--cache-dir", layout];
    const refused = [
      await withCache("unused", "cache", "prune", ...asked),
      await withCache("unused", "cache", ...asked),
      await build("unused", ...asked, "-o", "type=oci,dest=a.tar"),
    ];
    for (const { status, stderr } of refused) {
      expect([status, stderr]).toEqual([
        1,
        expect.stringMatching(/as a cache: it is an image layout .*\(FAILED_PRECONDITION\)/),
      ]);
    }
    const { status, stderr } = await build("layout", "-o", "type=oci,dest=a.tar");
    expect([status, stderr]).toEqual([0, expect.stringMatching(/no cache is used: .* it is an image layout/)]);
    // Another program's tag does not make it one.
    writeFileSync(path("layout/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n# of another program\n");
    expect((await withCache("unused", "cache", "prune", ...asked)).status).toBe(1);
    rmSync(path("layout/CACHEDIR.TAG"));
    expect(listing(layout)).toEqual(before);
  });

  it("keeps an image that was put into it, whatever is pruned", async () => {
    expect((await build("kept", "-o", "type=oci,dest=a.tar")).status).toBe(0);
    const args = ["build", "site", "-t", "kept:1", "--store", path("kept"), "-o", "type=image"];
    expect((await withCache("kept", ...args)).status).toBe(0);
    expect((await withCache("kept", "cache", "prune")).status).toBe(0);
    const { status, stdout } = await withCache("kept", "inspect", `oci:${path("kept")}:kept:1`);
    expect([status, stdout]).toEqual([0, expect.stringContaining("kept:1")]);
  });

  it("that cannot be made costs a note and no more, unless it was asked for", async () => {
    const { status, stderr } = await build("file/below", "-o", "type=oci,dest=a.tar");
    expect(status).toBe(0);
    expect(stderr.match(/no cache is used: .*/g)).toHaveLength(1);
    expect(listing(temporary)).toEqual([]);
    const asked = await build("unused", "--cache-dir", path("file/below"), "-o", "type=oci,dest=a.tar");
    expect([asked.status, asked.stderr]).toEqual([1, expect.stringContaining(path("file/below"))]);
  });

  it("that holds something else stays as it is", async () => {
    mkdirSync(path("precious"));
    writeFileSync(path("precious/letters"), "dear");
    const { status, stderr } = await build("precious", "-o", "type=oci,dest=a.tar");
    expect([status, stderr]).toEqual([0, expect.stringContaining("no cache is used: ")]);
    expect(listing(path("precious"))).toEqual(["letters"]);
    const pruned = await withCache("precious", "cache", "prune");
    expect([pruned.status, pruned.stderr]).toEqual([
      1,
      expect.stringMatching(/as a cache: it has other files in it; name /),
    ]);
    expect(listing(path("precious"))).toEqual(["letters"]);
  });

  itWith(["root"], "in somebody else's home is not used", async () => {
    mkdirSync(path("foreign"));
    chownSync(path("foreign"), 65534, 65534);
    const own = { ...env, HOME: path("foreign"), XDG_CACHE_HOME: "", SLIPWAY_CACHE_DIR: "" };
    const { status, stderr } = await slipway(["build", "site", "-o", "type=oci,dest=a.tar"], { env: own, cwd: path() });
    expect([status, stderr]).toEqual([0, expect.stringContaining("belongs to another user")]);
    expect(listing(path("foreign"))).toEqual([]);
  });

  itWith(["root", "setpriv"], "that may only be read is not used", async () => {
    expect((await build("readable", "-o", "type=oci,dest=a.tar")).status).toBe(0);
    for (const name of ["readable", ...listing(path("readable")).map((name) => `readable/${name}`)]) {
      if (statSync(path(name)).isDirectory()) chmodSync(path(name), 0o555);
    }
    const script = `exec "$@"`;
    mkdirSync(path("nobody"));
    chmodSync(path("nobody"), 0o777);
    for (const name of ["", "site"]) chmodSync(path(name), 0o755);
    chmodSync(temporary, 0o777);
    const { status, stderr } = await slipway(["build", path("site"), "-o", `type=oci,dest=${path("nobody/a.tar")}`], {
      env: { ...env, SLIPWAY_CACHE_DIR: path("readable") },
      command: [
        "setpriv",
        "--reuid=65534",
        "--clear-groups",
        "sh",
        "-c",
        script,
        "sh",
        process.execPath,
        join(import.meta.dirname, "../../dist/cli/main.js"),
      ],
    });
    expect([status, stderr.match(/no cache is used: /g)]).toEqual([0, ["no cache is used: "]]);
  });

  itWith(["root"], "of another user, or that others can write to, is not used, even on request", async () => {
    const made = async (name: string): Promise<string> => {
      expect((await build(name, "-o", "type=oci,dest=a.tar")).status).toBe(0);
      return path(name);
    };
    const chown = (file: string): void => chownSync(file, 65534, 65534);
    const cases: readonly (readonly [string, RegExp, (directory: string) => void])[] = [
      ["owned", /belongs to another user/, chown],
      ["writable", /others may write to .* \(mode 777\)/, (directory) => chmodSync(directory, 0o777)],
      [
        "grouped",
        /others may write to .* \(mode 770\)/,
        (directory) => {
          chownSync(directory, 0, 1000);
          chmodSync(directory, 0o770);
        },
      ],
      ["inner-owner", /blobs belongs to another user/, (directory) => chown(join(directory, "blobs"))],
      ["above-owner/c", /above-owner belongs to another user/, (directory) => chown(join(directory, ".."))],
      ["above-open/c", /others may write to .*above-open /, (directory) => chmodSync(join(directory, ".."), 0o777)],
      [
        "opened",
        /others may write to .*blobs /,
        (directory) => {
          chmodSync(directory, 0o755);
          chmodSync(join(directory, "blobs"), 0o777);
        },
      ],
    ];
    for (const [name, why, spoil] of cases) {
      const directory = await made(name);
      spoil(directory);
      const before = [listing(directory), statSync(directory).mode];
      for (const asked of name === "owned" ? [[], ["--cache-dir", directory]] : [[]]) {
        const { status, stderr } = await build(name, ...asked, "-o", "type=oci,dest=b.tar");
        expect([name, status, stderr]).toEqual([name, 0, expect.stringMatching(why)]);
        expect(stderr.match(/^warning: no cache is used: .*--cache-dir/gm)).toHaveLength(1);
        expect(readFileSync(path("b.tar")).equals(readFileSync(path("a.tar")))).toBe(true);
      }
      const pruned = await withCache(name, "cache", "prune");
      expect([pruned.status, pruned.stderr]).toEqual([1, expect.stringMatching(/\(PERMISSION_DENIED\)/)]);
      expect([listing(directory), statSync(directory).mode]).toEqual(before);
    }
  });

  it("follows no symlink that is in it", async () => {
    const outside = path("outside");
    const state = () => [statSync(outside).isDirectory() && listing(outside), statSync(outside).mtimeMs];
    for (const name of ["blobs", "blobs/sha256", ".slipway", "index.json", "oci-layout", "CACHEDIR.TAG"]) {
      const cache = `planted-${name.replaceAll(/[./]/g, "")}`;
      expect((await build(cache, "-o", "type=oci,dest=a.tar")).status).toBe(0);
      rmSync(outside, { recursive: true, force: true });
      // All is there that would be needed, only elsewhere.
      renameSync(path(cache, name), outside);
      symlinkSync(outside, path(cache, name));
      const before = state();
      const { status, stderr } = await build(cache, "-o", "type=oci,dest=b.tar");
      expect([status, stderr]).toEqual([0, expect.stringContaining(`${path(cache, name)} is a symlink; remove`)]);
      expect((await withCache(cache, "cache", "prune")).status).toBe(1);
      expect(state()).toEqual(before);
    }
    const blob = "planted-blob";
    expect((await build(blob, "-o", "type=oci,dest=a.tar")).status).toBe(0);
    const [first = ""] = blobsOf(blob);
    const secret = path("secret");
    renameSync(path(blob, "blobs/sha256", first), secret);
    symlinkSync(secret, path(blob, "blobs/sha256", first));
    const { status, stderr } = await build(blob, "-o", "type=oci,dest=b.tar");
    expect([status, stderr]).toEqual([0, expect.stringContaining(`${first} is a symlink`)]);
    expect(existsSync(secret)).toBe(true);
  });

  itWith(["mkfifo"], "waits for no FIFO that is in it", async () => {
    expect((await build("fifo", "-o", "type=oci,dest=a.tar")).status).toBe(0);
    rmSync(path("fifo/index.json"));
    execFileSync("mkfifo", [path("fifo/index.json")]);
    const { status, stderr } = await build("fifo", "-o", "type=oci,dest=b.tar");
    expect([status, stderr]).toEqual([0, expect.stringContaining("is neither file nor directory")]);
  });

  itWith(["sh"], "is its owner's alone from the first build on, whatever the umask", async () => {
    mkdirSync(path("empty"));
    chmodSync(path("empty"), 0o777);
    for (const name of ["new/below", "empty"]) {
      const { status, stderr } = await slipway(["build", "site", "-o", "type=oci,dest=a.tar"], {
        env: { ...env, SLIPWAY_CACHE_DIR: path(name) },
        cwd: path(),
        command: ["sh", "-c", 'umask 0; exec "$@"', "sh", process.execPath, cli],
      });
      expect([status, stderr.includes("no cache is used")]).toEqual([0, false]);
      expect(statSync(path(name)).mode & 0o777).toBe(0o700);
    }
    expect(statSync(path("new")).mode & 0o777).toBe(0o700);
    // What is open to readers only, as a user makes it, is closed at the next build.
    chmodSync(path("empty"), 0o755);
    for (const file of listing(path("empty"))) {
      if (statSync(path("empty", file)).isDirectory()) chmodSync(path("empty", file), 0o755);
    }
    expect((await build("empty", "-o", "type=oci,dest=a.tar")).stderr).not.toContain("no cache is used");
    expect(statSync(path("empty")).mode & 0o777).toBe(0o700);
  });

  itWith(["root", "setpriv"], "of a user whose group is the user's own may be writable to that group", async () => {
    const directory = path("users");
    mkdirSync(directory);
    chownSync(directory, 65534, 65534);
    for (const name of ["", "site"]) chmodSync(path(name), 0o755);
    chmodSync(temporary, 0o777);
    const asNobody = (): ReturnType<typeof slipway> =>
      slipway(["build", path("site"), "-o", `type=oci,dest=${path("users/a.tar")}`], {
        env: { ...env, SLIPWAY_CACHE_DIR: path("users/cache") },
        command: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, cli],
      });
    expect(await asNobody()).toMatchObject({ status: 0, stderr: expect.not.stringContaining("no cache is used") });
    for (const name of ["", ...listing(path("users/cache"))]) {
      const file = path("users/cache", name);
      if (statSync(file).isDirectory()) chmodSync(file, 0o775);
    }
    expect(await asNobody()).toMatchObject({ status: 0, stderr: expect.not.stringContaining("no cache is used") });
    expect(statSync(path("users/cache")).mode & 0o777).toBe(0o700);
  });

  it("is left out where it lies in the directory that is built", async () => {
    mkdirSync(path("all/sub"), { recursive: true });
    writeFileSync(path("all/sub/f"), "f");
    for (let i = 0; i < 2; i++) {
      const { status } = await withCache("all/cache", "build", "all", "-o", "type=tar,dest=all.tar");
      expect(status).toBe(0);
      expect(execFileSync("tar", ["-tf", path("all.tar")], { encoding: "utf8" })).toBe("sub/\nsub/f\n");
    }
  });

  it("serves several builds at once", async () => {
    const builds = Array.from({ length: 4 }, (_, i) => build("shared", "-o", `type=oci,dest=shared${i}.tar`));
    const ended = await Promise.all(builds);
    expect(ended.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    expect(ended.flatMap(({ stderr }) => stderr.match(/cache is used|anew/g) ?? [])).toEqual([]);
    const bytes = readFileSync(path("shared0.tar"));
    for (let i = 1; i < 4; i++) expect(readFileSync(path(`shared${i}.tar`)).equals(bytes)).toBe(true);
  });

  it("in which a layer is damaged is mended", async () => {
    expect((await build("damaged", "-o", "type=oci,dest=whole.tar")).status).toBe(0);
    for (const name of blobsOf("damaged")) {
      const file = path("damaged/blobs/sha256", name);
      const bytes = readFileSync(file);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      chmodSync(file, 0o644);
      writeFileSync(file, bytes);
    }
    const { status, stderr } = await build("damaged", "-o", "type=oci,dest=a.tar");
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining("building anew without the cache: a layer in it is damaged"),
    ]);
    expect(readFileSync(path("a.tar")).equals(readFileSync(path("whole.tar")))).toBe(true);
    const next = await build("damaged", "-o", "type=oci,dest=a.tar");
    expect([next.status, next.stderr.includes("anew")]).toEqual([0, false]);
  });

  it("is emptied by slipway cache prune", async () => {
    expect(blobsOf("again").length).toBeGreaterThan(0);
    const wrong = await withCache("again", "cache", "prune", "--keep-bytes", "much");
    expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining("--keep-bytes")]);
    const kept = await withCache("again", "cache", "prune", "--keep-bytes", "1GB", "--json");
    expect(JSON.parse(kept.stdout)).toEqual({ bytes: 0 });
    expect((await withCache("again", "cache", "prune")).stdout).toMatch(/^removed [\d.]+ k?B\n$/);
    expect(listing(path("again"))).toEqual(["CACHEDIR.TAG", "blobs", "blobs/sha256", "index.json", "oci-layout"]);
    const { stderr } = await build("again", "-o", "type=oci,dest=a.tar");
    expect(stderr).not.toMatch(/cached|unchanged/);
    rmSync(path("again"), { recursive: true });
    expect((await withCache("again", "cache", "prune")).stdout).toBe("removed 0 B\n");
  });
});

describe("the limit of the cache", () => {
  it("removes what was used longest ago, and never what is in use", async () => {
    const store = await openDirectoryStore(path("limited"));
    const put = async (text: string, used: number): Promise<Digest> => {
      const bytes = new TextEncoder().encode(text.repeat(100));
      const { digest } = await writeBlob(store.content, bytes, { labels: { "slipway.last-used": String(used) } });
      return digest;
    };
    const [oldest, middle, newest, held] = [await put("a", 1), await put("b", 2), await put("c", 3), await put("d", 0)];
    const lease = await store.leases.create();
    await lease.add(held);
    const left = async (): Promise<readonly Digest[]> => {
      const digests: Digest[] = [];
      for await (const { digest } of store.content.list()) digests.push(digest);
      return digests.sort();
    };
    const record = async (layer: Digest): Promise<void> => {
      const value = { mediaType: "x", digest: layer, size: 100, diffID: layer, warnings: [] };
      await store.metadata.set(`layers/${layer.slice(7)}`, new TextEncoder().encode(JSON.stringify(value)));
    };
    await record(oldest);
    await record(newest);
    expect(await shrinkCache(store, 1000)).toBe(0);
    expect(await shrinkCache(store, 250)).toBe(100);
    expect(await left()).toEqual([middle, newest, held].sort());
    expect(await store.metadata.keys("layers/")).toEqual([`layers/${newest.slice(7)}`]);
    // A build that needs more than the limit keeps what it needs.
    expect(await shrinkCache(store, 50, { inUse: new Set([middle]) })).toBe(100);
    expect(await left()).toEqual([middle, held].sort());
    await lease.release();
    expect(await shrinkCache(store, 0)).toBe(200);
    await store.close();
  });
});
