import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMemoryContentStore, withReferences } from "../../src/content/index.ts";
import { type AddDirectoryOptions, type AddedDirectory, addDirectoryBy } from "../../src/node/directory-source.ts";
import { timesDirectories } from "../../src/node/stat-cache/file-system.ts";
import { StatCache } from "../../src/node/stat-cache/stat-cache.ts";
import type { ProgramRunner } from "../../src/node/xattrs.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../src/snapshots/index.ts";
import type { MetadataStore } from "../../src/snapshots/metadata.ts";
import type { WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import type { DirectoryNode, Tree, TreeNode } from "../../src/snapshots/tree.ts";

let home: string;
let tree: string;
let metadata: MetadataStore;

beforeEach(() => {
  home = mkdtempSync(join(realpathSync(tmpdir()), "slipway-whole-"));
  tree = join(home, "tree");
  mkdirSync(tree);
  metadata = createMemoryMetadataStore();
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

function write(path: string, content: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), content);
}

interface Read extends AddedDirectory {
  readonly tree: Tree;
  readonly work: WritableSnapshot;
  /** What was asked of `getfattr`. */
  readonly asked: readonly (readonly string[])[];
}

interface Reading extends AddDirectoryOptions {
  readonly sources?: "copy" | "reference";
  readonly prepare?: (work: WritableSnapshot) => Promise<void>;
}

/** Stands in for `getfattr`: nothing has attributes. */
async function read({ sources = "reference", prepare, ...options }: Reading = {}): Promise<Read> {
  const content = withReferences(createMemoryContentStore());
  const work = await createSnapshotter({ content, sources }).prepare("work");
  await prepare?.(work);
  const asked: (readonly string[])[] = [];
  const run: ProgramRunner = async (_, args) => {
    asked.push(args);
    return { code: 0, complaints: "" };
  };
  const added = await addDirectoryBy(work, tree, { statCache: metadata, ...options }, run);
  return { ...added, work, asked, tree: await work.tree() };
}

/** A directory that was taken by its digest does not have its entries before somebody asks for them. */
const isWhole = (node: TreeNode | undefined): boolean => node?.type === "directory" && !Object.hasOwn(node, "entries");

/** Reads until these directories of the root are taken by their digests: nothing changed within the last tick of the clock. */
async function readUntilWhole(names: readonly string[], options: Reading = {}): Promise<Read> {
  let last: Read | undefined;
  await expect
    .poll(async () => {
      last = await read(options);
      return names.filter((name) => !isWhole(last?.tree.root.entries.get(name)));
    })
    .toEqual([]);
  return last as Read;
}

/** All that a tree has, one line for each path. */
function linesOf(directory: DirectoryNode, path = ""): string[] {
  return [...directory.entries].flatMap(([name, node]) => {
    const { xattrs, ...rest } = node;
    const own = { ...rest, xattrs: [...(xattrs ?? [])].map(([key, value]) => [key, [...value]]) };
    if (node.type !== "directory") return [`${path}/${name} ${JSON.stringify(own)}`];
    const { type, mode, uid, gid, mtime, digest } = node;
    const line = `${path}/${name} ${JSON.stringify({ type, mode, uid, gid, mtime, digest, xattrs: own.xattrs })}`;
    return [line, ...linesOf(node, `${path}/${name}`)];
  });
}

/** Expects what a reading without the records gives. */
async function expectAsPlain(known: Read, options: Reading = {}): Promise<void> {
  const plain = await read({ ...options, statCache: undefined });
  expect(linesOf(known.tree.root)).toEqual(linesOf(plain.tree.root));
  expect(known.tree.links).toEqual(plain.tree.links);
  expect([known.tree.root.digest, known.entries, known.size, known.files]).toEqual([
    plain.tree.root.digest,
    plain.entries,
    plain.size,
    plain.files,
  ]);
}

function plant(): void {
  for (const name of ["a/1", "a/2", "a/deep/er/3", "b/1", "b/c/2", "b/c/d/3", "top"]) write(name, `content of ${name}`);
  mkdirSync(join(tree, "a/empty"));
  symlinkSync("../top", join(tree, "b/link"));
  symlinkSync("nowhere", join(tree, "a/deep/dangling"));
  chmodSync(join(tree, "b/1"), 0o4750);
  chmodSync(join(tree, "b/c"), 0o700);
  utimesSync(join(tree, "a/2"), 1234, 1234.75);
  write("a/nothing", "");
}

describe("a directory in which all is as it was", () => {
  it("is taken by its digest, and is what it would be entry by entry", async () => {
    plant();
    execFileSync("mkfifo", [join(tree, "a/pipe")]);
    const known = await readUntilWhole(["a", "b"]);
    expect(known.unread).toBe(known.files);
    expect(await known.work.readTextFile("/a/deep/er/3")).toBe("content of a/deep/er/3");
    expect(await known.work.readTextFile("/b/link")).toBe("content of top");
    await expectAsPlain(known);
  });

  it("is not asked for its extended attributes again, and of what changed only that", async () => {
    plant();
    expect((await read()).asked.map((args) => args.includes("-R"))).toEqual([true]);
    expect((await readUntilWhole(["a", "b"])).asked).toEqual([]);
    write("a/deep/er/3", "changed");
    const { asked } = await read();
    expect(asked.map((args) => args.slice(args.indexOf("--") + 1))).toEqual([[join(tree, "a/deep/er/3")]]);
  });

  const sameTimes = (path: string, edit: () => void): void => {
    const { atime, mtime } = lstatSync(path);
    edit();
    utimesSync(path, atime, mtime);
  };
  it.each<[string, () => void]>([
    [
      "a file of the same size and mtime",
      () => {
        const path = join(tree, "a/deep/er/3");
        sameTimes(path, () => writeFileSync(path, "CONTENT of a/deep/er/3"));
      },
    ],
    ["a mode", () => chmodSync(join(tree, "b/c/d/3"), 0o600)],
    ["the mode of a directory", () => chmodSync(join(tree, "b/c/d"), 0o711)],
    ["the mode of an empty directory", () => chmodSync(join(tree, "a/empty"), 0o711)],
    ["an mtime", () => utimesSync(join(tree, "b/c/2"), 5, 5)],
    ["a file more", () => write("b/c/d/4", "4")],
    [
      "a file more, in a directory whose mtime is set back",
      () => {
        sameTimes(join(tree, "b/c/d"), () => write("b/c/d/4", "4"));
      },
    ],
    ["a file in a directory that was empty", () => write("a/empty/1", "1")],
    ["a file less", () => unlinkSync(join(tree, "b/c/d/3"))],
    ["another name", () => renameSync(join(tree, "a/1"), join(tree, "a/11"))],
    [
      "another target of a symlink",
      () => {
        unlinkSync(join(tree, "b/link"));
        symlinkSync("elsewhere", join(tree, "b/link"));
      },
    ],
    [
      "a directory in the place of a file",
      () => {
        unlinkSync(join(tree, "b/c/2"));
        mkdirSync(join(tree, "b/c/2"));
      },
    ],
    [
      "two directories swapped",
      () => {
        renameSync(join(tree, "a"), join(tree, "x"));
        renameSync(join(tree, "b"), join(tree, "a"));
        renameSync(join(tree, "x"), join(tree, "b"));
      },
    ],
    ["a second name within", () => linkSync(join(tree, "b/c/2"), join(tree, "b/c/second"))],
    ["a second name elsewhere", () => linkSync(join(tree, "b/c/2"), join(tree, "a/second"))],
    [
      "another file in its place",
      () => {
        rmSync(join(tree, "b/c/2"));
        write("b/c/2", "content of b/c/2");
      },
    ],
  ])("is looked into again after a change: %s", async (_, change) => {
    plant();
    const options = { preserveMtime: true };
    await readUntilWhole(["a", "b"], options);
    change();
    await expectAsPlain(await read(options), options);
    await expectAsPlain(await read(options), options);
  });

  it.skipIf(process.platform !== "linux")("is not listed where its times say that it has the same names", async () => {
    plant();
    await readUntilWhole(["a", "b"]);
    write("b/c/d/4", "4");
    const asked = vi.spyOn(StatCache.prototype, "recordedNames");
    const known = await read();
    const names = asked.mock.results.map(({ value }) => value);
    const answers = new Map(asked.mock.calls.map(([path], at) => [path, names[at]]));
    asked.mockRestore();
    expect(timesDirectories(tree), "the directory for temporary files is on a local file system").toBe(true);
    expect(Object.fromEntries(answers)).toEqual({
      a: ["1", "2", "deep", "empty", "nothing"],
      "a/deep": ["dangling", "er"],
      "a/deep/er": ["3"],
      "a/empty": [],
      b: ["1", "c", "link"],
      "b/c": ["2", "d"],
    });
    await expectAsPlain(known);
  });

  it("is listed on file systems of which that is not known", () => {
    expect(timesDirectories("/proc/self")).toBe(false);
    expect(timesDirectories(join(tree, "missing"))).toBe(false);
  });

  it("is another one with other options, and with other options again", async () => {
    plant();
    await readUntilWhole(["a", "b"]);
    const without2 = (path: string) => !path.endsWith("2");
    const noTree = (path: string) => (path === "b/c" ? "skip-tree" : true);
    for (const options of [
      { preserveMtime: true },
      { preserveMtime: true, sourceDateEpoch: 1000 },
      { preserveOwner: true },
      { xattrs: false },
      {},
      { filter: without2 },
      { filter: noTree },
      {},
      { xattrs: () => true },
      { dest: "/some/where" },
    ]) {
      await expectAsPlain(await read(options), options);
      await expectAsPlain(await read(options), options);
    }
  });

  it("has hard links with what came from elsewhere without changing it", async () => {
    plant();
    mkdirSync(join(home, "outside"));
    linkSync(join(tree, "b/c/2"), join(home, "outside/other-name"));
    await readUntilWhole(["a", "b"]);
    // The file's own stat stays as it is.
    renameSync(join(home, "outside"), join(tree, "came"));
    const known = await read();
    expect([...known.tree.links.values()]).toEqual([["/b/c/2", "/came/other-name"]]);
    await expectAsPlain(known);
  });

  it("has hard links with what other filters left out, each in its turn", async () => {
    plant();
    linkSync(join(tree, "a/1"), join(tree, "b/second"));
    const onlyA = (path: string) => (path === "b" ? "skip-tree" : true);
    const onlyB = (path: string) => (path === "a" ? "skip-tree" : true);
    await readUntilWhole(["a"], { filter: onlyA });
    await readUntilWhole(["b"], { filter: onlyB });
    await expectAsPlain(await read({ filter: onlyA }), { filter: onlyA });
    const known = await read();
    expect([...known.tree.links.values()]).toEqual([["/a/1", "/b/second"]]);
    await expectAsPlain(known);
  });

  it("is merged with what is there", async () => {
    plant();
    await readUntilWhole(["a", "b"]);
    const options: Reading = {
      async prepare(work) {
        await work.writeFile("/a/other", "there before");
        await work.writeFile("/a/1", "replaced");
        await work.writeFile("/elsewhere/c/2", "replaced, too");
        await work.symlink("elsewhere", "/b");
      },
    };
    await expectAsPlain(await read(options), options);
    await expectAsPlain(await read(), {});
  });

  it("is copied where contents are copied", async () => {
    plant();
    await readUntilWhole(["a", "b"]);
    const known = await read({ sources: "copy" });
    expect(known.unread).toBe(known.files);
    rmSync(join(tree, "a"), { recursive: true });
    expect(await known.work.readTextFile("/a/1")).toBe("content of a/1");
  });

  it.skipIf(spawnSync("setfattr", ["--version"]).error !== undefined)(
    "is looked into again when an extended attribute changed",
    async () => {
      plant();
      const readReal = async (statCache: MetadataStore | undefined): Promise<DirectoryNode> => {
        const content = withReferences(createMemoryContentStore());
        const work = await createSnapshotter({ content, sources: "reference" }).prepare("work");
        await addDirectoryBy(work, tree, { statCache });
        return (await work.tree()).root;
      };
      execFileSync("setfattr", ["-n", "user.note", "-v", "one", join(tree, "a/1")]);
      await expect.poll(async () => isWhole((await readReal(metadata)).entries.get("a"))).toBe(true);
      expect(linesOf(await readReal(metadata))).toEqual(linesOf(await readReal(undefined)));
      execFileSync("setfattr", ["-n", "user.note", "-v", "two", join(tree, "a/1")]);
      execFileSync("setfattr", ["-n", "user.note", "-v", "new", join(tree, "b/c")]);
      const changed = linesOf(await readReal(metadata));
      expect(changed.filter((line) => line.includes("user.note"))).toHaveLength(2);
      expect(changed).toEqual(linesOf(await readReal(undefined)));
    },
  );
});
