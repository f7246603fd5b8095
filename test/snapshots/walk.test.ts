import { describe, expect, it } from "vitest";
import { comparePaths } from "../../src/snapshots/path.ts";
import { lookup, walkTree } from "../../src/snapshots/walk.ts";
import { openWork, pathsOf } from "./support/open.ts";

const code = (name: string) => expect.objectContaining({ name: "SlipwayError", code: name });

describe("a tree", () => {
  it("is walked in layer order, which is the order of comparePaths", async () => {
    const work = await openWork();
    const paths = ["/a", "/a/b", "/a/b/c", "/a/z", "/a-", "/a.b", "/aa", "/b", "/é", "/\uffee", "/\u{10000}"];
    for (const path of [...paths].reverse()) {
      if (["/a", "/a/b"].includes(path)) await work.mkdir(path, { recursive: true });
      else await work.writeFile(path, "");
    }
    const walked = pathsOf(await work.tree());
    expect(walked).toEqual(["/", ...paths]);
    expect([...paths].reverse().sort(comparePaths)).toEqual(paths);
  });

  it("is walked without what is not to be entered", async () => {
    const work = await openWork();
    await work.writeFile("/a/x/1", "");
    await work.writeFile("/b/2", "");
    const walked = walkTree(await work.tree(), (_, path) => path !== "/a");
    expect(Array.from(walked, ({ path }) => path)).toEqual(["/", "/a", "/b", "/b/2"]);
    expect(Array.from(walkTree(await work.tree(), () => false)).length).toBe(1);
  });

  it("is looked up like a snapshot: symlinks are followed inside the root", async () => {
    const work = await openWork();
    await work.writeFile("/etc/passwd", "x");
    await work.symlink("/../etc/passwd", "/link");
    const tree = await work.tree();
    expect(lookup(tree, "/link")).toMatchObject({ type: "file", size: 1 });
    expect(lookup(tree, "/link", { followSymlinks: false })).toMatchObject({ type: "symlink" });
    expect(lookup(tree, "/")).toBe(tree.root);
    expect(() => lookup(tree, "/no")).toThrow(code("NOT_FOUND"));
    expect(() => lookup(tree, "/link/x")).toThrow(code("NOT_A_DIRECTORY"));
  });
});
