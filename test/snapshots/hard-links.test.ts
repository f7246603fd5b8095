import { describe, expect, it } from "vitest";
import { nodeAt, open, openWork } from "./support/open.ts";

describe("hard links", () => {
  it("are one node under several names", async () => {
    const work = await openWork();
    await work.writeFile("/b", "x");
    await work.link("/b", "/a");
    await work.mkdir("/d");
    await work.link("/a", "/d/c");
    const tree = await work.tree();
    expect([...tree.links]).toEqual([[1, ["/a", "/b", "/d/c"]]]);
    expect(nodeAt(tree, ["a"])).toBe(nodeAt(tree, ["d", "c"]));
    expect(nodeAt(tree, ["a"])).toBe(nodeAt(tree, ["b"]));
    expect((await work.stat("/b")).links).toBe(3);
    expect(tree.nextInode).toBe(2);
  });

  it("are listed in layer order: name by name, bytewise", async () => {
    const work = await openWork();
    await work.writeFile("/a/x", "x");
    for (const path of ["/a-b", "/a/é", "/a/z", "/a.b", "/a/\u{10000}", "/a/\uffee"]) await work.link("/a/x", path);
    expect([...(await work.tree()).links.values()]).toEqual([
      ["/a/x", "/a/z", "/a/é", "/a/\uffee", "/a/\u{10000}", "/a-b", "/a.b"],
    ]);
  });

  it("show content and attributes written by one name at all of them, before and after the tree is asked for", async () => {
    const work = await openWork();
    await work.writeFile("/a", "one");
    await work.link("/a", "/d1");
    for (const freeze of [false, true]) {
      if (freeze) await work.tree();
      const text = `written, ${freeze}`;
      await work.writeFile("/d1", text, { mode: freeze ? 0o600 : 0o640 });
      await work.setxattr("/a", "user.x", text);
      expect(await work.readTextFile("/a")).toBe(text);
      const [a, b] = [(await work.stat("/a")).node, (await work.stat("/d1")).node];
      expect(a).toEqual(b);
      expect(a).toMatchObject({ mode: freeze ? 0o600 : 0o640, inode: 1 });
    }
  });

  it("of symlinks and device nodes are kept, too", async () => {
    const work = await openWork();
    await work.symlink("target", "/s");
    await work.link("/s", "/s2");
    await work.mknod("/n", "char", { major: 1, minor: 3 });
    await work.link("/n", "/n2");
    await work.chown("/s2", 7, 8, { followSymlinks: false });
    const tree = await work.tree();
    expect([...tree.links]).toEqual([
      [1, ["/s", "/s2"]],
      [2, ["/n", "/n2"]],
    ]);
    expect(nodeAt(tree, ["s"])).toMatchObject({ type: "symlink", uid: 7, gid: 8 });
  });

  it("end when one name is left, which then has no inode", async () => {
    const work = await openWork();
    await work.writeFile("/a", "x");
    await work.link("/a", "/b");
    await work.tree();
    await work.remove("/a");
    expect((await work.stat("/b")).links).toBe(1);
    expect((await work.stat("/b")).node).not.toHaveProperty("inode");
    const tree = await work.tree();
    expect(tree.links.size).toBe(0);
    expect(nodeAt(tree, ["b"])).not.toHaveProperty("inode");
  });

  it("end and begin again without a tree in between", async () => {
    const work = await openWork();
    await work.writeFile("/a", "x");
    await work.link("/a", "/b");
    await work.remove("/a");
    await work.link("/b", "/c");
    await work.chmod("/c", 0o600);
    const tree = await work.tree();
    expect([...tree.links.values()]).toEqual([["/b", "/c"]]);
    expect(nodeAt(tree, ["b"])).toBe(nodeAt(tree, ["c"]));
    expect(nodeAt(tree, ["b"])).toMatchObject({ mode: 0o600 });
  });

  it("follow the directories they are in", async () => {
    const { snapshots } = open();
    const base = await snapshots.prepare("base-work");
    await base.writeFile("/deep/er/a", "x");
    await base.link("/deep/er/a", "/deep/b");
    await base.link("/deep/er/a", "/c");
    (await snapshots.commit("base", "base-work")).release();
    const work = await snapshots.prepare("work", "base");
    await work.mkdir("/elsewhere");
    await work.rename("/deep", "/elsewhere/moved");
    expect([...(await work.tree()).links.values()]).toEqual([["/c", "/elsewhere/moved/b", "/elsewhere/moved/er/a"]]);
    await work.writeFile("/c", "changed");
    await work.rename("/elsewhere/moved", "/again");
    expect(await work.readTextFile("/again/er/a")).toBe("changed");
    expect([...(await work.tree()).links.values()]).toEqual([["/again/b", "/again/er/a", "/c"]]);
    await work.remove("/again", { recursive: true });
    const tree = await work.tree();
    expect(tree.links.size).toBe(0);
    expect(nodeAt(tree, ["c"])).not.toHaveProperty("inode");
  });

  it("lose the name that something is renamed over", async () => {
    const work = await openWork();
    await work.writeFile("/a", "linked");
    await work.link("/a", "/b");
    await work.link("/a", "/c");
    await work.writeFile("/other", "other");
    await work.rename("/other", "/b");
    expect([...(await work.tree()).links.values()]).toEqual([["/a", "/c"]]);
    await work.rename("/a", "/c");
    expect(await work.exists("/a"), "renaming over a name of the same file does nothing").toBe(true);
  });

  it("keep their number in the trees derived, and numbers are not used again", async () => {
    const { snapshots } = open();
    const base = await snapshots.prepare("w1");
    await base.writeFile("/a", "x");
    await base.link("/a", "/b");
    await base.writeFile("/e", "x");
    await base.link("/e", "/f");
    const lower = await (await snapshots.commit("base", "w1")).tree();
    const work = await snapshots.prepare("w2", "base");
    await work.remove("/a");
    await work.writeFile("/c", "y");
    await work.link("/c", "/d");
    const upper = await work.tree();
    expect([...lower.links.keys()]).toEqual([1, 2]);
    expect([...upper.links]).toEqual([
      [2, ["/e", "/f"]],
      [3, ["/c", "/d"]],
    ]);
    expect(nodeAt(upper, ["e"])).toBe(nodeAt(lower, ["e"]));
  });
});
