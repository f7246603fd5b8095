import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  realpathSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gzip } from "../../../src/compress/index.ts";
import { type AddTarOptions, addTar } from "../../../src/frontend/index.ts";
import { addDirectory } from "../../../src/node/directory-source.ts";
import type { ProgressEvent } from "../../../src/progress.ts";
import { dir, type Entry, file, lines, link, nodes, symlink, tarOf, workbench } from "../../diff/support.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { hasTool, itWith } from "../../support/tools.ts";
import { collect, entriesOf, failureOf, randomDirectory, treeAfter, writeRandom } from "./support.ts";

const added = (entries: readonly Entry[], options?: AddTarOptions, before?: Parameters<typeof treeAfter>[1]) =>
  treeAfter((work) => addTar(work, tarOf(...entries), options), before);
const refused = (entries: readonly Entry[], options?: AddTarOptions, before?: Parameters<typeof treeAfter>[1]) =>
  failureOf((work) => addTar(work, tarOf(...entries), options), before);

describe("a tar", () => {
  it("brings files, directories, symlinks, hard links, FIFOs and devices, with modes and xattrs, of nobody at the epoch", async () => {
    const tree = await added([
      dir("./"),
      dir("./bin", 0o750),
      { ...file("./bin/tool", "#!/bin/sh\n", 0o4755), uid: 5, gid: 6, mtime: 77 },
      { ...file("/data", "x"), xattrs: new Map([["user.note", new TextEncoder().encode("hi")]]) },
      symlink("../data", "bin/link"),
      link("./data", "data2"),
      { name: "fifo", type: "fifo", mode: 0o600 },
      { name: "null", type: "char", mode: 0o666, deviceMajor: 1, deviceMinor: 3 },
      { name: "disk", type: "block", deviceMajor: 259, deviceMinor: 70_000 },
    ]);
    expect(lines(undefined, tree)).toEqual([
      ...["bin/", "bin/link -> ../data", "bin/tool", "data", "data2 => data", "disk", "fifo", "null"],
    ]);
    const found = nodes(tree);
    for (const node of found.values()) expect(node).toMatchObject({ uid: 0, gid: 0, mtime: 0 });
    expect(found.get("/bin")).toMatchObject({ mode: 0o750 });
    expect(found.get("/bin/tool")).toMatchObject({ mode: 0o4755, size: 10 });
    expect(found.get("/data2")?.xattrs?.get("user.note")).toEqual(new TextEncoder().encode("hi"));
    expect(found.get("/null")).toMatchObject({ type: "char", major: 1, minor: 3 });
    expect(found.get("/disk")).toMatchObject({ type: "block", major: 259, minor: 70_000 });
  });

  it("keeps owners and times on request, with a limit for times", async () => {
    const entry = { ...file("f", "x"), uid: 1000, gid: 3_000_000, mtime: 500 };
    const options = { preserveOwner: true, preserveMtime: true };
    expect(nodes(await added([entry], options)).get("/f")).toMatchObject({ uid: 1000, gid: 3_000_000, mtime: 500 });
    expect(nodes(await added([entry], { ...options, sourceDateEpoch: 100 })).get("/f")).toMatchObject({ mtime: 100 });
  });

  it("is read plain or with gzip, from bytes, streams, Blobs and re-openable sources", async () => {
    const plain = await collect(tarOf(file("f", "content")));
    const packed = await collect(gzip(plain));
    const { root } = await added([file("f", "content")]);
    for (const bytes of [plain, packed]) {
      const sources = [
        bytes,
        new Blob([bytes]),
        new Blob([bytes]).stream(),
        { size: bytes.byteLength, open: () => [bytes] },
      ];
      for (const source of sources as Parameters<typeof addTar>[1][]) {
        expect((await treeAfter((work) => addTar(work, source))).root.digest).toBe(root.digest);
      }
    }
  });

  it("counts entries and bytes, and tells how far it is", async () => {
    const events: ProgressEvent[] = [];
    const work = await workbench().snapshots.prepare("work");
    const tar = tarOf(dir("d"), file("d/f", "12345"), link("d/f", "g"), file("h", "678"));
    const result = await addTar(work, tar, { onProgress: (event) => events.push(event) });
    expect(result).toEqual({ entries: 4, size: 8 });
    expect(events[0]).toMatchObject({ state: "started", name: "reading tar" });
    expect(events.at(-1)).toMatchObject({ state: "completed", current: 8 });
  });

  it("comes where it is wished, joins directories and replaces files", async () => {
    const tree = await added(
      [dir("etc", 0o700), file("etc/passwd", "new"), dir("lib"), file("lib/y", "y"), dir("own")],
      { dest: "/srv" },
      async (work) => {
        await work.mkdir("/srv", { mode: 0o711 });
        await work.mkdir("/srv/etc", { mode: 0o1777, mtime: 5 });
        await work.writeFile("/srv/etc/passwd", "old", { mode: 0o600 });
        await work.link("/srv/etc/passwd", "/srv/etc/passwd-");
        await work.mkdir("/usr/lib", { recursive: true });
        await work.symlink("/usr/lib", "/srv/lib");
        await work.symlink("/nowhere", "/srv/own");
      },
    );
    const found = nodes(tree);
    expect([...found.keys()]).toEqual([
      ...[
        "/srv",
        "/srv/etc",
        "/srv/etc/passwd",
        "/srv/etc/passwd-",
        "/srv/lib",
        "/srv/own",
        "/usr",
        "/usr/lib",
        "/usr/lib/y",
      ],
    ]);
    expect(found.get("/srv")).toMatchObject({ mode: 0o711 });
    expect(found.get("/srv/etc")).toMatchObject({ mode: 0o1777, mtime: 5 });
    expect(found.get("/srv/etc/passwd")).toMatchObject({ mode: 0o644, size: 3 });
    expect(found.get("/srv/own")).toMatchObject({ type: "directory" });
  });

  it("gives a directory its own attributes wherever its entry comes, and the last ones if there are several", async () => {
    const first = await added([dir("a", 0o700), dir("a/b", 0o711), file("a/b/f")]);
    const last = await added([file("a/b/f"), dir("a/b", 0o755), dir("a/b", 0o711), dir("a", 0o700)]);
    expect(last.root.digest).toBe(first.root.digest);
  });

  it("has the last of several entries of one name", async () => {
    const tree = await added([
      ...[file("f", "old"), link("f", "g"), link("f", "h"), file("f", "new"), symlink("f", "s"), dir("s"), file("s/x")],
      ...[link("f", "h")],
    ]);
    expect(lines(undefined, tree)).toEqual(["f", "g", "h => f", "s/", "s/x"]);
    expect(nodes(tree).get("/g")).toMatchObject({ size: 3 });
    const { root } = await treeAfter(async (work) => {
      await work.writeFile("/f", "new");
      await work.writeFile("/g", "old");
      await work.link("/f", "/h");
      await work.mkdir("/s");
      await work.writeFile("/s/x", "");
    });
    expect(tree.root.digest).toBe(root.digest);
  });

  it("warns of access control lists", async () => {
    const warnings: string[] = [];
    const entry = { ...file("f"), pax: new Map([["SCHILY.acl.access", new TextEncoder().encode("user::rw-")]]) };
    await added([entry], { onWarning: (message) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringContaining('"f"')]);
  });

  it("has the portable xattrs, all, none or those of some names", async () => {
    const xattrs = new Map(
      ["security.capability", "security.selinux", "user.a"].map((name) => [name, new Uint8Array(1)]),
    );
    const kept = async (wanted: AddTarOptions["xattrs"]) => [
      ...(nodes(await added([{ ...file("f"), xattrs }], { xattrs: wanted }))
        .get("/f")
        ?.xattrs?.keys() ?? []),
    ];
    expect(await kept(undefined)).toEqual(["security.capability", "user.a"]);
    expect(await kept(false)).toEqual([]);
    expect(await kept((name) => name.startsWith("security."))).toEqual(["security.capability", "security.selinux"]);
  });
});

describe("a filter", () => {
  it("leaves files out, and trees whole, and is asked once for each directory", async () => {
    const asked: string[] = [];
    const tree = await added(
      [file("keep/a"), file("keep/b.log"), file("node_modules/x/y"), dir("keep"), file("c.log")],
      {
        filter: (path, isDirectory) => {
          asked.push(`${path}${isDirectory ? "/" : ""}`);
          return path === "node_modules" ? "skip-tree" : !path.endsWith(".log");
        },
      },
    );
    expect([...nodes(tree).keys()]).toEqual(["/keep", "/keep/a"]);
    expect(asked).toEqual(["keep/", "keep/a", "keep/b.log", "node_modules/", "c.log"]);
  });

  it("can take something out of a directory that is left out; its parents come along with their modes", async () => {
    const filter = (path: string) => path.endsWith("yes");
    const entries = [dir("a", 0o700), file("a/no"), file("a/yes"), dir("e", 0o711), file("e/no")];
    for (const order of [entries, [...entries].reverse()]) {
      const tree = await added(order, { filter });
      expect([...nodes(tree).keys()]).toEqual(["/a", "/a/yes"]);
      expect(nodes(tree).get("/a")).toMatchObject({ mode: 0o700 });
    }
  });

  it("leaves out what could not be taken", async () => {
    const filter = (path: string) => !path.includes(".wh.");
    expect([...nodes(await added([file("a"), file(".wh.b")], { filter })).keys()]).toEqual(["/a"]);
    expect(await refused([file("a"), link("a", "b")], { filter: (path) => path !== "a" })).toMatchObject({
      code: "INVALID_PATH",
      message: expect.stringMatching(/"b".*hard link to "a".*left out/),
    });
  });
});

describe("a tar that cannot be trusted", () => {
  const base: Parameters<typeof treeAfter>[1] = async (work) => {
    await work.writeFile("/etc/passwd", "theirs");
    await work.mkdir("/srv/real", { recursive: true });
    await work.symlink("real", "/srv/alias");
    await work.symlink("/etc", "/srv/out");
  };
  const attacks: readonly (readonly [string, readonly Entry[], string])[] = [
    ["a path that climbs", [file("../etc/passwd", "x")], "INVALID_PATH"],
    ["a path that climbs later on", [file("a/../../etc/passwd", "x")], "INVALID_PATH"],
    ["a path that climbs within", [file("a/../b", "x")], "INVALID_PATH"],
    ["a file through a symlink of its own", [symlink("/etc", "l"), file("l/passwd", "x")], "INVALID_PATH"],
    ["a directory through one", [symlink("..", "l"), dir("l/etc/new")], "INVALID_PATH"],
    ["a hard link through one", [symlink("/etc", "l"), link("l/passwd", "p"), file("p", "x")], "INVALID_PATH"],
    [
      "a file through one that it put behind another name",
      [symlink("/etc", "alias/l"), file("real/l/passwd", "x")],
      "INVALID_PATH",
    ],
    ["a hard link to what the snapshot has", [link("out/passwd", "p")], "INVALID_PATH"],
    ["a hard link that climbs", [link("../etc/passwd", "p")], "INVALID_PATH"],
    ["an absolute hard link", [link("/etc/passwd", "p")], "INVALID_PATH"],
    ["a hard link to what comes later", [link("f", "g"), file("f", "x")], "INVALID_PATH"],
    ["a hard link to itself", [file("f", "x"), link("f", "f")], "INVALID_PATH"],
    ["a hard link to a directory", [dir("d"), link("d", "e")], "INVALID_PATH"],
    ["a hard link to the root", [link("./", "e")], "INVALID_PATH"],
    ["a whiteout", [file("d/.wh.passwd")], "INVALID_PATH"],
    ["an opaque marker", [file("d/.wh..wh..opq")], "INVALID_PATH"],
    ["a file in a whiteout", [file(".wh.d/f")], "INVALID_PATH"],
    ["a file under a file", [file("f", "x"), file("f/g", "x")], "NOT_A_DIRECTORY"],
    ["a file in the place of a directory", [file("real", "x")], "IS_A_DIRECTORY"],
    ["a file in the place of its own directory", [file("d/f", "x"), file("d", "x")], "IS_A_DIRECTORY"],
    ["a file as the root", [file(".", "x")], "INVALID_PATH"],
    ["a symlink as the root", [symlink("/etc", "./")], "INVALID_PATH"],
    ["a name of 256 bytes", [file("n".repeat(256))], "INVALID_PATH"],
    ["a path of 4096 bytes", [file(`${"d/".repeat(2048)}f`)], "INVALID_PATH"],
  ];
  for (const [what, entries, code] of attacks) {
    it(`is refused for ${what}, and nothing outside has changed`, async () => {
      const bench = workbench();
      const { key } = await bench.make(base);
      const work = await bench.snapshots.prepare("work", key);
      await expect(addTar(work, tarOf(...entries), { dest: "/srv" })).rejects.toMatchObject({ code });
      expect(await work.readTextFile("/etc/passwd")).toBe("theirs");
      expect(await work.readdir("/etc")).toEqual(["passwd"]);
      expect((await work.stat("/etc/passwd")).links).toBe(1);
    });
  }

  it("puts what comes through a symlink of the snapshot where that led at first", async () => {
    const entries = [dir("alias"), file("alias/f", "1"), symlink("/etc", "real/f"), file("alias/f", "2")];
    const tree = await added(entries, { dest: "/srv" }, base);
    expect(nodes(tree).get("/srv/real/f")).toMatchObject({ type: "file", size: 1 });
    expect(nodes(tree).get("/srv/alias")).toMatchObject({ type: "symlink" });
  });

  it("names what it refuses", async () => {
    expect(await refused([file("a/.wh.b")])).toMatchObject({ message: expect.stringContaining('"a/.wh.b"') });
    expect(await refused([symlink("x", "l"), file("l/f")])).toMatchObject({
      message: 'Cannot add tar entry "l/f": its path leads through /l, which the same source has as a symlink',
    });
  });

  it("has no more entries than it may, those among them that are only implied", async () => {
    expect(await refused([file("a"), file("b"), file("c")], { entryLimit: 2 })).toMatchObject({ code: "INVALID_TAR" });
    expect(await refused([file("a/b/c/d")], { entryLimit: 3 })).toMatchObject({ code: "INVALID_TAR" });
    expect(await refused([file("a/b/c/d")], { entryLimit: 4 })).toBeUndefined();
  });

  it("has no more bytes than it may, whatever they were packed in or say they are", async () => {
    const bomb = await collect(gzip(await collect(tarOf(file("zeros", "\0".repeat(4_000_000))))));
    expect(bomb.byteLength).toBeLessThan(10_000);
    expect(await failureOf((work) => addTar(work, bomb, { sizeLimit: 100_000 }))).toMatchObject({
      code: "INVALID_TAR",
      message: expect.stringContaining("100000 bytes"),
    });
    const trailing = await collect(gzip([await collect(tarOf(file("f"))), new Uint8Array(4_000_000)]));
    expect(await failureOf((work) => addTar(work, trailing, { sizeLimit: 100_000 }))).toMatchObject({
      code: "INVALID_TAR",
    });
  });

  itWith(["tar", "truncate"], "has no sparse file that is longer than it may be", async () => {
    const home = temporaryDirectory();
    execFileSync("truncate", ["-s", "1T", join(home, "sparse")]);
    const tar = execFileSync("tar", ["--sparse", "-cf", "-", "-C", home, "."]);
    expect(tar.byteLength).toBeLessThan(20_000);
    expect(await failureOf((work) => addTar(work, tar, { sizeLimit: 1_000_000 }))).toMatchObject({
      code: "INVALID_TAR",
      message: expect.stringContaining("sparse"),
    });
  });

  it("lets go of the stream that it comes by when it is refused", async () => {
    let cancelled = false;
    const bytes = await collect(tarOf(file("../f"), file("large", "x".repeat(100_000))));
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.byteLength; at += 512) controller.enqueue(bytes.slice(at, at + 512));
      },
      cancel() {
        cancelled = true;
      },
    });
    expect(await failureOf((work) => addTar(work, stream))).toMatchObject({ code: "INVALID_PATH" });
    expect(cancelled).toBe(true);
  });

  it("is the same in whatever pieces it comes", async () => {
    const bytes = await collect(
      gzip(await collect(tarOf(dir("d"), file("d/f", "content".repeat(300)), link("d/f", "g")))),
    );
    const digests = new Set<string>();
    for (const size of [1, 7, 65_536]) {
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
      }
      digests.add((await treeAfter((work) => addTar(work, pieces()))).root.digest);
    }
    expect(digests.size).toBe(1);
  });

  it("ends with the error of what it was read from, and when it is aborted", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield (await collect(tarOf(file("f", "x".repeat(2000))))).subarray(0, 1000);
      throw new Error("the line is dead");
    }
    expect(await failureOf((work) => addTar(work, broken()))).toMatchObject({ message: "the line is dead" });
    const reason = new Error("enough");
    const controller = new AbortController();
    const onProgress = ({ state }: ProgressEvent): void => (state === "running" ? controller.abort(reason) : undefined);
    const tar = tarOf(file("f", "x"), file("g", "y"), file("h", "z"));
    expect(await failureOf((work) => addTar(work, tar, { signal: controller.signal, onProgress }))).toBe(reason);
  });
});

describe("whatever a tar has", () => {
  const base: Parameters<typeof treeAfter>[1] = async (work) => {
    await work.writeFile("/etc/passwd", "theirs");
    await work.writeFile("/srv/a/kept", "kept");
    await work.symlink("a", "/srv/alias");
    await work.symlink("alias/b", "/srv/a/l");
  };
  const path = fc
    .array(fc.constantFrom("a", "b", "l", "alias", "x", "..", ".", "", "etc", "passwd"), { minLength: 1, maxLength: 4 })
    .map((names) => names.join("/"));
  const target = fc.oneof(path, fc.constantFrom("/etc", "/etc/passwd", "../etc", "..", "/", "l", "a"));
  const entry: fc.Arbitrary<Entry> = fc.oneof(
    path.map((at) => file(at, "mine")),
    path.map((at) => dir(at, 0o700)),
    fc.tuple(target, path).map(([to, at]) => symlink(to, at)),
    fc.tuple(target, path).map(([to, at]) => link(to, at)),
  );

  it("nothing outside of its place changes, and it ends well or with an error of ours", async () => {
    let well = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 12 }), async (entries) => {
        // The writer refuses what has no name.
        const named = entries.filter(({ name, linkName }) => name !== "" && linkName !== "");
        const bench = workbench();
        const { key, tree: before } = await bench.make(base);
        const work = await bench.snapshots.prepare("work", key);
        const failure = await addTar(work, tarOf(...named), { dest: "/srv" }).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (failure === undefined) well++;
        else expect(failure).toMatchObject({ name: "SlipwayError" });
        const { root } = await work.tree();
        expect([...root.entries.keys()]).toEqual(["etc", "srv"]);
        expect(root.entries.get("etc")).toBe(before.root.entries.get("etc"));
        expect((await work.stat("/srv/a")).path).toBe("/srv/a");
      }),
      { numRuns: 300 },
    );
    expect(well).toBeGreaterThan(10);
  });

  itWith(["tar"], "it is what GNU tar makes of it, where both take it", async () => {
    const plain = fc.constantFrom("a", "b", "c", "a/x", "a/y", "b/x", "c/x/y");
    const simple: fc.Arbitrary<Entry> = fc.oneof(
      fc.tuple(plain, fc.constantFrom("1", "22")).map(([at, text]) => file(at, text)),
      fc.tuple(plain, fc.constantFrom(0o700, 0o755)).map(([at, mode]) => dir(at, mode)),
      fc.tuple(fc.constantFrom("a", "nowhere"), plain).map(([to, at]) => symlink(to, at)),
      fc.tuple(plain, plain).map(([to, at]) => link(to, at)),
    );
    let both = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(simple, { minLength: 1, maxLength: 7 }), async (entries) => {
        const tar = await collect(tarOf(...entries));
        const bench = workbench();
        const work = await bench.snapshots.prepare("work");
        const ours = await addTar(work, tar).catch(() => undefined);
        if (ours === undefined) return;
        const home = realpathSync(temporaryDirectory());
        const { status } = spawnSync("tar", ["-xpf", "-", "-C", home], { input: tar });
        if (status !== 0) return;
        both++;
        const theirs = await treeAfter((other) => addDirectory(other, home, { xattrs: false }));
        expect(lines(undefined, await work.tree())).toEqual(lines(undefined, theirs));
        expect((await work.tree()).root.digest).toBe(theirs.root.digest);
      }),
      { numRuns: 300 },
    );
    expect(both).toBeGreaterThan(20);
  });
});

describe("the tree of a tar", () => {
  itWith(["tar"], "is that of the directory that GNU tar made it of", async () => {
    const home = realpathSync(temporaryDirectory());
    const path = (name: string): string => join(home, name);
    for (const name of [
      "z/2",
      "b/1",
      "Ünï/cödé \u{1f600}",
      "a/b",
      "a-b",
      `long/${"n".repeat(200)}/${"m".repeat(200)}`,
    ]) {
      mkdirSync(join(path(name), ".."), { recursive: true });
      writeFileSync(path(name), name, { mode: 0o640 });
    }
    mkdirSync(path("empty"), { mode: 0o700 });
    chmodSync(path("b"), 0o2755);
    for (const other of ["c", "a/a", "z/1"]) linkSync(path("z/2"), path(other));
    linkSync(path("b/1"), path("0"));
    symlinkSync("../nowhere", path("a/link"));
    lutimesSync(path("a/link"), 5, 5);
    utimesSync(path("b/1"), -7, -7);
    if (hasTool("root")) {
      chownSync(path("b/1"), 1234, 3_000_000);
      execFileSync("mknod", [path("disk"), "b", "259", "70000"]);
      execFileSync("mkfifo", [path("fifo")]);
    }
    const options = { preserveOwner: true, preserveMtime: true, xattrs: false };
    const expected = await treeAfter((work) => addDirectory(work, home, options));
    for (const args of [
      ["--format=gnu"],
      ["--format=posix"],
      ["--format=posix", "--sort=name"],
      ["--format=gnu", "-z"],
    ]) {
      const tar = execFileSync("tar", [...args, "-cf", "-", "-C", home, "."]);
      const tree = await treeAfter((work) => addTar(work, tar, options));
      expect([...tree.links.values()]).toEqual([...expected.links.values()]);
      expect(tree.root.digest).toBe(expected.root.digest);
    }
  });

  it("is the one that it was made of, in whatever order its entries come", async () => {
    await fc.assert(
      fc.asyncProperty(randomDirectory, fc.infiniteStream(fc.nat(1000)), async (directory, keys) => {
        const entries: Entry[] = [...entriesOf(directory)].map(({ path, node }) =>
          node === "directory"
            ? dir(path)
            : "target" in node
              ? symlink(node.target, path)
              : file(path, node.content, node.mode),
        );
        const shuffled = entries
          .map((entry) => ({ entry, key: keys.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ entry }) => entry);
        const expected = await treeAfter((work) => writeRandom(work, directory));
        const tree = await treeAfter((work) => addTar(work, tarOf(...shuffled)));
        expect(tree.root.digest).toBe(expected.root.digest);
      }),
      { numRuns: 150 },
    );
  });
});
