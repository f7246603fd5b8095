import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemoryContentStore, withReferences } from "../../src/content/index.ts";
import { addDirectory } from "../../src/node/directory-source.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../src/snapshots/index.ts";
import type { Tree } from "../../src/snapshots/tree.ts";
import { lines, nodes, workbench } from "../diff/support.ts";
import { bundleScript } from "../support/bundle.ts";
import { hasTool, itWith } from "../support/tools.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(realpathSync(tmpdir()), "slipway-directory-"));
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

/** Writes a file, its directories too. */
function write(path: string, content = "", mode = 0o644): string {
  const full = join(home, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  chmodSync(full, mode);
  return full;
}

async function read(options: Parameters<typeof addDirectory>[2] = {}, from: string = home): Promise<Tree> {
  const { tree } = await workbench().make(async (work) => {
    await addDirectory(work, from, { xattrs: false, ...options });
  });
  return tree;
}

describe("reading a directory", () => {
  it("takes files, directories and symlinks with their modes, of nobody and at the epoch", async () => {
    write("bin/tool", "#!/bin/sh\n", 0o4755);
    write("empty");
    mkdirSync(join(home, "tmp"));
    chmodSync(join(home, "tmp"), 0o1777);
    symlinkSync("../bin/tool", join(home, "tmp/link"));
    symlinkSync("nowhere", join(home, "dangling"));
    const found = nodes(await read());
    expect([...found.keys()]).toEqual(["/bin", "/bin/tool", "/dangling", "/empty", "/tmp", "/tmp/link"]);
    for (const node of found.values()) expect(node).toMatchObject({ uid: 0, gid: 0, mtime: 0 });
    expect(found.get("/bin/tool")).toMatchObject({ type: "file", mode: 0o4755, size: 10 });
    expect(found.get("/empty")).toMatchObject({ type: "file", mode: 0o644, size: 0 });
    expect(found.get("/tmp")).toMatchObject({ type: "directory", mode: 0o1777 });
    expect(found.get("/tmp/link")).toMatchObject({ type: "symlink", target: "../bin/tool" });
    expect(found.get("/dangling")).toMatchObject({ type: "symlink", target: "nowhere" });
  });

  it("keeps times on request: whole seconds, rounded down, before 1970 too", async () => {
    for (const [name, time] of [
      ["old", -1.5],
      ["now", 1_700_000_000.9],
      ["future", 9_000_000_000],
      ["epoch", 0],
    ] as const) {
      write(name);
      execFileSync("touch", ["-d", `@${time}`, join(home, name)]);
    }
    symlinkSync("x", join(home, "link"));
    lutimesSync(join(home, "link"), 77, 77);
    const mtimes = (tree: Tree) => [...nodes(tree)].map(([path, { mtime }]) => [path, mtime]);
    expect(mtimes(await read({ preserveMtime: true }))).toEqual([
      ...[
        ["/epoch", 0],
        ["/future", 9_000_000_000],
        ["/link", 77],
        ["/now", 1_700_000_000],
        ["/old", -2],
      ],
    ]);
    expect(mtimes(await read({ preserveMtime: true, sourceDateEpoch: 50 }))).toEqual([
      ...[
        ["/epoch", 0],
        ["/future", 50],
        ["/link", 50],
        ["/now", 50],
        ["/old", -2],
      ],
    ]);
  });

  itWith(["root"], "keeps owners on request", async () => {
    chownSync(write("f"), 3_000_000_000, 4_000_000_000);
    expect(nodes(await read({ preserveOwner: true })).get("/f")).toMatchObject({
      uid: 3_000_000_000,
      gid: 4_000_000_000,
    });
    expect(nodes(await read()).get("/f")).toMatchObject({ uid: 0, gid: 0 });
  });

  it("keeps hard links, numbered in the order of paths", async () => {
    write("z/2", "two");
    write("b/1", "one");
    linkSync(join(home, "z/2"), join(home, "c"));
    linkSync(join(home, "b/1"), join(home, "z/1"));
    linkSync(join(home, "z/2"), join(home, "z/3"));
    const tree = await read();
    const links = [...tree.links].sort(([a], [b]) => a - b).map(([, paths]) => paths);
    expect(links).toEqual([
      ["/b/1", "/z/1"],
      ["/c", "/z/2", "/z/3"],
    ]);
    expect(lines(undefined, tree)).toEqual(["b/", "b/1", "c", "z/", "z/1 => b/1", "z/2 => c", "z/3 => c"]);
  });

  it("does not make a group of a file whose other name is elsewhere", async () => {
    write("in/f", "x");
    linkSync(join(home, "in/f"), join(home, "outside"));
    const tree = await read({}, join(home, "in"));
    expect(tree.links.size).toBe(0);
    expect(lines(undefined, tree)).toEqual(["f"]);
  });

  itWith(["mkfifo"], "takes FIFOs without waiting at them", async () => {
    execFileSync("mkfifo", ["-m", "640", join(home, "fifo")]);
    expect(nodes(await read()).get("/fifo")).toMatchObject({ type: "fifo", mode: 0o640 });
  });

  itWith(["root"], "takes device nodes with their numbers", async () => {
    execFileSync("mknod", [join(home, "null"), "c", "1", "3"]);
    execFileSync("mknod", [join(home, "disk"), "b", "259", "70000"]);
    const found = nodes(await read());
    expect(found.get("/null")).toMatchObject({ type: "char", major: 1, minor: 3 });
    expect(found.get("/disk")).toMatchObject({ type: "block", major: 259, minor: 70000 });
  });

  it("leaves sockets out, with a warning that names them", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(home, "socket"), resolve));
    const warnings: string[] = [];
    try {
      expect(nodes(await read({ onWarning: (message) => warnings.push(message) })).size).toBe(0);
    } finally {
      server.close();
    }
    expect(warnings).toEqual([expect.stringContaining(join(home, "socket"))]);
  });

  it("gives the same tree in whatever order things were made", async () => {
    const names = ["a", "a-b", "a.b", "a/b", "é", "Z", "\u{1f600}", "\uffee", "a/b-", "10", "9"];
    const make = (all: readonly string[]) => {
      for (const name of all) write(name === "a" ? "a/x" : name === "a/b" ? "a/b/x" : name, name);
    };
    make(names);
    const one = await read({ preserveMtime: false });
    rmSync(home, { recursive: true });
    mkdirSync(home);
    make([...names].reverse());
    const other = await read();
    expect(other.root.digest).toBe(one.root.digest);
    expect([...nodes(one).keys()]).toEqual([
      "/10",
      "/9",
      "/Z",
      "/a",
      "/a/b",
      "/a/b/x",
      "/a/b-",
      "/a/x",
      "/a-b",
      "/a.b",
      "/é",
      "/\uffee",
      "/\u{1f600}",
    ]);
  });

  it("reads many files at once and tells how far it is", async () => {
    for (let i = 0; i < 300; i++) write(`d${i % 7}/f${i}`, `content ${i}`);
    const events: ProgressEvent[] = [];
    const work = await workbench().snapshots.prepare("work");
    const added = await addDirectory(work, home, { xattrs: false, onProgress: (event) => events.push(event) });
    const size = [...Array(300).keys()].reduce((sum, i) => sum + `content ${i}`.length, 0);
    expect(added).toMatchObject({ entries: 307, size, unread: 0 });
    expect(events[0]).toMatchObject({ state: "started", name: `reading ${home}` });
    expect(events.at(-1)).toMatchObject({ state: "completed", current: size });
    expect(await work.readTextFile("/d3/f10")).toBe("content 10");
  });

  it("tells how far it is within a large file", async () => {
    const size = 3_000_000;
    write("large", "x".repeat(size));
    const counts: number[] = [];
    const onProgress = ({ state, current }: ProgressEvent): void => {
      if (state === "running") counts.push(current ?? -1);
    };
    const work = await workbench().snapshots.prepare("work");
    await addDirectory(work, home, { xattrs: false, onProgress });
    expect(counts.filter((count) => count > 0 && count < size).length).toBeGreaterThan(3);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1)).toBe(size);
  });

  it("leaves files where they are, and reads them when the layer is made", async () => {
    write("f", "by reference");
    const stored = createMemoryContentStore();
    const content = withReferences(stored);
    const snapshots = createSnapshotter({ content, metadata: createMemoryMetadataStore(), sources: "reference" });
    const work = await snapshots.prepare("work");
    await addDirectory(work, home, { xattrs: false });
    const { node } = await work.stat("/f");
    if (node.type !== "file") throw new Error("no file");
    await expect(stored.info(node.content)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await work.readTextFile("/f")).toBe("by reference");
  });
});

describe("where a directory comes", () => {
  it("is a directory of the snapshot, made if need be", async () => {
    write("f", "x", 0o600);
    chmodSync(home, 0o700);
    const found = nodes(await read({ dest: "srv/app/" }));
    expect([...found.keys()]).toEqual(["/srv", "/srv/app", "/srv/app/f"]);
    expect(found.get("/srv/app")).toMatchObject({ mode: 0o755 });
  });

  it("joins directories that are there, and replaces files", async () => {
    write("etc/passwd", "new");
    write("etc/new/x");
    write("lib/y", "y");
    write("tmp/z");
    const bench = workbench();
    const base = await bench.make(async (work) => {
      await work.mkdir("/tmp", { mode: 0o1777, mtime: 5 });
      await work.writeFile("/etc/passwd", "old");
      await work.writeFile("/etc/group", "kept");
      await work.link("/etc/group", "/etc/group-");
      await work.mkdir("/usr/lib", { recursive: true });
      await work.symlink("usr/lib", "/lib");
    });
    const { tree } = await bench.make(async (work) => {
      await addDirectory(work, home, { xattrs: false });
      expect(await work.readTextFile("/etc/passwd")).toBe("new");
    }, base.key);
    expect([...nodes(tree).keys()]).toEqual([
      ...["/etc", "/etc/group", "/etc/group-", "/etc/new", "/etc/new/x", "/etc/passwd", "/lib", "/tmp", "/tmp/z"],
      ...["/usr", "/usr/lib", "/usr/lib/y"],
    ]);
    expect(nodes(tree).get("/tmp")).toMatchObject({ mode: 0o1777, mtime: 5 });
    expect(nodes(tree).get("/lib")).toMatchObject({ type: "symlink" });
  });

  it("replaces symlinks and links instead of writing through them", async () => {
    write("s", "mine");
    write("h", "mine");
    write("d/x");
    const bench = workbench();
    const base = await bench.make(async (work) => {
      await work.writeFile("/target", "theirs");
      await work.symlink("/target", "/s");
      await work.symlink("/nowhere", "/d");
      await work.link("/target", "/h");
    });
    await bench.make(async (work) => {
      await addDirectory(work, home, { xattrs: false });
      expect(await work.readTextFile("/target")).toBe("theirs");
      expect(await work.readTextFile("/s")).toBe("mine");
      expect(await work.readdir("/")).toEqual(["d", "h", "s", "target"]);
      expect((await work.lstat("/d")).node.type).toBe("directory");
    }, base.key);
  });

  it("does not follow its own symlinks, also where a symlink of the snapshot gives them another name", async () => {
    mkdirSync(join(home, "lib"));
    symlinkSync("/etc/passwd", join(home, "lib/f"));
    write("usr/lib/f", "mine");
    const bench = workbench();
    const base = await bench.make(async (work) => {
      await work.writeFile("/etc/passwd", "theirs");
      await work.mkdir("/usr/lib", { recursive: true });
      await work.symlink("usr/lib", "/lib");
    });
    const work = await bench.snapshots.prepare("work", base.key);
    await expect(addDirectory(work, home, { xattrs: false })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    expect(await work.readTextFile("/etc/passwd")).toBe("theirs");
  });

  it("is not the place of a directory that would be lost", async () => {
    write("etc", "a file");
    const bench = workbench();
    const base = await bench.make((work) => work.writeFile("/etc/passwd", "x"));
    const work = await bench.snapshots.prepare("work", base.key);
    await expect(addDirectory(work, home, { xattrs: false })).rejects.toMatchObject({
      code: "IS_A_DIRECTORY",
      message: expect.stringContaining(join(home, "etc")),
    });
  });
});

describe("a filter", () => {
  it("leaves files out, and trees whole", async () => {
    for (const path of ["keep/a", "keep/b.log", "node_modules/x/y", "c.log"]) write(path);
    const asked: string[] = [];
    const filter = (path: string, isDirectory: boolean) => {
      asked.push(`${path}${isDirectory ? "/" : ""}`);
      return path === "node_modules" ? "skip-tree" : !path.endsWith(".log");
    };
    expect([...nodes(await read({ filter })).keys()]).toEqual(["/keep", "/keep/a"]);
    expect(asked).toEqual(["c.log", "keep/", "keep/a", "keep/b.log", "node_modules/"]);
  });

  it("can take something out of a directory that is left out; its parents come along with their modes", async () => {
    for (const path of ["a/b/no", "a/c/yes", "a/d/no", "e/no"]) write(path);
    chmodSync(join(home, "a"), 0o700);
    const found = nodes(await read({ filter: (path) => path.endsWith("yes") }));
    expect([...found.keys()]).toEqual(["/a", "/a/c", "/a/c/yes"]);
    expect(found.get("/a")).toMatchObject({ mode: 0o700 });
  });
});

describe("what cannot be read", () => {
  it("is NOT_FOUND or NOT_A_DIRECTORY where there is no directory", async () => {
    const file = write("f");
    await expect(read({}, join(home, "missing"))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining(join(home, "missing")),
    });
    await expect(read({}, file)).rejects.toMatchObject({ code: "NOT_A_DIRECTORY" });
  });

  it("is a symlink to a directory only if that is wished", async () => {
    write("real/f");
    symlinkSync("real", join(home, "link"));
    expect([...nodes(await read({}, join(home, "link"))).keys()]).toEqual(["/f"]);
    await expect(read({ followRoot: false }, join(home, "link"))).rejects.toMatchObject({ code: "NOT_A_DIRECTORY" });
  });

  it("is a name that is not UTF-8, named", async () => {
    mkdirSync(join(home, "d"));
    writeFileSync(Buffer.concat([Buffer.from(`${home}/d/bad-`), Buffer.from([0xff, 0x41])]), "");
    await expect(read()).rejects.toMatchObject({
      code: "INVALID_PATH",
      message: `Cannot read ${home}/d/bad-\\xffA: its name is not UTF-8; rename it or leave it out`,
    });
    expect(nodes(await read({ filter: (path) => (path === "d" ? "skip-tree" : true) })).size).toBe(0);
  });

  it("is not a name with U+FFFD in it, or a symlink's target that is not UTF-8", async () => {
    write("\ufffd", "fine");
    symlinkSync(Buffer.from([0x74, 0xff]), join(home, "link"));
    const found = nodes(await read());
    expect([...found.keys()]).toEqual(["/link", "/\ufffd"]);
    expect(found.get("/link")).toMatchObject({ target: "t\udcff" });
  });

  itWith(["root"], "is PERMISSION_DENIED without the right to, naming the file", async () => {
    chmodSync(home, 0o755);
    write("secret", "x", 0o600);
    mkdirSync(join(home, "z"));
    const input = readFileSync(await bundleScript(fileURLToPath(new URL("./read-directory.ts", import.meta.url))));
    const asNobody = (directory: string): unknown => {
      const nobody = { uid: 65534, gid: 65534, input, cwd: "/" };
      return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-", directory], nobody).toString());
    };
    expect(asNobody(home)).toEqual({
      code: "PERMISSION_DENIED",
      message: expect.stringContaining(join(home, "secret")),
    });
    rmSync(join(home, "secret"));
    chmodSync(join(home, "z"), 0o700);
    expect(asNobody(home)).toEqual({
      code: "PERMISSION_DENIED",
      message: expect.stringContaining(join(home, "z")),
    });
  });

  for (const [how, change] of [
    ["grew", (path: string) => appendFileSync(path, "more")],
    ["was written again, as long as before", (path: string) => writeFileSync(path, "CONTENT")],
    ["was touched", (path: string) => utimesSync(path, 5, 5)],
  ] as const) {
    it(`is a file that ${how} while it was read`, async () => {
      const path = write("f", "content");
      utimesSync(path, 1, 1);
      const bench = workbench();
      const work = await bench.snapshots.prepare("work");
      const writeFile = work.writeFile.bind(work);
      work.writeFile = async (...args) => {
        await writeFile(...args);
        change(path);
      };
      await expect(addDirectory(work, home, { xattrs: false })).rejects.toMatchObject({
        code: "SIZE_MISMATCH",
        message: expect.stringMatching(new RegExp(`${path}.*changed`)),
      });
    });
  }

  it("is anything after an abort", async () => {
    for (let i = 0; i < 50; i++) write(`f${i}`, "x");
    const controller = new AbortController();
    const reason = new Error("enough");
    const work = await workbench().snapshots.prepare("work");
    const added = addDirectory(work, home, {
      xattrs: false,
      signal: controller.signal,
      onProgress: (event) => {
        if (event.state === "running") controller.abort(reason);
      },
    });
    await expect(added).rejects.toBe(reason);
  });
});

const binaries = join(import.meta.dirname, "../../node_modules/.bin");
const runtimes = [
  ["Deno", join(binaries, "deno"), "run", "--no-prompt", "--allow-all"],
  ["Bun", join(binaries, "bun")],
] as const;

describe("other runtimes", () => {
  for (const [name, program, ...args] of runtimes) {
    it.runIf(existsSync(program))(
      `${name} reads the same tree as Node`,
      async () => {
        const script = await bundleScript(fileURLToPath(new URL("./read-directory.ts", import.meta.url)));
        for (const path of ["z/2", "b/1", "Ünï/cödé \u{1f600}", "\ufffd", "a/b", "a-b"]) write(path, path, 0o4750);
        linkSync(join(home, "z/2"), join(home, "c"));
        symlinkSync("nowhere", join(home, "link"));
        if (hasTool("root")) {
          execFileSync("mknod", [join(home, "disk"), "b", "259", "70000"]);
          chownSync(join(home, "c"), 3_000_000_000, 5);
        }
        execFileSync("sh", ["-c", "find . -exec touch -h -d @-1.5 {} + ; touch -d @9000000000 a-b"], { cwd: home });
        const read = (command: string, before: readonly string[]): unknown =>
          JSON.parse(execFileSync(command, [...before, script, home], { cwd: home }).toString());
        const expected = read(process.execPath, []);
        expect(expected).toMatchObject({ links: [["/c", "/z/2"]] });
        expect(read(program, args)).toEqual(expected);
        writeFileSync(Buffer.concat([Buffer.from(`${home}/bad-`), Buffer.from([0xff])]), "");
        expect(read(process.execPath, [])).toMatchObject({ code: "INVALID_PATH" });
        expect(read(program, args)).toMatchObject({ code: "INVALID_PATH" });
      },
      60_000,
    );
  }
});
