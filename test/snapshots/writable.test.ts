import { describe, expect, it } from "vitest";
import { decodeName } from "../../src/tar/names.ts";
import { open, openWork, pathsOf } from "./support/open.ts";

const code = (name: string) => expect.objectContaining({ name: "SlipwayError", code: name });

describe("paths", () => {
  it("are absolute or relative to the root, with any number of slashes and dots", async () => {
    const work = await openWork();
    await work.writeFile("a//b/./c", "x");
    for (const path of ["/a/b/c", "a/b/c", "//a///b/c", "/../../a/b/../b/c", "./a/b/c"]) {
      expect(await work.readTextFile(path)).toBe("x");
    }
    expect((await work.stat("/a/../a/b/c")).path).toBe("/a/b/c");
    expect((await work.stat("/..")).path).toBe("/");
  });

  it("go through symlinks inside the root, never out of it", async () => {
    const work = await openWork();
    await work.writeFile("/etc/passwd", "inside");
    await work.symlink("/etc", "/absolute");
    await work.symlink("../../../../etc", "/up");
    await work.mkdir("/deep/er", { recursive: true });
    await work.symlink("../../up/passwd", "/deep/er/link");
    expect(await work.readTextFile("/absolute/passwd")).toBe("inside");
    expect(await work.readTextFile("/up/passwd")).toBe("inside");
    expect((await work.stat("/deep/er/link")).path).toBe("/etc/passwd");
    expect((await work.lstat("/deep/er/link")).path).toBe("/deep/er/link");
  });

  it("follow 40 symlinks and not one more", async () => {
    const work = await openWork();
    await work.writeFile("/0", "end");
    for (let i = 1; i <= 41; i++) await work.symlink(String(i - 1), `/${i}`);
    expect(await work.readTextFile("/40")).toBe("end");
    await expect(work.readTextFile("/41")).rejects.toEqual(code("SYMLINK_LOOP"));
    await work.symlink("loop", "/loop");
    await expect(work.stat("/loop")).rejects.toEqual(code("SYMLINK_LOOP"));
    await expect(work.exists("/loop")).rejects.toEqual(code("SYMLINK_LOOP"));
    await expect(work.writeFile("/loop", "x")).rejects.toEqual(code("SYMLINK_LOOP"));
    expect(await work.readlink("/loop")).toBe("loop");
  });

  it("have names of up to 255 bytes and are up to 4095 bytes long", async () => {
    const work = await openWork();
    await work.writeFile(`/${"x".repeat(255)}`, "");
    await work.writeFile(`/${"é".repeat(127)}x`, "");
    for (const name of ["x".repeat(256), "é".repeat(128)]) {
      await expect(work.writeFile(`/${name}`, "")).rejects.toEqual(code("INVALID_PATH"));
    }
    const deep = `/${"a/".repeat(2046)}`;
    await work.mkdir(deep, { recursive: true });
    expect((await work.stat(deep)).node.type).toBe("directory");
    await expect(work.mkdir(`${deep}aaa`)).rejects.toEqual(code("INVALID_PATH"));
    await expect(work.symlink("x".repeat(4096), "/s")).rejects.toThrow(/symlink target .* 4096 bytes/);
  });

  it.each([
    ["", "is empty"],
    ["/a\0b", "NUL"],
    ["/a\ud800", "surrogate"],
  ])("refuse %j", async (path, message) => {
    const work = await openWork();
    await expect(work.writeFile(path, "")).rejects.toEqual(code("INVALID_PATH"));
    await expect(work.stat(path)).rejects.toThrow(message);
  });

  it("hold bytes that are no UTF-8, in one spelling only", async () => {
    const work = await openWork();
    const latin1 = decodeName(Uint8Array.of(0x2f, 0xe9));
    await work.writeFile(latin1, "latin1");
    await work.writeFile("/\udcc3\udca9", "escaped UTF-8");
    expect(await work.readdir("/")).toEqual(["é", "\udce9"]);
    expect(await work.readTextFile("/é")).toBe("escaped UTF-8");
  });
});

describe("writing files", () => {
  it("makes missing parents, 0755, and gives new files 0644, owner 0:0, mtime 0", async () => {
    const work = await openWork();
    await work.writeFile("/a/b/c", "x", { mode: 0o600, uid: 1, gid: 2, mtime: 3 });
    await work.writeFile("/d", "x");
    const attributes = async (path: string) => {
      const { mode, uid, gid, mtime } = (await work.stat(path)).node;
      return [mode, uid, gid, mtime];
    };
    expect(await attributes("/a/b")).toEqual([0o755, 0, 0, 0]);
    expect(await attributes("/a/b/c")).toEqual([0o600, 1, 2, 3]);
    expect(await attributes("/d")).toEqual([0o644, 0, 0, 0]);
  });

  it("keeps the attributes of an existing file that are not given", async () => {
    const work = await openWork();
    await work.writeFile("/f", "one", { mode: 0o4755, uid: 1, gid: 2, mtime: 3, xattrs: { "user.a": "a" } });
    await work.writeFile("/f", "two!", { uid: 9 });
    const { node } = await work.stat("/f");
    expect(node).toMatchObject({ type: "file", mode: 0o4755, uid: 9, gid: 2, mtime: 3, size: 4 });
    expect(node.xattrs?.get("user.a")).toEqual(Uint8Array.of(0x61));
    await work.writeFile("/f", "three", { xattrs: {} });
    expect((await work.stat("/f")).node).not.toHaveProperty("xattrs");
  });

  it("writes through symlinks, making what a dangling one points to", async () => {
    const work = await openWork();
    await work.symlink("dir/target", "/link");
    await work.writeFile("/link", "x");
    expect(await work.readTextFile("/dir/target")).toBe("x");
    expect((await work.lstat("/link")).node.type).toBe("symlink");
  });

  it("refuses directories, device nodes and names below a file", async () => {
    const work = await openWork();
    await work.mkdir("/d");
    await work.mknod("/fifo", "fifo");
    await work.writeFile("/f", "");
    await expect(work.writeFile("/d", "")).rejects.toEqual(code("IS_A_DIRECTORY"));
    await expect(work.writeFile("/", "")).rejects.toEqual(code("IS_A_DIRECTORY"));
    await expect(work.writeFile("/new/", "")).rejects.toEqual(code("IS_A_DIRECTORY"));
    await expect(work.writeFile("/fifo", "")).rejects.toEqual(code("FAILED_PRECONDITION"));
    await expect(work.writeFile("/f/x", "")).rejects.toEqual(code("NOT_A_DIRECTORY"));
    await expect(work.writeFile("/new/../f/x", "")).rejects.toEqual(code("NOT_A_DIRECTORY"));
    expect(await work.readdir("/"), "nothing was made on the way").toEqual(["d", "f", "fifo"]);
  });

  it("leaves the times of the directory as they are", async () => {
    const work = await openWork();
    await work.mkdir("/d", { mtime: 5 });
    await work.writeFile("/d/f", "x");
    await work.remove("/d/f");
    expect((await work.stat("/d")).node.mtime).toBe(5);
  });
});

describe("attributes", () => {
  it.each([
    [{ mode: 0o10000 }],
    [{ mode: -1 }],
    [{ mode: 1.5 }],
    [{ uid: -1 }],
    [{ gid: 0.5 }],
    [{ gid: 2 ** 53 }],
    [{ mtime: Number.NaN }],
    [{ mtime: 1.5 }],
    [{ xattrs: { "": "x" } }],
    [{ xattrs: { [`user.${"x".repeat(251)}`]: "x" } }],
    [{ xattrs: { a: 1 as never } }],
  ])("%j are refused, and nothing is made", async (options) => {
    const work = await openWork();
    await expect(work.writeFile("/f", "x", options)).rejects.toEqual(code("INVALID_ARGUMENT"));
    await expect(work.mkdir("/d", options)).rejects.toEqual(code("INVALID_ARGUMENT"));
    await expect(work.symlink("t", "/s", options)).rejects.toEqual(code("INVALID_ARGUMENT"));
    await expect(work.mknod("/n", "fifo", options)).rejects.toEqual(code("INVALID_ARGUMENT"));
    expect(await work.readdir("/")).toEqual([]);
  });

  it("change one by one, of the symlink's target or of the symlink itself", async () => {
    const work = await openWork();
    await work.writeFile("/f", "x");
    await work.symlink("f", "/s");
    await work.chmod("/s", 0o7777);
    await work.chown("/s", 1, 2);
    await work.utimes("/s", -1);
    await work.setxattr("/s", "user.b", "b");
    await work.setxattr("/s", "user.a", Uint8Array.of(0, 255));
    expect((await work.stat("/f")).node).toMatchObject({ mode: 0o7777, uid: 1, gid: 2, mtime: -1 });
    expect([...((await work.stat("/f")).node.xattrs ?? [])]).toEqual([
      ["user.a", Uint8Array.of(0, 255)],
      ["user.b", Uint8Array.of(0x62)],
    ]);
    const itself = { followSymlinks: false };
    await work.chown("/s", 3, 4, itself);
    await work.utimes("/s", 9, itself);
    await work.setxattr("/s", "trusted.x", "y", itself);
    expect((await work.lstat("/s")).node).toMatchObject({ type: "symlink", mode: 0o777, uid: 3, gid: 4, mtime: 9 });
    await work.removexattr("/s", "trusted.x", itself);
    expect((await work.lstat("/s")).node).not.toHaveProperty("xattrs");
    await expect(work.removexattr("/s", "user.none")).rejects.toEqual(code("NOT_FOUND"));
    await work.chmod("/", 0o700);
    expect((await work.stat("/")).node.mode).toBe(0o700);
  });

  it("keep a copy of xattr values", async () => {
    const work = await openWork();
    const value = Uint8Array.of(1);
    await work.writeFile("/f", "x", { xattrs: new Map([["user.x", value]]) });
    value[0] = 2;
    expect((await work.stat("/f")).node.xattrs?.get("user.x")).toEqual(Uint8Array.of(1));
  });
});

describe("directories", () => {
  it("are made with their parents if that is asked for", async () => {
    const work = await openWork();
    await expect(work.mkdir("/a/b")).rejects.toEqual(code("NOT_FOUND"));
    await work.mkdir("/a/b/", { recursive: true, mode: 0o700 });
    expect((await work.stat("/a")).node.mode).toBe(0o755);
    expect((await work.stat("/a/b")).node.mode).toBe(0o700);
    await expect(work.mkdir("/a")).rejects.toEqual(code("ALREADY_EXISTS"));
    await work.mkdir("/a", { recursive: true, mode: 0o711 });
    expect((await work.stat("/a")).node.mode, "an existing directory stays as it is").toBe(0o755);
    await work.symlink("a", "/link");
    await work.mkdir("/link/b/c", { recursive: true });
    await work.mkdir("/link", { recursive: true });
    await work.writeFile("/f", "");
    await expect(work.mkdir("/f", { recursive: true })).rejects.toEqual(code("ALREADY_EXISTS"));
    await expect(work.mkdir("/f/x", { recursive: true })).rejects.toEqual(code("NOT_A_DIRECTORY"));
    expect(pathsOf(await work.tree())).toEqual(["/", "/a", "/a/b", "/a/b/c", "/f", "/link"]);
  });

  it("are removed when they are empty, or with all that is in them", async () => {
    const work = await openWork();
    await work.writeFile("/a/b/c", "");
    await work.mkdir("/e");
    await work.remove("/e");
    await expect(work.remove("/a")).rejects.toEqual(code("NOT_EMPTY"));
    await work.remove("/a", { recursive: true });
    expect(await work.readdir("/")).toEqual([]);
  });

  it("that are the root stay", async () => {
    const work = await openWork();
    await work.mkdir("/d");
    for (const path of ["/", "//", ".", "/d/..", "/d/.", "/.."]) {
      await expect(work.remove(path, { recursive: true, force: true })).rejects.toEqual(code("INVALID_ARGUMENT"));
      await expect(work.rename(path, "/x")).rejects.toEqual(code("INVALID_ARGUMENT"));
      await expect(work.rename("/d", path)).rejects.toEqual(code("INVALID_ARGUMENT"));
    }
  });

  it("list their names in bytewise order", async () => {
    const work = await openWork();
    for (const name of ["b", "a", "\u{10000}", "\uffee", "B", "é", "a-", "10", "9"]) await work.writeFile(name, "");
    expect(await work.readdir("/")).toEqual(["10", "9", "B", "a", "a-", "b", "é", "\uffee", "\u{10000}"]);
    const { node } = await work.stat("/");
    expect(node.type === "directory" && [...node.entries.keys()]).toEqual(await work.readdir("/"));
  });
});

describe("removing", () => {
  it("removes a symlink, not its target", async () => {
    const work = await openWork();
    await work.writeFile("/d/f", "");
    await work.symlink("d", "/s");
    await work.remove("/s", { recursive: true });
    expect(pathsOf(await work.tree())).toEqual(["/", "/d", "/d/f"]);
  });

  it("of what is not there is an error unless forced", async () => {
    const work = await openWork();
    await expect(work.remove("/x")).rejects.toEqual(code("NOT_FOUND"));
    await expect(work.remove("/x/y")).rejects.toEqual(code("NOT_FOUND"));
    await work.remove("/x", { force: true });
    await work.remove("/x/y", { force: true });
    await work.writeFile("/f", "");
    await expect(work.remove("/f/y", { force: true })).rejects.toEqual(code("NOT_A_DIRECTORY"));
    await expect(work.remove("/f/")).rejects.toEqual(code("NOT_A_DIRECTORY"));
  });
});

describe("nodes", () => {
  it("are made with what they need, and refused with anything else", async () => {
    const work = await openWork();
    await work.mknod("/c", "char", { major: 1, minor: 2 ** 20 });
    expect((await work.stat("/c")).node).toMatchObject({ type: "char", major: 1, minor: 2 ** 20, mode: 0o644 });
    await expect(work.mknod("/x", "char", { major: -1 })).rejects.toEqual(code("INVALID_ARGUMENT"));
    await expect(work.mknod("/x", "file" as "fifo")).rejects.toEqual(code("INVALID_ARGUMENT"));
    await expect(work.mknod("/c", "fifo")).rejects.toEqual(code("ALREADY_EXISTS"));
    await expect(work.symlink("", "/x")).rejects.toEqual(code("INVALID_PATH"));
    await expect(work.symlink("t", "/x/")).rejects.toEqual(code("NOT_FOUND"));
    await expect(work.symlink("t", "/no/x")).rejects.toEqual(code("NOT_FOUND"));
    await expect(work.link("/", "/x")).rejects.toEqual(code("IS_A_DIRECTORY"));
    await expect(work.readlink("/c")).rejects.toEqual(code("INVALID_ARGUMENT"));
    await expect(work.readdir("/c")).rejects.toEqual(code("NOT_A_DIRECTORY"));
    await expect(work.readFile("/")).rejects.toEqual(code("IS_A_DIRECTORY"));
    await expect(work.readFile("/c")).rejects.toEqual(code("INVALID_ARGUMENT"));
    expect(await work.readdir("/")).toEqual(["c"]);
  });
});

describe("stat", () => {
  it("gives a directory as it was or became, not half of it", async () => {
    const work = await openWork();
    await work.writeFile("/d/a", "1");
    const { node } = await work.stat("/d");
    expect(node.type === "directory" && [...node.entries.keys()]).toEqual(["a"]);
    expect(node.type === "directory" && node.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await work.stat("/d")).toMatchObject({ path: "/d", links: 1 });
  });
});

describe("calls at the same time", () => {
  it("do not disturb each other", async () => {
    const { snapshots } = open();
    const work = await snapshots.prepare("work");
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        await work.writeFile(`/d${i % 7}/f${i}`, `content ${i}`);
        if (i % 10 === 0) await work.tree();
        if (i % 3 === 0) await work.rename(`/d${i % 7}/f${i}`, `/d${i % 7}/g${i}`);
      }),
    );
    const ref = await snapshots.commit("all", "work");
    const names = Array.from({ length: 200 }, (_, i) => `/d${i % 7}/${i % 3 === 0 ? "g" : "f"}${i}`);
    for (const [i, name] of names.entries()) expect(await ref.readTextFile(name)).toBe(`content ${i}`);
    expect(pathsOf(await ref.tree())).toHaveLength(1 + 7 + 200);
  });

  it("read all what was written before, and a file's write is seen whole or not at all", async () => {
    const work = await openWork();
    await work.writeFile("/f", "old");
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode("new ");
      await gate;
      yield new TextEncoder().encode("content");
    }
    const writing = work.writeFile("/f", slow(), { mode: 0o600 });
    await work.chmod("/f", 0o640);
    expect(await work.readTextFile("/f")).toBe("old");
    await work.rename("/f", "/g");
    go();
    await writing;
    expect(await work.readTextFile("/f"), "the path is what is written, as it is in the end").toBe("new content");
    expect(await work.readTextFile("/g")).toBe("old");
  });
});
