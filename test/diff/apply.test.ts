import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { type ApplyOptions, applyLayer, type LayerLimits } from "../../src/diff/index.ts";
import { digestOf } from "../../src/hash/index.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import type { WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import { dir, type Entry, file, link, nodes, symlink, tarOf, workbench } from "./support.ts";

type Step = (work: WritableSnapshot) => Promise<void>;

const nothing: Step = async () => {};

async function apply(before: Step, layer: readonly Entry[], options?: ApplyOptions): Promise<WritableSnapshot> {
  const bench = workbench();
  const { key } = await bench.make(before);
  const work = await bench.snapshots.prepare("work", key);
  await applyLayer(work, tarOf(...layer), options);
  return work;
}

/** All paths of a snapshot, directories with a `/` at the end. */
async function paths(work: WritableSnapshot): Promise<string[]> {
  return [...nodes(await work.tree())].map(([path, node]) => (node.type === "directory" ? `${path}/` : path));
}

async function bytesOf(tar: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk);
  return concatBytes(chunks);
}

const lower: Step = async (work) => {
  await work.writeFile("/d/a", "a");
  await work.writeFile("/d/sub/b", "b");
  await work.writeFile("/d/sub/deep/c", "c");
  await work.writeFile("/e", "e");
};

describe("applying a layer", () => {
  it("makes every type of entry with its attributes", async () => {
    const xattrs = new Map([["user.a", Uint8Array.of(0, 255)]]);
    const attributes = { uid: 1000, gid: 2000, mtime: -5 };
    const work = await apply(nothing, [
      { name: "dir/", type: "directory", mode: 0o1770, ...attributes, xattrs },
      { name: "dir/file", type: "file", mode: 0o4755, ...attributes, xattrs, text: "content" },
      { name: "dir/link", type: "link", linkName: "dir/file", mode: 0o4755, ...attributes },
      { name: "dir/symlink", type: "symlink", linkName: "any where", mode: 0o777, ...attributes },
      { name: "fifo", type: "fifo", mode: 0o600, ...attributes },
      { name: "char", type: "char", mode: 0o666, ...attributes, deviceMajor: 1, deviceMinor: 3 },
      { name: "block", type: "block", mode: 0o660, ...attributes, deviceMajor: 259, deviceMinor: 70000 },
    ]);
    const found = nodes(await work.tree());
    expect(found.get("/dir")).toMatchObject({ type: "directory", mode: 0o1770, ...attributes, xattrs });
    expect(found.get("/dir/file")).toMatchObject({ type: "file", mode: 0o4755, ...attributes, xattrs, size: 7 });
    expect(found.get("/dir/link")).toEqual(found.get("/dir/file"));
    expect((await work.stat("/dir/link")).links).toBe(2);
    expect(found.get("/dir/symlink")).toMatchObject({ type: "symlink", target: "any where", ...attributes });
    expect(found.get("/fifo")).toMatchObject({ type: "fifo", mode: 0o600, ...attributes });
    expect(found.get("/char")).toMatchObject({ type: "char", major: 1, minor: 3, ...attributes });
    expect(found.get("/block")).toMatchObject({ type: "block", major: 259, minor: 70000, ...attributes });
    expect(await work.readTextFile("/dir/link")).toBe("content");
  });

  it("makes missing parents: 0755, of root, at the epoch", async () => {
    const work = await apply(nothing, [{ ...file("a/b/c", "x"), uid: 5, mtime: 7 }]);
    for (const path of ["/a", "/a/b"]) {
      expect((await work.stat(path)).node).toMatchObject({ type: "directory", mode: 0o755, uid: 0, gid: 0, mtime: 0 });
    }
  });

  it("leaves the root as it is", async () => {
    const work = await apply(nothing, [{ ...dir("./", 0o700), uid: 5 }, dir("/", 0o700), file("./a")]);
    expect((await work.stat("/")).node).toMatchObject({ mode: 0o755, uid: 0 });
    expect(await paths(work)).toEqual(["/a"]);
  });

  it("joins directories and takes the new attributes, all of them", async () => {
    const before: Step = async (work) => {
      await lower(work);
      await work.setxattr("/d", "user.old", "1");
    };
    const xattrs = new Map([["user.new", Uint8Array.of(2)]]);
    const work = await apply(before, [{ ...dir("d", 0o2700), uid: 3, gid: 4, mtime: 5, xattrs }, file("d/z")]);
    expect((await work.stat("/d")).node).toMatchObject({ mode: 0o2700, uid: 3, gid: 4, mtime: 5, xattrs });
    expect(await work.readdir("/d")).toEqual(["a", "sub", "z"]);
  });

  it("puts a file in the place of a directory, and the reverse", async () => {
    const work = await apply(lower, [file("d", "file"), dir("e"), file("e/x")]);
    expect(await paths(work)).toEqual(["/d", "/e/", "/e/x"]);
  });

  it("breaks hard links of the lower tree instead of writing through them", async () => {
    const before: Step = async (work) => {
      await lower(work);
      await work.link("/e", "/f");
    };
    const work = await apply(before, [file("e", "new")]);
    expect(await work.readTextFile("/f")).toBe("e");
    expect(await work.readTextFile("/e")).toBe("new");
  });

  it("does not write through a symlink that has the name of the entry", async () => {
    const before: Step = async (work) => {
      await lower(work);
      await work.symlink("/e", "/s");
    };
    const work = await apply(before, [file("s", "new")]);
    expect((await work.lstat("/s")).node.type).toBe("file");
    expect(await work.readTextFile("/e")).toBe("e");
  });

  it("lets the last of several entries of a name win", async () => {
    const work = await apply(nothing, [
      ...[file("a", "1"), file("a", "2"), dir("b"), file("b/x"), file("b", "file")],
      ...[file("c"), dir("c"), symlink("x", "y"), file("./y", "y")],
    ]);
    expect(await paths(work)).toEqual(["/a", "/b", "/c/", "/y"]);
    expect(await work.readTextFile("/a")).toBe("2");
    expect(await work.readTextFile("/y")).toBe("y");
  });

  it("gives a linked file the attributes of the last name, and keeps its xattrs", async () => {
    const work = await apply(nothing, [
      { ...file("a", "1"), xattrs: new Map([["security.capability", Uint8Array.of(1)]]) },
      { ...link("a", "b"), mode: 0o600, uid: 7, mtime: 9 },
    ]);
    const { node } = await work.stat("/a");
    expect(node).toMatchObject({ mode: 0o600, uid: 7, mtime: 9 });
    expect(node.xattrs?.get("security.capability")).toEqual(Uint8Array.of(1));
  });

  it("keeps names and targets that are not UTF-8", async () => {
    const work = await apply(nothing, [file("a\udcff", "x"), symlink("t\udc80", "s")]);
    expect(await work.readdir("/")).toEqual(["a\udcff", "s"].sort());
    expect(await work.readlink("/s")).toBe("t\udc80");
  });
});

describe("whiteouts", () => {
  it("remove files and whole directories of the lower tree", async () => {
    const work = await apply(lower, [file("d/.wh.sub"), file(".wh.e")]);
    expect(await paths(work)).toEqual(["/d/", "/d/a"]);
  });

  it("of what is not there do nothing", async () => {
    const untouched = await paths(await apply(lower, []));
    expect(await paths(await apply(lower, [file("d/.wh.x"), file(".wh.nothing")]))).toEqual(untouched);
  });

  it("hide what lower layers have, never what the layer brings, in either order", async () => {
    const after = await apply(lower, [file("e", "new"), file(".wh.e"), dir("d"), file("d/n"), file(".wh.d")]);
    expect(await paths(after)).toEqual(["/d/", "/d/n", "/e"]);
    const before = await apply(lower, [file(".wh.e"), file("e", "new"), file(".wh.d"), dir("d"), file("d/n")]);
    expect(await paths(before)).toEqual(["/d/", "/d/n", "/e"]);
  });

  it("are never entries themselves, whatever their type", async () => {
    const work = await apply(lower, [dir(".wh.d"), symlink("x", ".wh.e")]);
    expect(await paths(work)).toEqual([]);
  });
});

describe("opaque directories", () => {
  const marker = ".wh..wh..opq";
  const own = [dir("d"), file("d/new", "new"), file("d/sub/n", "n")];
  for (const [where, layer] of [
    ["first", [file(`d/${marker}`), ...own]],
    ["after the directory", [dir("d"), file(`d/${marker}`), ...own.slice(1)]],
    ["in the middle", [...own.slice(0, 2), file(`d/${marker}`), ...own.slice(2)]],
    ["last", [...own, file(`d/${marker}`)]],
    ["again and again", own.flatMap((entry) => [file(`d/${marker}`), entry, file(`d/${marker}`)])],
  ] as const) {
    it(`lose what lower layers have, and keep what the layer brings, with the marker ${where}`, async () => {
      expect(await paths(await apply(lower, layer))).toEqual(["/d/", "/d/new", "/d/sub/", "/d/sub/n", "/e"]);
    });
  }

  it("keep a file that the layer writes again", async () => {
    const work = await apply(lower, [file("d/a", "again"), file(`d/${marker}`)]);
    expect(await work.readTextFile("/d/a")).toBe("again");
    expect(await work.readdir("/d")).toEqual(["a"]);
  });

  it("can be the root", async () => {
    expect(await paths(await apply(lower, [file("new"), file(marker)]))).toEqual(["/new"]);
  });

  it("do not come of names that merely begin like the marker", async () => {
    const names = [
      `d/${marker}x`,
      "d/.wh..wh..op",
      "d/.wh..wh.plnk",
      ".wh..wh.aufs",
      ".wh..wh.orph/x",
      `d/${marker}/x`,
    ];
    const work = await apply(
      lower,
      names.map((name) => file(name, "bookkeeping")),
    );
    expect(await paths(work)).toEqual(["/d/", "/d/a", "/d/sub/", "/d/sub/b", "/d/sub/deep/", "/d/sub/deep/c", "/e"]);
  });
});

describe("what applying gives back", () => {
  const layer = [dir("d"), file("d/a", "content")];

  it("is diffID, size and number of entries, of plain and of compressed layers", async () => {
    const tar = await bytesOf(tarOf(...layer));
    const expected = { diffID: digestOf(tar), size: tar.byteLength, entries: 2 };
    for (const bytes of [tar, gzipSync(tar)]) {
      const work = await workbench().snapshots.prepare("work");
      expect(await applyLayer(work, bytes)).toEqual(expected);
      expect(await work.readTextFile("/d/a")).toBe("content");
    }
  });

  it("covers what follows the end marker", async () => {
    const tar = concatBytes([
      await bytesOf(tarOf(...layer)),
      new Uint8Array(10240),
      new TextEncoder().encode("trailing"),
    ]);
    const work = await workbench().snapshots.prepare("work");
    const chunks = [tar.subarray(0, 700), tar.subarray(700, 5000), tar.subarray(5000)];
    expect(await applyLayer(work, chunks)).toEqual({ diffID: digestOf(tar), size: tar.byteLength, entries: 2 });
  });

  it("is refused if the diffID is another than expected, naming both", async () => {
    const tar = await bytesOf(tarOf(...layer));
    const work = await workbench().snapshots.prepare("work");
    const diffID = digestOf(new Uint8Array(1));
    await expect(applyLayer(work, tar, { diffID })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringMatching(new RegExp(`${digestOf(tar)}.*${diffID}`)),
    });
  });

  it("is progress, step by step", async () => {
    const events: ProgressEvent[] = [];
    const tar = await bytesOf(tarOf(...layer));
    const work = await workbench().snapshots.prepare("work");
    await applyLayer(work, tar, { onProgress: (event) => events.push(event) });
    expect(events[0]).toMatchObject({ state: "started", name: "applying layer" });
    expect(events.at(-1)).toMatchObject({ state: "completed", current: tar.byteLength });
  });

  it("stores no contents when they are skipped, but knows them all the same", async () => {
    const bench = workbench();
    const work = await bench.snapshots.prepare("work");
    await applyLayer(work, tarOf(...layer, file("empty")), { contents: "skip" });
    const found = nodes(await work.tree());
    expect(found.get("/d/a")).toMatchObject({ size: 7, content: digestOf(new TextEncoder().encode("content")) });
    expect(found.get("/empty")).toMatchObject({ size: 0, content: digestOf(new Uint8Array()) });
    await expect(bench.content.info(digestOf(new TextEncoder().encode("content")))).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });
});

describe("a layer that is broken or given up", () => {
  it("is refused where it is cut off, plain or compressed", async () => {
    const tar = await bytesOf(tarOf(file("a", "content"), file("b", "x".repeat(2000))));
    const zipped = gzipSync(tar);
    const work = await workbench().snapshots.prepare("work");
    await expect(applyLayer(work, tar.subarray(0, 1800))).rejects.toMatchObject({ code: "INVALID_TAR" });
    await expect(applyLayer(work, zipped.subarray(0, zipped.byteLength - 20))).rejects.toMatchObject({
      code: "INVALID_COMPRESSION",
    });
  });

  it("names an entry in few words, however long its name is", async () => {
    const failed = apply(nothing, [file(`${"a/".repeat(10_000)}f`)]);
    await expect(failed).rejects.toMatchObject({ code: "INVALID_PATH" });
    await expect(failed).rejects.toThrow(/^.{0,500}$/s);
  });

  it("ends with the reason of the signal", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    async function* slowly(): AsyncGenerator<Uint8Array> {
      for await (const chunk of tarOf(file("a", "1"), file("b", "2"))) {
        yield chunk;
        controller.abort(reason);
      }
    }
    const work = await workbench().snapshots.prepare("work");
    await expect(applyLayer(work, slowly(), { signal: controller.signal })).rejects.toBe(reason);
  });

  it("lets go of its source", async () => {
    let released = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield await bytesOf(tarOf(file(".wh..")));
        yield new Uint8Array(512);
      } finally {
        released = true;
      }
    }
    const work = await workbench().snapshots.prepare("work");
    await expect(applyLayer(work, source())).rejects.toMatchObject({ code: "INVALID_PATH" });
    expect(released).toBe(true);
  });
});

describe("the limits of a layer", () => {
  const refused = async (layer: readonly Entry[], limits: LayerLimits): Promise<string> => {
    const failure: unknown = await apply(nothing, layer, { limits }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: "INVALID_TAR" });
    return String(failure);
  };

  it("count entries, and directories that only paths imply", async () => {
    const layer = [file("a/b/c/d", "1"), file("a/b/c/e", "2")];
    expect(await paths(await apply(nothing, layer, { limits: { entries: 5 } }))).toHaveLength(5);
    expect(await refused(layer, { entries: 4 })).toContain("more than 4 entries; raise the limit `entries`");
  });

  it("count the bytes of the tar, and of files that are larger than what stands for them in it", async () => {
    const layer = [file("a", "x".repeat(1000)), file("b", "x".repeat(1000))];
    const whole = (await bytesOf(tarOf(...layer))).byteLength;
    await apply(nothing, layer, { limits: { size: whole } });
    expect(await refused(layer, { size: whole - 1 })).toContain("bytes of tars; raise the limit `size`");
    expect(await refused(layer, { size: 1999 })).toContain("1999 bytes");
  });

  it("bound the depth of paths, by default too", async () => {
    await apply(nothing, [file("a/b/c", "")], { limits: { depth: 3 } });
    expect(await refused([file("a/b/c/d", "")], { depth: 3 })).toContain("a path of 4 names, more than 3");
    expect(await refused([file(`${"a/".repeat(1024)}b`, "")], {})).toContain("more than 1024; raise the limit `depth`");
  });

  it("name the layer", async () => {
    const diffID = digestOf(await bytesOf(tarOf(file("a", ""), file("b", ""))));
    const work = await workbench().snapshots.prepare("work");
    await expect(
      applyLayer(work, tarOf(file("a", ""), file("b", "")), { diffID, limits: { entries: 1 } }),
    ).rejects.toThrow(`Cannot apply layer ${diffID}`);
  });
});
