import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage, readBlobBytes, withLease, writeBlob } from "../../src/content/index.ts";
import { thisProcess } from "../../src/node/directory/owner.ts";
import { type DirectoryStore, openDirectoryStore, openTemporaryStore } from "../../src/node/index.ts";
import { digestHex } from "../../src/oci/digest.ts";
import { arrayOf, bytesOf } from "../content/support.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { itWith } from "../support/tools.ts";

let directory = "";
beforeEach(() => {
  directory = join(temporaryDirectory(), "layout");
});

const at = (...names: string[]): string => join(directory, ...names);
const filesIn = (path: string): string[] => readdirSync(path, { recursive: true }).map(String).sort();
const blobFile = (digest: `sha256:${string}` | `sha512:${string}`): string => at("blobs", "sha256", digestHex(digest));

async function withStore(work: (store: DirectoryStore) => Promise<void>): Promise<void> {
  const store = await openDirectoryStore(directory);
  await work(store);
  await store.close();
}

describe("openDirectoryStore", () => {
  it("makes an image layout and nothing else", async () => {
    await withStore(async () => undefined);
    expect(filesIn(directory)).toEqual(["blobs", "blobs/sha256", "index.json", "oci-layout"]);
    expect(JSON.parse(readFileSync(at("oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
    expect(JSON.parse(readFileSync(at("index.json"), "utf8"))).toMatchObject({ schemaVersion: 2, manifests: [] });
  });

  it("leaves a finished layout with only what the spec names", async () => {
    await withStore(async ({ content, images, leases }) => {
      const lease = await leases.create();
      const { digest, size } = await writeBlob(withLease(content, lease), bytesOf("manifest"));
      await images.create({ name: "example.com/a:1", target: { mediaType: "x/y", digest, size } });
      await lease.release();
      expect(existsSync(at(".slipway"))).toBe(true);
      expect(statSync(blobFile(digest)).mode & 0o777).toBe(0o444);
    });
    expect(readdirSync(directory).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  it("keeps what it needs of its own: labels, records, unfinished ingests", async () => {
    await withStore(async ({ content, metadata }) => {
      await writeBlob(content, bytesOf("x"), { labels: { a: "b" } });
      await metadata.set("snapshots/Base", bytesOf("record"));
      const writer = await content.writer({ ref: "r" });
      await writer.write(bytesOf("part"));
      await writer.close();
    });
    expect(readdirSync(at(".slipway")).sort()).toEqual(["ingests", "labels", "metadata"]);
    await withStore(async ({ content, metadata }) => {
      expect(await metadata.keys("")).toEqual(["snapshots/Base"]);
      expect(await content.status("r")).toEqual({ ref: "r", offset: 4 });
    });
  });

  it("makes no layout if it is told not to, and none out of a directory with other things in it", async () => {
    await expect(openDirectoryStore(directory, { create: false })).rejects.toMatchObject({ code: "NOT_FOUND" });
    mkdirSync(directory);
    await expect(openDirectoryStore(directory, { create: false })).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
    writeFileSync(at("notes.txt"), "");
    await expect(openDirectoryStore(directory)).rejects.toMatchObject({
      code: "INVALID_ARCHIVE",
      message: expect.stringContaining("notes.txt"),
    });
    await expect(openDirectoryStore(at("notes.txt"))).rejects.toMatchObject({ code: "NOT_A_DIRECTORY" });
    expect(readdirSync(directory)).toEqual(["notes.txt"]);
  });

  it("goes on where a process was killed while it made the layout", async () => {
    mkdirSync(at("blobs"), { recursive: true });
    mkdirSync(at(".slipway", "tmp"), { recursive: true });
    writeFileSync(at(".slipway", "tmp", "index"), "{");
    await withStore(async () => undefined);
    expect(readdirSync(directory).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  it.each([
    ["{", "INVALID_ARCHIVE"],
    ["{}", "INVALID_ARCHIVE"],
    ["null", "INVALID_ARCHIVE"],
    ['{"imageLayoutVersion":"2.0.0"}', "UNSUPPORTED"],
  ])("refuses oci-layout with %s", async (text, code) => {
    await withStore(async () => undefined);
    writeFileSync(at("oci-layout"), text);
    await expect(openDirectoryStore(directory)).rejects.toMatchObject({ code });
  });
});

describe("blobs of a layout directory", () => {
  it("that are corrupt are noticed by who reads them", async () => {
    const store = await openDirectoryStore(directory);
    const info = await writeBlob(store.content, bytesOf("content"));
    chmodSync(blobFile(info.digest), 0o644);
    writeFileSync(blobFile(info.digest), "c0ntent");
    await expect(readBlobBytes(store.content, info)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    truncateSync(blobFile(info.digest), 3);
    await expect(readBlobBytes(store.content, info)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  });

  it("of which only a part is there are written anew, good ones never", async () => {
    const store = await openDirectoryStore(directory);
    const info = await writeBlob(store.content, bytesOf("content"));
    const before = statSync(blobFile(info.digest));
    await writeBlob(store.content, bytesOf("content"));
    expect(statSync(blobFile(info.digest)).ino).toBe(before.ino);
    chmodSync(blobFile(info.digest), 0o644);
    truncateSync(blobFile(info.digest), 3);
    await writeBlob(store.content, bytesOf("content"), { digest: info.digest, size: info.size });
    expect(await readBlobBytes(store.content, info)).toEqual(bytesOf("content"));
  });

  it("are not read through symlinks that lead out of the layout", async () => {
    const store = await openDirectoryStore(directory);
    const info = await writeBlob(store.content, bytesOf("content"));
    const outside = join(directory, "..", "outside");
    renameSync(blobFile(info.digest), outside);
    symlinkSync(outside, blobFile(info.digest));
    await expect(readBlobBytes(store.content, info)).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
    renameSync(outside, at("inside"));
    rmSync(blobFile(info.digest));
    symlinkSync("../../inside", blobFile(info.digest));
    expect(await readBlobBytes(store.content, info)).toEqual(bytesOf("content"));
    mkdirSync(outside);
    rmSync(at("blobs"), { recursive: true });
    symlinkSync(outside, at("blobs"));
    await expect(openDirectoryStore(directory)).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
  });

  it.each(["tmp", "ingests", "locks", "labels", "leases"])("are not kept where .slipway/%s leads out", async (name) => {
    await (await openDirectoryStore(directory)).close();
    const outside = join(directory, "..", "outside");
    mkdirSync(outside);
    rmSync(at(".slipway"), { recursive: true, force: true });
    mkdirSync(at(".slipway"));
    symlinkSync(outside, at(".slipway", name));
    await expect(openDirectoryStore(directory)).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
    expect(filesIn(outside)).toEqual([]);
  });

  itWith(["mkfifo"], "are not waited for at a FIFO in the place of a document", async () => {
    const store = await openDirectoryStore(directory);
    for (const name of ["index.json", "oci-layout"]) {
      rmSync(at(name));
      execFileSync("mkfifo", [at(name)]);
    }
    await expect(store.images.list()).rejects.toMatchObject({ code: "UNSUPPORTED" });
    await expect(openDirectoryStore(directory)).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });

  it("are listed without what else lies there", async () => {
    const store = await openDirectoryStore(directory);
    const info = await writeBlob(store.content, bytesOf("content"));
    writeFileSync(at("blobs", "sha256", "README"), "");
    writeFileSync(at("blobs", "sha256", digestHex(info.digest).toUpperCase()), "");
    mkdirSync(at("blobs", "md5"));
    expect(await arrayOf(store.content.list())).toEqual([info]);
  });

  it("are collected with what leases of another object over the directory protect", async () => {
    const [one, other] = [await openDirectoryStore(directory), await openDirectoryStore(directory)];
    const garbage = await writeBlob(one.content, bytesOf("garbage"));
    const lease = await one.leases.create();
    const kept = await writeBlob(withLease(one.content, lease), bytesOf("kept"));
    const collect = () =>
      collectGarbage({
        content: other.content,
        roots: () => [],
        leases: other.leases,
        abandoned: other.abandonedIngests(60),
      });
    await (await one.content.writer({ ref: "young" })).close();
    await (await one.content.writer({ ref: "old" })).close();
    for (const name of readdirSync(at(".slipway", "ingests"))) {
      if (!name.endsWith(".json")) continue;
      const path = at(".slipway", "ingests", name);
      const { ref } = JSON.parse(readFileSync(path, "utf8")) as { ref: string };
      if (ref === "old") utimesSync(path.replace(/json$/, "data"), 1, 1);
    }
    expect(await collect()).toEqual({ removed: [garbage], bytes: 7, ingests: ["old"] });
    await lease.release();
    expect((await collect()).removed).toEqual([kept]);
  });
});

describe("what others left in .slipway", () => {
  it("does no harm", async () => {
    await withStore(async ({ content, metadata }) => {
      await (await content.writer({ ref: "mine" })).close();
      await metadata.set("key", bytesOf("value"));
    });
    const [mine = ""] = readdirSync(at(".slipway", "ingests")).filter((name) => name.endsWith(".json"));
    writeFileSync(at(".slipway", "ingests", mine), "{ half a state");
    writeFileSync(at(".slipway", "ingests", "file"), "");
    mkdirSync(at(".slipway", "ingests", `${"0".repeat(64)}.data`));
    writeFileSync(at(".slipway", "ingests", `${"1".repeat(64)}.data`), "bytes");
    writeFileSync(at(".slipway", "ingests", `${"1".repeat(64)}.json`), '{"ref":"../../../etc"}');
    writeFileSync(at(".slipway", "ingests", `${"2".repeat(64)}.json`), '{"ref":"its data is gone"}');
    writeFileSync(at(".slipway", "metadata", "not%a key"), "");
    writeFileSync(at(".slipway", "metadata", "UPPER"), "");
    mkdirSync(at(".slipway", "metadata", "directory"));
    mkdirSync(at(".slipway", "locks"), { recursive: true });
    writeFileSync(at(".slipway", "locks", "index"), "not an owner");
    utimesSync(at(".slipway", "locks", "index"), 1, 1);
    await withStore(async ({ content, metadata, images }) => {
      expect(await arrayOf(content.statuses())).toEqual([]);
      expect(await metadata.keys("")).toEqual(["key"]);
      expect(await images.list()).toEqual([]);
      await writeBlob(content, bytesOf("content"), { ref: "mine" });
      const target = { mediaType: "x/y", digest: `sha256:${"0".repeat(64)}`, size: 1 } as const;
      await images.create({ name: "a", target });
    });
    expect(readdirSync(at(".slipway", "ingests")).sort()).toEqual([`${"0".repeat(64)}.data`, "file"]);
    expect(existsSync(at(".slipway", "locks"))).toBe(false);
  });
});

describe("locks of processes that are gone", () => {
  const lockBy = (owner: object): void => {
    mkdirSync(at(".slipway", "locks"), { recursive: true });
    writeFileSync(at(".slipway", "locks", "blobs"), JSON.stringify({ ...thisProcess(), token: "t", ...owner }));
  };

  it.each([
    ["a pid that is free", { pid: 2 ** 22 + 1 }],
    ["a pid that another process has now", { pid: process.ppid, started: "1" }],
    ["another boot of the host", { boot: "earlier" }],
  ])("are taken over: %s", async (_, owner) => {
    const store = await openDirectoryStore(directory);
    lockBy(owner);
    await writeBlob(store.content, bytesOf("content"));
    expect(existsSync(at(".slipway", "locks", "blobs"))).toBe(false);
  });

  it("are respected as long as the process may live, here or on another host", async () => {
    await withStore(async () => undefined);
    const { Locks } = await import("../../src/node/directory/locks.ts");
    for (const owner of [{}, { host: "another" }, { pid: process.ppid, started: "" }]) {
      lockBy(owner);
      expect(new Locks(at(".slipway", "locks")).tryAcquire("blobs")).toBeUndefined();
    }
  });
});

describe("openTemporaryStore", () => {
  it("makes its directory where it is told to, and says so if that is not there", async () => {
    const parent = temporaryDirectory();
    const store = await openTemporaryStore({ parent });
    expect(store.path.startsWith(`${parent}/slipway-`)).toBe(true);
    await store.close();
    expect(readdirSync(parent)).toEqual([]);
    await expect(openTemporaryStore({ parent: join(parent, "absent") })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `Cannot create a directory in ${parent}/absent: no such file or directory`,
    });
  });

  it("is gone when it is closed", async () => {
    const store = await openTemporaryStore();
    const info = await writeBlob(store.content, bytesOf("content"));
    expect(await readBlobBytes(store.content, info)).toEqual(bytesOf("content"));
    expect(lstatSync(store.path).isDirectory()).toBe(true);
    expect(statSync(store.path).mode & 0o077).toBe(0);
    await store.close();
    expect(existsSync(store.path)).toBe(false);
  });
});

/** A filesystem of its own, of some kilobytes. Only root can make one. */
async function withMount(options: string, work: (mount: string, remount: (options: string) => void) => Promise<void>) {
  const mount = realpathSync(temporaryDirectory());
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", mount]);
  try {
    await work(mount, (changed) => execFileSync("mount", ["-o", `remount,${changed}`, mount]));
  } finally {
    execFileSync("umount", [mount]);
  }
}

const mayMount = ((): boolean => {
  try {
    execFileSync("sh", ["-c", 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d" && rmdir "$d"'], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
})();
const why = mayMount ? "" : " (skipped: needs the right to mount)";

describe.skipIf(!mayMount)(`on filesystems with limits${why}`, () => {
  it("says that the disk is full, leaves nothing half-written, and works again when there is room", async () => {
    await withMount("size=256k", async (mount) => {
      const store = await openDirectoryStore(join(mount, "layout"));
      const small = await writeBlob(store.content, new Uint8Array(50_000).fill(1));
      const target = { mediaType: "x/y", digest: small.digest, size: small.size };
      await store.images.create({ name: "example.com/small:1", target });
      await expect(writeBlob(store.content, new Uint8Array(500_000))).rejects.toMatchObject({
        code: "NO_SPACE",
        message: expect.stringMatching(/^Cannot .*: no space left on the device$/),
      });
      expect(await arrayOf(store.content.statuses())).toEqual([]);
      await expect(store.metadata.set("key", new Uint8Array(500_000))).rejects.toMatchObject({ code: "NO_SPACE" });
      expect(await store.metadata.get("key")).toBeUndefined();
      const filler = join(mount, "filler");
      expect(() => writeFileSync(filler, new Uint8Array(500_000))).toThrow("ENOSPC");
      await expect(store.images.create({ name: "example.com/other:1", target })).rejects.toMatchObject({
        code: "NO_SPACE",
      });
      expect((await store.images.list()).map(({ name }) => name)).toEqual(["example.com/small:1"]);
      rmSync(filler);
      await writeBlob(store.content, new Uint8Array(50_000).fill(2));
      await store.images.create({ name: "example.com/other:1", target });
      await store.close();
      expect(readdirSync(store.path).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    });
  });

  it("reads a layout that may not be written, and says so to who writes", async () => {
    await withMount("size=1m", async (mount, remount) => {
      const path = join(mount, "layout");
      const writable = await openDirectoryStore(path);
      const info = await writeBlob(writable.content, bytesOf("content"), { labels: { a: "b" } });
      await writable.close();
      remount("ro");
      const store = await openDirectoryStore(path);
      expect(await readBlobBytes(store.content, info)).toEqual(bytesOf("content"));
      expect(await store.content.info(info.digest)).toEqual(info);
      expect(await store.images.list()).toEqual([]);
      await expect(writeBlob(store.content, bytesOf("other"))).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
      await expect(store.content.delete(info.digest)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
      await expect(store.metadata.set("key", bytesOf(""))).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
      await store.close();
      await expect(openDirectoryStore(join(mount, "new"))).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    });
  });
});
