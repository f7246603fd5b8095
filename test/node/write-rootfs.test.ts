import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type ContentStore, createMemoryContentStore } from "../../src/content/index.ts";
import { applyLayer } from "../../src/diff/index.ts";
import { type RootfsWarning, writeRootfs } from "../../src/node/write-rootfs.ts";
import { readXattrs } from "../../src/node/xattrs.ts";
import { createSnapshotter, type Tree, type WritableSnapshot } from "../../src/snapshots/index.ts";
import { type TarInput, writeTar } from "../../src/tar/index.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { itWith } from "../support/tools.ts";

async function treeOf(fill: (work: WritableSnapshot) => Promise<void>): Promise<{ tree: Tree; content: ContentStore }> {
  const content = createMemoryContentStore();
  const work = await createSnapshotter({ content }).prepare("work");
  await fill(work);
  return { tree: await work.tree(), content };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const target = (): string => join(temporaryDirectory(), "out");

describe("writeRootfs", () => {
  it("writes files, directories and links with their modes and times", async () => {
    const { tree, content } = await treeOf(async (work) => {
      await work.mkdir("/etc", { mode: 0o500, mtime: 1000 });
      await work.writeFile("/etc/conf", "text\n", { mode: 0o1711, mtime: -3 });
      await work.link("/etc/conf", "/other");
      await work.symlink("/etc/passwd", "/link", { mtime: 2000 });
      await work.link("/link", "/link-2");
      await work.writeFile("/empty", "");
    });
    const out = target();
    await writeRootfs(tree, content, out);
    expect(readdirSync(out).sort()).toEqual(["empty", "etc", "link", "link-2", "other"]);
    expect(readFileSync(join(out, "etc/conf"), "utf8")).toBe("text\n");
    const stat = (path: string) => lstatSync(join(out, path));
    expect(stat("etc").mode & 0o7777).toBe(0o500);
    expect(stat("etc").mtimeMs).toBe(1_000_000);
    expect(stat("etc/conf").mode & 0o7777).toBe(0o1711);
    expect(stat("etc/conf").mtimeMs).toBe(-3000);
    expect(stat("other").ino).toBe(stat("etc/conf").ino);
    expect(readlinkSync(join(out, "link"))).toBe("/etc/passwd");
    expect(stat("link").mtimeMs).toBe(2_000_000);
    expect(stat("link-2").ino).toBe(stat("link").ino);
    expect(stat("empty").size).toBe(0);
  });

  it("writes names that are not UTF-8", async () => {
    const { tree, content } = await treeOf(async (work) => {
      await work.writeFile("/caf\udce9", "1");
      await work.symlink("caf\udce9", "/ö");
    });
    const out = target();
    await writeRootfs(tree, content, out);
    expect(
      readdirSync(out, { encoding: "buffer" })
        .map((name) => name.toString("latin1"))
        .sort(),
    ).toEqual(["caf\u00e9", "\u00c3\u00b6"].sort());
    expect(readFileSync(join(out, "ö"), "utf8")).toBe("1");
  });

  it("takes an empty directory, and no other", async () => {
    const { tree, content } = await treeOf((work) => work.writeFile("/a", "1"));
    const empty = temporaryDirectory();
    await writeRootfs(tree, content, empty);
    expect(readdirSync(empty)).toEqual(["a"]);
    await expect(writeRootfs(tree, content, empty)).rejects.toMatchObject({ code: "NOT_EMPTY" });
    const file = join(temporaryDirectory(), "file");
    writeFileSync(file, "");
    await expect(writeRootfs(tree, content, file)).rejects.toMatchObject({ code: "NOT_A_DIRECTORY" });
    await expect(writeRootfs(tree, content, join(target(), "deeper"))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("never follows a symlink out of the directory", async () => {
    const outside = temporaryDirectory();
    const { tree, content } = await treeOf(async (work) => {
      await work.symlink(outside, "/a");
      await work.writeFile("/b", "1", { mode: 0o600 });
    });
    // A host that takes two names for one, as those that ignore case do: the second is refused, not followed.
    const entries = new Map(tree.root.entries);
    entries.set("./a", { ...(entries.get("b") ?? tree.root) });
    const hostile: Tree = { ...tree, root: { ...tree.root, entries } };
    await expect(writeRootfs(hostile, content, target())).rejects.toMatchObject({ code: "INVALID_PATH" });
    for (const name of ["..", ".", "", "x/../y", "a\0b"]) {
      const bad: Tree = { ...tree, root: { ...tree.root, entries: new Map([[name, tree.root]]) } };
      await expect(writeRootfs(bad, content, target())).rejects.toMatchObject({ code: "INVALID_PATH" });
    }
    await writeRootfs(tree, content, target());
    expect(readdirSync(outside)).toEqual([]);
  });

  it("removes what it wrote when it fails, and only that", async () => {
    const { tree, content } = await treeOf(async (work) => {
      await work.mkdir("/a", { mode: 0o500 });
      await work.writeFile("/a/first", "1");
      await work.writeFile("/z", "gone");
    });
    const gone = tree.root.entries.get("z");
    if (gone?.type !== "file") throw new Error("no file");
    await content.delete(gone.content);
    const out = target();
    await expect(writeRootfs(tree, content, out)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(existsSync(out)).toBe(false);
    mkdirSync(out);
    const link = join(temporaryDirectory(), "link");
    symlinkSync(out, link);
    await expect(writeRootfs(tree, content, link)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(readdirSync(out)).toEqual([]);
  });

  itWith(["root", "mount", "umount"], "says that the disk is full, and frees it again", async () => {
    const { tree, content } = await treeOf(async (work) => {
      await work.mkdir("/d");
      await work.writeFile("/d/first", "1");
      await work.writeFile("/e", new Uint8Array(1_000_000));
    });
    const disk = temporaryDirectory();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=128k", "tmpfs", disk]);
    try {
      await expect(writeRootfs(tree, content, disk)).rejects.toMatchObject({ code: "NO_SPACE" });
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      execFileSync("umount", [disk]);
    }
  });

  it("stops when it is aborted", async () => {
    const { tree, content } = await treeOf(async (work) => {
      for (let i = 0; i < 10; i++) await work.writeFile(`/${i}`, `${i}`);
    });
    const controller = new AbortController();
    const reason = new Error("enough");
    const out = target();
    const written = writeRootfs(tree, content, out, {
      signal: controller.signal,
      onProgress: ({ state }) => state === "running" && controller.abort(reason),
    });
    await expect(written).rejects.toBe(reason);
    expect(existsSync(out)).toBe(false);
  });

  itWith(["mknod"], "makes FIFOs, and says what it leaves out", async () => {
    const { tree, content } = await treeOf(async (work) => {
      await work.mknod("/p\udcff", "fifo", { mode: 0o640, mtime: 5 });
      await work.link("/p\udcff", "/q");
      await work.mknod("/sock", "socket");
    });
    const out = target();
    const warnings: RootfsWarning[] = [];
    await writeRootfs(tree, content, out, { onWarning: (warning) => warnings.push(warning) });
    expect(lstatSync(join(out, "q")).isFIFO()).toBe(true);
    expect(lstatSync(join(out, "q"))).toMatchObject({ nlink: 2, mtimeMs: 5000 });
    expect(lstatSync(join(out, "q")).mode & 0o7777).toBe(0o640);
    expect(readdirSync(out, { encoding: "buffer" })).toHaveLength(2);
    expect(warnings).toEqual([{ path: "/sock", message: expect.stringContaining("socket") }]);
  });

  itWith(["root", "getfattr", "setfattr"], "sets extended attributes that can be read again", async () => {
    const capability = Uint8Array.from([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const { tree, content } = await treeOf(async (work) => {
      await work.mkdir("/a b\n=\\", { mode: 0o555, xattrs: { "trusted.d": "1" } });
      await work.writeFile("/a b\n=\\/caf\udce9", "1", {
        mode: 0o755,
        uid: 1,
        xattrs: { "security.capability": capability, "trusted.empty": "", "trusted.ü=": 'a"b\\c\0' },
      });
      await work.symlink("nowhere", "/link", { xattrs: { "trusted.link": "2" } });
    });
    const out = target();
    const warnings: RootfsWarning[] = [];
    await writeRootfs(tree, content, out, { unsafeSpecial: true, onWarning: (warning) => warnings.push(warning) });
    expect(warnings).toEqual([]);
    const found = await readXattrs(out);
    expect(new Map([...found].map(([path, xattrs]) => [path, new Map(xattrs)]))).toEqual(
      new Map([
        ["a b\n=\\", new Map([["trusted.d", bytes("1")]])],
        [
          "a b\n=\\/caf\udce9",
          new Map([
            ["security.capability", capability],
            ["trusted.empty", bytes("")],
            ["trusted.ü=", bytes('a"b\\c\0')],
          ]),
        ],
        ["link", new Map([["trusted.link", bytes("2")]])],
      ]),
    );
  });

  itWith(["root", "mknod"], "makes device nodes and gives files their owners", async () => {
    const { tree, content } = await treeOf(async (work) => {
      await work.mknod("/null", "char", { major: 1, minor: 3, mode: 0o666, uid: 3, gid: 4 });
      await work.writeFile("/suid", "1", { mode: 0o6755, uid: 1, gid: 2 });
      await work.symlink("x", "/link", { uid: 5, gid: 6 });
    });
    const out = target();
    await writeRootfs(tree, content, out, { unsafeSpecial: true });
    expect(lstatSync(join(out, "null"))).toMatchObject({ rdev: 0x103, uid: 3, gid: 4 });
    expect(lstatSync(join(out, "suid"))).toMatchObject({ uid: 1, gid: 2 });
    expect(lstatSync(join(out, "suid")).mode & 0o7777).toBe(0o6755);
    expect(lstatSync(join(out, "link"))).toMatchObject({ uid: 5, gid: 6 });
  });
});

const CAPABILITY = Uint8Array.from([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

const special = () =>
  treeOf(async (work) => {
    await work.mknod("/disk", "block", { major: 8, minor: 0, mode: 0o666 });
    await work.link("/disk", "/disk-2");
    await work.mknod("/tty", "char", { major: 5, minor: 0, uid: 7 });
    await work.writeFile("/suid", "1", { mode: 0o4755 });
    await work.writeFile("/sgid", "1", { mode: 0o2755, gid: 8 });
    await work.mkdir("/mail", { mode: 0o3775, gid: 8 });
    await work.writeFile("/mail/someone", "1", { uid: 1000, gid: 8 });
    await work.symlink("x", "/link", { uid: 1000 });
    await work.writeFile("/capable", "1", {
      mode: 0o755,
      xattrs: { "security.capability": CAPABILITY, "user.note": "kept" },
    });
    await work.mkdir("/tmp", { mode: 0o1777 });
  });

describe("what gives files power, written by writeRootfs", () => {
  itWith(["root", "getfattr", "setfattr"], "is left out and counted", async () => {
    const { tree, content } = await special();
    const out = target();
    const warnings: RootfsWarning[] = [];
    const omitted = await writeRootfs(tree, content, out, { onWarning: (warning) => warnings.push(warning) });
    expect(omitted).toEqual({ devices: 3, setids: 3, owners: 4, xattrs: 1 });
    expect(warnings).toEqual([]);
    expect(readdirSync(out).sort()).toEqual(["capable", "link", "mail", "sgid", "suid", "tmp"]);
    for (const name of ["", ...readdirSync(out, { recursive: true, encoding: "utf8" })]) {
      const { mode, uid, gid } = lstatSync(join(out, name));
      expect([name, mode & 0o6000, uid, gid]).toEqual([name, 0, 0, 0]);
    }
    // The sticky bit only ever takes rights away.
    expect(lstatSync(join(out, "mail")).mode & 0o7777).toBe(0o1775);
    expect(lstatSync(join(out, "tmp")).mode & 0o7777).toBe(0o1777);
    const xattrs = await readXattrs(out);
    expect([...xattrs].map(([path, its]) => [path, [...its.keys()]])).toEqual([["capable", ["user.note"]]]);
  });

  itWith(["root", "mknod", "getfattr", "setfattr"], "is all there for who asks for it", async () => {
    const { tree, content } = await special();
    const out = target();
    const warnings: RootfsWarning[] = [];
    const how = { unsafeSpecial: true, onWarning: (warning: RootfsWarning) => warnings.push(warning) };
    expect(await writeRootfs(tree, content, out, how)).toEqual({ devices: 0, setids: 0, owners: 0, xattrs: 0 });
    expect(warnings).toEqual([]);
    expect(lstatSync(join(out, "disk-2"))).toMatchObject({ rdev: 0x800, nlink: 2 });
    expect(lstatSync(join(out, "suid")).mode & 0o7777).toBe(0o4755);
    expect(lstatSync(join(out, "mail"))).toMatchObject({ gid: 8 });
    expect(lstatSync(join(out, "mail")).mode & 0o7777).toBe(0o3775);
    expect((await readXattrs(out)).get("capable")?.get("security.capability")).toEqual(CAPABILITY);
  });

  it("stays out of reach while it is written, whatever the umask", async () => {
    const before = process.umask(0);
    try {
      const { tree, content } = await treeOf(async (work) => {
        await work.mkdir("/d", { mode: 0o777 });
        await work.writeFile("/d/f", "1", { mode: 0o666 });
      });
      const open = temporaryDirectory();
      chmodSync(open, 0o777);
      for (const out of [target(), open]) {
        const modes: number[] = [];
        await writeRootfs(tree, content, out, {
          onProgress: ({ state }) =>
            state === "running" && modes.push(...[out, join(out, "d")].map((path) => lstatSync(path).mode & 0o777)),
        });
        expect(modes.length).toBeGreaterThan(0);
        expect(modes.filter((mode) => mode !== 0o700)).toEqual([]);
        expect(lstatSync(join(out, "d")).mode & 0o777).toBe(0o777);
      }
    } finally {
      process.umask(before);
    }
  });

  itWith(["root"], "does not follow a symlink that another user put in the way", async () => {
    const { tree, content } = await treeOf((work) => work.writeFile("/a", "1"));
    const victim = temporaryDirectory();
    const link = join(temporaryDirectory(), "out");
    symlinkSync(victim, link);
    execFileSync("chown", ["-h", "65534", link]);
    await expect(writeRootfs(tree, content, link)).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      message: expect.stringContaining("a symlink that another user made"),
    });
    expect(readdirSync(victim)).toEqual([]);
    execFileSync("chown", ["-h", "0", link]);
    await writeRootfs(tree, content, link);
    expect(readdirSync(victim)).toEqual(["a"]);
  });

  it("gives a destination its mode back when it fails", async () => {
    const { tree, content } = await treeOf((work) => work.writeFile("/z", "gone"));
    const gone = tree.root.entries.get("z");
    if (gone?.type !== "file") throw new Error("no file");
    await content.delete(gone.content);
    const out = temporaryDirectory();
    chmodSync(out, 0o777);
    await expect(writeRootfs(tree, content, out)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(lstatSync(out).mode & 0o777).toBe(0o777);
  });
});

describe("a hostile layer, unpacked and written", () => {
  const plain = { mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0 };
  const file = (name: string, content = "x"): TarInput => ({
    header: { ...plain, type: "file", name, size: content.length },
    content: [bytes(content)],
  });
  const link = (type: "symlink" | "link", name: string, linkName: string): TarInput => ({
    header: { ...plain, type, name, linkName },
  });
  const CASES: readonly (readonly [string, (outside: string) => readonly TarInput[]])[] = [
    ["climbs by ..", () => [file("../escaped")]],
    ["climbs by .. further down", () => [file("a/b"), file("a/../../../escaped")]],
    ["has an absolute path", (outside) => [file(`${outside}/escaped`)]],
    ["writes through a symlink of its own", (outside) => [link("symlink", "a", outside), file("a/escaped")]],
    ["writes through a relative symlink", () => [link("symlink", "a", "../outside"), file("a/escaped")]],
    [
      "writes through a chain",
      (outside) => [link("symlink", "b", outside), link("symlink", "a", "b"), file("a/escaped")],
    ],
    ["overwrites what a symlink leads to", (outside) => [link("symlink", "a", `${outside}/kept`), file("a")]],
    ["has a hard link to the outside", (outside) => [link("link", "a", `${outside}/kept`), file("a")]],
    ["has a hard link that climbs", () => [link("link", "a", "../outside/kept"), file("a")]],
    [
      "has a hard link to a symlink",
      (outside) => [link("symlink", "s", `${outside}/kept`), link("link", "a", "s"), file("a")],
    ],
    ["removes by a whiteout that climbs", () => [file("../outside/.wh.kept", "")]],
    ["removes through a symlink", (outside) => [link("symlink", "a", outside), file("a/.wh.kept", "")]],
    ["empties through a symlink", (outside) => [link("symlink", "a", outside), file("a/.wh..wh..opq", "")]],
    ["has a whiteout of ..", () => [file("a/.wh...", "")]],
    ["has a whiteout of nothing", () => [file(".wh.", "")]],
  ];
  for (const [name, entries] of CASES) {
    it(`that ${name} changes nothing outside`, async () => {
      const directory = temporaryDirectory();
      const outside = join(directory, "outside");
      mkdirSync(outside);
      writeFileSync(join(outside, "kept"), "kept");
      const content = createMemoryContentStore();
      const work = await createSnapshotter({ content }).prepare("hostile");
      try {
        await applyLayer(work, writeTar(entries(outside)));
        await writeRootfs(await work.tree(), content, join(directory, "out"));
      } catch (error) {
        expect(error).toMatchObject({ name: "SlipwayError" });
      }
      expect(readdirSync(directory).filter((each) => each !== "out")).toEqual(["outside"]);
      expect(readdirSync(outside)).toEqual(["kept"]);
      expect(readFileSync(join(outside, "kept"), "utf8")).toBe("kept");
      expect(lstatSync(join(outside, "kept")).nlink).toBe(1);
    });
  }

  it("with two names that the host takes for one is refused", async () => {
    const outside = temporaryDirectory();
    const { tree, content } = await treeOf(async (work) => {
      await work.symlink(outside, "/a");
      await work.mkdir("/A");
      await work.writeFile("/A/escaped", "1");
    });
    const [symlink, directory] = ["a", "A"].map((name) => tree.root.entries.get(name));
    if (symlink === undefined || directory === undefined) throw new Error("no entries");
    // As a host that ignores case sees them.
    const entries = new Map(tree.root.entries);
    const twice = [
      ["a", symlink],
      ["a", directory],
    ] as const;
    entries[Symbol.iterator] = () => twice.map(([name, node]): [string, typeof node] => [name, node]).values();
    const out = target();
    const folded: Tree = { ...tree, root: { ...tree.root, entries } };
    await expect(writeRootfs(folded, content, out)).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    expect([existsSync(out), readdirSync(outside)]).toEqual([false, []]);
  });
});
