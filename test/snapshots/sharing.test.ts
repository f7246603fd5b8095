import { describe, expect, it } from "vitest";
import { createMemoryContentStore } from "../../src/content/index.ts";
import type { HasherFactory } from "../../src/hash/hasher.ts";
import { EMPTY_DIGEST, pureHasher } from "../../src/hash/index.ts";
import { createSnapshotter } from "../../src/snapshots/create-snapshotter.ts";
import { emptyTree } from "../../src/snapshots/empty-tree.ts";
import type { Snapshotter, WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import type { DirectoryNode, Tree } from "../../src/snapshots/tree.ts";
import { walkTree } from "../../src/snapshots/walk.ts";
import { countingMetadata, nodeAt, open, openWork } from "./support/open.ts";

const EMPTY = { digest: EMPTY_DIGEST, size: 0 };

/** `directories` directories of `files` files each, all different. */
async function fill(work: WritableSnapshot, directories: number, files: number): Promise<void> {
  for (let d = 0; d < directories; d++) {
    for (let f = 0; f < files; f++) await work.writeFile(`/data/d${d}/f${f}-${d}`, EMPTY);
  }
}

function directoriesOf(tree: Tree): Set<DirectoryNode> {
  const directories = new Set<DirectoryNode>();
  for (const { node } of walkTree(tree)) if (node.type === "directory") directories.add(node);
  return directories;
}

/** Bytes that went through the hash function: what freezing serialised, and what loading read. */
function countingHasher(): { readonly hasher: HasherFactory; bytes: number } {
  const counter = {
    bytes: 0,
    hasher: ((algorithm) => {
      const inner = pureHasher(algorithm);
      return {
        update(bytes) {
          counter.bytes += bytes.byteLength;
          inner.update(bytes);
        },
        digest: () => inner.digest(),
        clone: () => inner.clone(),
      };
    }) satisfies HasherFactory as HasherFactory,
  };
  return counter;
}

describe("structural sharing", () => {
  it("gives the tree of the parent itself as long as nothing is changed", async () => {
    const { snapshots } = open();
    const base = await snapshots.prepare("w");
    await base.writeFile("/a/b", "x");
    const ref = await snapshots.commit("base", "w");
    const work = await snapshots.prepare("w", "base");
    expect(await work.tree()).toBe(await ref.tree());
    const view = await snapshots.view("v", "base");
    expect(await view.tree()).toBe(await ref.tree());
    expect(await (await openWork()).tree()).toBe(emptyTree());
  });

  it("makes new only the directories on the way to a change", async () => {
    const { snapshots } = open();
    const base = await snapshots.prepare("w");
    for (const path of ["/a/x/1", "/a/y/2", "/b/z/3"]) await base.writeFile(path, path);
    const lower = await (await snapshots.commit("base", "w")).tree();
    const work = await snapshots.prepare("w", "base");
    await work.writeFile("/a/x/1", "changed");
    const upper = await work.tree();
    for (const path of ["b", "a/y", "b/z"]) {
      expect(nodeAt(upper, path.split("/")), path).toBe(nodeAt(lower, path.split("/")));
    }
    for (const path of ["a", "a/x"]) expect(nodeAt(upper, path.split("/"))).not.toBe(nodeAt(lower, path.split("/")));
  });

  it("finds the same directories again when a change is taken back", async () => {
    const { snapshots } = open();
    const base = await snapshots.prepare("w");
    await base.writeFile("/a/x", "x");
    const lower = await (await snapshots.commit("base", "w")).tree();
    const work = await snapshots.prepare("w", "base");
    await work.writeFile("/a/x", "y");
    await work.mkdir("/new");
    await work.tree();
    await work.writeFile("/a/x", "x");
    await work.remove("/new");
    expect((await work.tree()).root).toBe(lower.root);
    await work.chmod("/a", 0o755);
    await work.chmod("/a/x", 0o644);
    expect(await work.tree(), "setting what is set changes nothing").toBe(await work.tree());
  });

  it("moves a directory without making it new", async () => {
    const { snapshots } = open();
    const base = await snapshots.prepare("w");
    await base.writeFile("/a/deep/x", "x");
    const lower = await (await snapshots.commit("base", "w")).tree();
    const work = await snapshots.prepare("w", "base");
    await work.rename("/a", "/moved");
    expect(nodeAt(await work.tree(), ["moved"])).toBe(nodeAt(lower, ["a"]));
  });

  it("has equal directories of different snapshots as one object", async () => {
    const { snapshots } = open();
    const trees: Tree[] = [];
    for (const key of ["one", "two"]) {
      const work = await snapshots.prepare(key);
      await work.writeFile("/same/f", "x");
      await work.link("/same/f", "/same/g");
      await work.writeFile(`/${key}`, key);
      trees.push(await work.tree());
    }
    const [one, two] = trees as [Tree, Tree];
    expect(one.root).not.toBe(two.root);
    expect(nodeAt(one, ["same"])).toBe(nodeAt(two, ["same"]));
    expect(nodeAt(one, ["same", "f"])).toBe(nodeAt(two, ["same", "g"]));
  });

  it("has the same digest for the same tree, however it came about, and another for any other", async () => {
    const digest = async (...steps: ((work: WritableSnapshot) => Promise<void>)[]) => {
      const work = await openWork();
      for (const step of steps) await step(work);
      return (await work.tree()).root.digest;
    };
    const a = (work: WritableSnapshot) => work.writeFile("/d/a", "a");
    const b = (work: WritableSnapshot) => work.writeFile("/d/b", "b", { xattrs: { "user.y": "1", "user.x": "2" } });
    const xattrs = async (work: WritableSnapshot) => {
      await work.writeFile("/d/b", "b");
      await work.setxattr("/d/b", "user.x", "2");
      await work.setxattr("/d/b", "user.y", "1");
    };
    expect(await digest(a, b)).toBe(
      await digest(
        b,
        (work) => work.mkdir("/tmp"),
        a,
        (work) => work.remove("/tmp"),
      ),
    );
    expect(await digest(a, b)).toBe(await digest(xattrs, a));
    const others = await Promise.all([
      digest(a),
      digest(a, b),
      digest(a, (work) => work.chmod("/d/a", 0o600)),
      digest(a, (work) => work.chown("/d/a", 1, 0)),
      digest(a, (work) => work.chown("/d/a", 0, 1)),
      digest(a, (work) => work.utimes("/d/a", 1)),
      digest(a, (work) => work.utimes("/d", 1)),
      digest(a, (work) => work.setxattr("/d/a", "a", "")),
      digest(a, (work) => work.rename("/d/a", "/d/c")),
      digest(a, (work) => work.link("/d/a", "/d/c")),
      digest(a, (work) => work.writeFile("/d/c", "a")),
      digest((work) => work.symlink("a", "/d")),
      digest((work) => work.symlink("b", "/d")),
      digest((work) => work.mknod("/d", "char", { major: 1 })),
      digest((work) => work.mknod("/d", "block", { major: 1 })),
      digest((work) => work.mknod("/d", "char", { minor: 1 })),
      digest((work) => work.mknod("/d", "fifo")),
      digest((work) => work.mknod("/d", "socket")),
      digest((work) => work.mkdir("/d")),
      digest(),
    ]);
    expect(new Set(others).size).toBe(others.length);
  });
});

describe("what things cost in a tree of 100,000 nodes", () => {
  async function large(): Promise<{
    snapshots: Snapshotter;
    metadata: ReturnType<typeof countingMetadata>;
    counter: ReturnType<typeof countingHasher>;
    tree: Tree;
  }> {
    const metadata = countingMetadata();
    const counter = countingHasher();
    const snapshots = createSnapshotter({ content: createMemoryContentStore(), metadata, hasher: counter.hasher });
    const work = await snapshots.prepare("work");
    await fill(work, 100, 1000);
    const ref = await snapshots.commit("base", "work");
    return { snapshots, metadata, counter, tree: await ref.tree() };
  }

  it("is little for a little change", async () => {
    const { snapshots, metadata, counter, tree } = await large();
    const reset = () => {
      metadata.writes.length = 0;
      metadata.reads.length = 0;
      counter.bytes = 0;
    };

    reset();
    const work = await snapshots.prepare("w", "base");
    expect(metadata.writes.length, "writes to prepare: a number and the record").toBe(2);
    expect(metadata.reads.length).toBeLessThan(10);
    expect(counter.bytes, "nothing is hashed to prepare").toBe(0);

    reset();
    await work.writeFile("/data/d7/new", EMPTY);
    await work.writeFile("/data/d7/f3-7", EMPTY, { mode: 0o600 });
    await work.remove("/data/d9", { recursive: true });
    await work.rename("/data/d11", "/elsewhere");
    expect([metadata.writes.length, counter.bytes], "edits are done in memory").toEqual([0, 0]);
    expect(metadata.reads, "only the parent's record is read, once").toEqual(["snapshots/base"]);

    const changed = await work.tree();
    const fresh = [...directoriesOf(changed)].filter((directory) => !directoriesOf(tree).has(directory));
    expect(fresh.length, "new directories: /, /data and d7").toBe(3);
    expect(counter.bytes, "three directories are hashed, of which one has 1000 entries").toBeLessThan(400_000);
    expect(metadata.writes.length, "a pack and the record").toBe(2);

    reset();
    expect(await work.tree()).toBe(changed);
    expect([metadata.writes.length, counter.bytes], "asking again costs nothing").toEqual([0, 0]);

    await work.writeFile("/data/small/file", EMPTY);
    await work.tree();
    expect(counter.bytes, "/, /data and the new one are hashed").toBeLessThan(60_000);

    reset();
    await snapshots.commit("top", "w");
    expect(metadata.writes.filter((key) => key.startsWith("tree/")).length, "one pack in place of two").toBe(3);
    expect(await snapshots.usage("top")).toEqual({ size: 0, inodes: 1005 });
  });

  it("is one pack of a few KiB where one of 100,000 entries of a directory changes", async () => {
    const metadata = countingMetadata();
    const snapshots = createSnapshotter({ content: createMemoryContentStore(), metadata });
    const work = await snapshots.prepare("work");
    for (let i = 0; i < 100_000; i++) await work.writeFile(`/big/file-${i}`, EMPTY);
    (await snapshots.commit("base", "work")).release();
    for (const key of await metadata.keys("tree/")) {
      expect((await metadata.get(key))?.byteLength, key).toBeLessThan(3 * 1024 * 1024);
    }
    const before = new Set(await metadata.keys("tree/"));
    const child = await snapshots.prepare("child", "base");
    await child.writeFile("/big/file-5000", EMPTY, { mode: 0o600 });
    (await snapshots.commit("top", "child")).release();
    const added = (await metadata.keys("tree/")).filter((key) => !before.has(key));
    expect(added.length).toBe(1);
    expect((await metadata.get(added[0] ?? ""))?.byteLength).toBeLessThan(300_000);
  });
});
