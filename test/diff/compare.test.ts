import { describe, expect, it } from "vitest";
import { compareTrees } from "../../src/diff/index.ts";
import type { WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import type { DirectoryNode, Tree, TreeNode } from "../../src/snapshots/tree.ts";
import { pair, workbench } from "./support.ts";

type Step = (work: WritableSnapshot) => Promise<void>;

async function changes(before: Step, after: Step, options?: Parameters<typeof compareTrees>[2]): Promise<string[]> {
  const { lower, upper } = await pair(before, after);
  return [...compareTrees(lower, upper, options)].map(
    ({ kind, path, reasons }) => `${kind} ${path}: ${reasons.join()}`,
  );
}

const oneFile: Step = async (work) => {
  await work.mkdir("/d");
  await work.writeFile("/d/f", "content");
};

describe("the changes between two trees", () => {
  it("are none where nothing changed", async () => {
    expect(await changes(oneFile, async () => {})).toEqual([]);
  });

  it("are none where the same was written again", async () => {
    expect(await changes(oneFile, async (work) => await work.writeFile("/d/f", "content"))).toEqual([]);
  });

  it("are all entries of a tree on nothing", async () => {
    const { tree } = await workbench().make(oneFile);
    const found = [...compareTrees(undefined, tree)];
    expect(found.map(({ kind, path }) => [kind, path])).toEqual([
      ["add", "/d"],
      ["add", "/d/f"],
    ]);
    expect(found.every(({ lower, upper }) => lower === undefined && upper !== undefined)).toBe(true);
  });

  const cases: readonly (readonly [string, Step, string])[] = [
    ["content of another size", (work) => work.writeFile("/d/f", "longer content"), "modify /d/f: content"],
    ["content of the same size", (work) => work.writeFile("/d/f", "CONTENT"), "modify /d/f: content"],
    ["a mode", (work) => work.chmod("/d/f", 0o600), "modify /d/f: mode"],
    ["a setuid bit", (work) => work.chmod("/d/f", 0o4644), "modify /d/f: mode"],
    ["a user", (work) => work.chown("/d/f", 5, 0), "modify /d/f: owner"],
    ["a group", (work) => work.chown("/d/f", 0, 5), "modify /d/f: owner"],
    ["an xattr", (work) => work.setxattr("/d/f", "user.a", "1"), "modify /d/f: xattr"],
    ["an mtime", (work) => work.utimes("/d/f", 5), "modify /d/f: mtime"],
    ["a directory's mode", (work) => work.chmod("/d", 0o700), "modify /d: mode"],
    ["a new file", (work) => work.writeFile("/d/g", ""), "add /d/g: added"],
    ["a file that is gone", (work) => work.remove("/d/f"), "delete /d/f: removed"],
    ["a directory that is gone, its top alone", (work) => work.remove("/d", { recursive: true }), "delete /d: removed"],
    [
      "several at once",
      async (work) => {
        await work.chmod("/d/f", 0o600);
        await work.chown("/d/f", 1, 1);
        await work.utimes("/d/f", 5);
      },
      "modify /d/f: mode,owner,mtime",
    ],
    [
      "a file that became a symlink",
      async (work) => {
        await work.remove("/d/f");
        await work.symlink("x", "/d/f");
      },
      "modify /d/f: type",
    ],
    [
      "a directory that became a file",
      async (work) => {
        await work.remove("/d", { recursive: true });
        await work.writeFile("/d", "");
      },
      "modify /d: type",
    ],
  ];
  for (const [what, after, expected] of cases) {
    it(`tell of ${what}`, async () => {
      expect(await changes(oneFile, after)).toEqual([expected]);
    });
  }

  it("tell of the target of a symlink and of device numbers", async () => {
    const before: Step = async (work) => {
      await work.symlink("a", "/link");
      await work.mknod("/null", "char", { major: 1, minor: 3 });
    };
    const after: Step = async (work) => {
      await work.remove("/link");
      await work.symlink("b", "/link");
      await work.remove("/null");
      await work.mknod("/null", "char", { major: 1, minor: 5 });
    };
    expect(await changes(before, after)).toEqual(["modify /link: link", "modify /null: device"]);
  });

  it("tell of everything in a directory that took the place of a file", async () => {
    const after: Step = async (work) => {
      await work.remove("/d/f");
      await work.mkdir("/d/f");
      await work.writeFile("/d/f/x", "");
    };
    expect(await changes(oneFile, after)).toEqual(["modify /d/f: type", "add /d/f/x: added"]);
  });

  it("tell of what is missing in a directory that was removed and made again", async () => {
    const after: Step = async (work) => {
      await work.remove("/d", { recursive: true });
      await work.mkdir("/d");
      await work.writeFile("/d/g", "");
    };
    expect(await changes(oneFile, after)).toEqual(["delete /d/f: removed", "add /d/g: added"]);
  });

  it("do not come from a directory's mtime, or from the root", async () => {
    expect(await changes(oneFile, (work) => work.utimes("/d", 5))).toEqual([]);
    expect(await changes(oneFile, (work) => work.chmod("/", 0o700))).toEqual([]);
  });

  it("leave mtimes alone on request, unless something else changed", async () => {
    const mtime: Step = (work) => work.utimes("/d/f", 5);
    expect(await changes(oneFile, mtime, { mtimeChanges: false })).toEqual([]);
    const both: Step = (work) => work.writeFile("/d/f", "other", { mtime: 5 });
    expect(await changes(oneFile, both, { mtimeChanges: false })).toEqual(["modify /d/f: content,mtime"]);
  });

  it("leave xattrs alone that are not asked for", async () => {
    const after: Step = async (work) => {
      await work.setxattr("/d/f", "user.a", "1");
      await work.setxattr("/d", "security.capability", "x");
    };
    const xattrs = (name: string) => name === "security.capability";
    expect(await changes(oneFile, after, { xattrs })).toEqual(["modify /d: xattr"]);
  });

  it("come bytewise by path with the slash lowest", async () => {
    const names = ["/a", "/a/b", "/a/é", "/a/\u{1f600}", "/a-b", "/a.b", "/a0", "/B", "/\uffee", "/\u{10000}"];
    const { tree } = await workbench().make(async (work) => {
      await work.mkdir("/a");
      for (const name of names) if (name !== "/a") await work.writeFile(name, "");
    });
    const order = (path: string): string => Buffer.from(path).toString("latin1").replaceAll("/", "\0");
    const expected = [...names].sort((a, b) => (order(a) < order(b) ? -1 : 1));
    expect([...compareTrees(undefined, tree)].map(({ path }) => path)).toEqual(expected);
  });
});

/** The same tree; `visited` counts how often the entries of each directory are looked at. */
function counted(tree: Tree): { tree: Tree; visited: string[] } {
  const visited: string[] = [];
  const wrap = (path: string, node: TreeNode): TreeNode => {
    if (node.type !== "directory") return node;
    const wrapped = new Map([...node.entries].map(([name, child]) => [name, wrap(`${path}/${name}`, child)]));
    const directory: DirectoryNode = {
      ...node,
      get entries() {
        visited.push(path);
        return wrapped;
      },
    };
    return directory;
  };
  const root = wrap("", tree.root);
  if (root.type !== "directory") throw new Error("no root");
  return { tree: { ...tree, root }, visited };
}

describe("the cost of a comparison", () => {
  const many: Step = async (work) => {
    for (let i = 0; i < 30; i++) {
      for (let j = 0; j < 5; j++) await work.writeFile(`/d${i}/e${j}/f`, `${i} ${j}`);
    }
  };

  it("is that of what changed: nothing else is visited", async () => {
    const { lower, upper } = await pair(many, (work) => work.writeFile("/d7/e3/f", "other"));
    const below = counted(lower);
    const above = counted(upper);
    expect([...compareTrees(below.tree, above.tree)].map(({ path }) => path)).toEqual(["/d7/e3/f"]);
    expect(above.visited).toEqual(["", "/d7", "/d7/e3"]);
    expect(below.visited).toEqual(["", "/d7", "/d7/e3"]);
  });

  it("is nothing for equal trees that were made apart", async () => {
    const below = counted((await workbench().make(many)).tree);
    const above = counted((await workbench().make(many)).tree);
    expect([...compareTrees(below.tree, above.tree)]).toEqual([]);
    expect([...below.visited, ...above.visited]).toEqual([]);
  });
});
