import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addFileSystemTree, addFiles, type FileSystemTree } from "../../../src/frontend/index.ts";
import type { ProgressEvent } from "../../../src/progress.ts";
import { nodes, workbench } from "../../diff/support.ts";
import { failureOf, type RandomDirectory, randomDirectory, treeAfter, writeRandom } from "./support.ts";

describe("files by path", () => {
  it("are written with the attributes that are given, their parents made", async () => {
    const files = {
      "/app/run.sh": { content: "#!/bin/sh\n", mode: 0o755, uid: 5 },
      "app/data": new Uint8Array([1, 2]),
      blob: new Blob(["abc"]),
    };
    const work = await workbench().snapshots.prepare("work");
    const events: ProgressEvent[] = [];
    const result = await addFiles(work, files, { dest: "srv", onProgress: (event) => events.push(event) });
    expect(result).toEqual({ entries: 3, size: 15 });
    expect(events.at(-1)).toMatchObject({ name: "writing files", state: "completed", current: 15 });
    const found = nodes(await work.tree());
    expect([...found.keys()]).toEqual(["/srv", "/srv/app", "/srv/app/data", "/srv/app/run.sh", "/srv/blob"]);
    expect(found.get("/srv/app/run.sh")).toMatchObject({ mode: 0o755, uid: 5 });
    expect(found.get("/srv/blob")).toMatchObject({ mode: 0o644, uid: 0, mtime: 0 });
  });

  it("keep the attributes of what they are written over", async () => {
    const tree = await treeAfter(
      (work) => addFiles(work, { "/f": "new" }),
      (work) => work.writeFile("/f", "old", { mode: 0o600 }),
    );
    expect(nodes(tree).get("/f")).toMatchObject({ mode: 0o600, size: 3 });
  });

  it("can be left out", async () => {
    const filter = (path: string, isDirectory: boolean) => (isDirectory && path === "b" ? "skip-tree" : path !== "c");
    const tree = await treeAfter((work) => addFiles(work, { "/a": "", "b/x": "", c: "" }, { filter }));
    expect([...nodes(tree).keys()]).toEqual(["/a"]);
  });

  it("are refused, by path, where they cannot be", async () => {
    for (const path of ["../x", "a/../../x", "d/.wh.x"]) {
      expect(await failureOf((work) => addFiles(work, { [path]: "" }, { dest: "/srv" }))).toMatchObject({
        code: "INVALID_PATH",
        message: expect.stringContaining(JSON.stringify(path)),
      });
    }
    expect(await failureOf((work) => addFiles(work, { "/f": 5 as never }))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await failureOf((work) => addFiles(work, { "/f": null as never }))).toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

const asTree = (directory: RandomDirectory): FileSystemTree =>
  Object.fromEntries(
    Object.entries(directory).map(([name, node]) => {
      if ("content" in node && typeof node.content === "string") return [name, { file: { contents: node.content } }];
      if ("target" in node && typeof node.target === "string") return [name, { file: { symlink: node.target } }];
      return [name, { directory: asTree(node as RandomDirectory) }];
    }),
  );

describe("a file system tree", () => {
  it("brings files, directories and symlinks", async () => {
    const work = await workbench().snapshots.prepare("work");
    const tree: FileSystemTree = {
      "package.json": { file: { contents: "{}" } },
      bin: {
        directory: { run: { file: { contents: new Uint8Array([1, 2, 3]) } }, link: { file: { symlink: "run" } } },
      },
      empty: { directory: {} },
    };
    const mode = (path: string) => (path === "bin/run" ? 0o755 : undefined);
    expect(await addFileSystemTree(work, tree, { dest: "/srv", mode })).toEqual({ entries: 5, size: 5 });
    const found = nodes(await work.tree());
    expect([...found.keys()]).toEqual([
      ...["/srv", "/srv/bin", "/srv/bin/link", "/srv/bin/run", "/srv/empty", "/srv/package.json"],
    ]);
    expect(found.get("/srv/bin/run")).toMatchObject({ mode: 0o755, size: 3 });
    expect(found.get("/srv/bin/link")).toMatchObject({ type: "symlink", target: "run", mode: 0o777 });
    expect(found.get("/srv/empty")).toMatchObject({ mode: 0o755 });
  });

  it("joins directories and replaces the rest, with a filter", async () => {
    const tree = await treeAfter(
      (work) =>
        addFileSystemTree(
          work,
          {
            etc: { directory: { a: { file: { contents: "new" } } } },
            x: { directory: { y: { file: { contents: "" } } } },
          },
          { filter: (path) => (path === "x" ? "skip-tree" : true) },
        ),
      async (work) => {
        await work.mkdir("/etc", { mode: 0o700 });
        await work.symlink("/etc/b", "/etc/a");
        await work.writeFile("/etc/b", "kept");
      },
    );
    const found = nodes(tree);
    expect([...found.keys()]).toEqual(["/etc", "/etc/a", "/etc/b"]);
    expect(found.get("/etc")).toMatchObject({ mode: 0o700 });
    expect(found.get("/etc/a")).toMatchObject({ type: "file", size: 3, mode: 0o644 });
    expect(found.get("/etc/b")).toMatchObject({ size: 4 });
  });

  it("is refused, by path, where it has another shape", async () => {
    const wrong: readonly unknown[] = [
      ...[
        { file: "text" },
        { file: {} },
        { file: { contents: 5 } },
        { file: { contents: "", symlink: "" } },
        {},
        null,
        "text",
      ],
      ...[{ directory: null }, { directory: "x" }, { directory: {}, file: { contents: "" } }, { file: { symlink: 1 } }],
    ];
    for (const entry of wrong) {
      const tree = { a: { directory: { "b c": entry } } } as FileSystemTree;
      expect(await failureOf((work) => addFileSystemTree(work, tree))).toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining('"a/b c"'),
      });
    }
    expect(await failureOf((work) => addFileSystemTree(work, null as never))).toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    const loop: Record<string, FileSystemTree[string]> = {};
    loop.self = { directory: loop };
    expect(await failureOf((work) => addFileSystemTree(work, loop))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("is refused, by path, for names that are none", async () => {
    for (const name of ["", ".", "..", "a/b", "/", ".wh.x", "n\0", "n".repeat(256)]) {
      const tree: FileSystemTree = { d: { directory: { [name]: { file: { contents: "" } } } } };
      expect(await failureOf((work) => addFileSystemTree(work, tree))).toMatchObject({ code: "INVALID_PATH" });
    }
  });

  it("is the tree that it describes, in whatever order", async () => {
    await fc.assert(
      fc.asyncProperty(randomDirectory, async (directory) => {
        const modes = new Map<string, number>();
        const note = (of: RandomDirectory, at: string): void => {
          for (const [name, node] of Object.entries(of)) {
            if ("mode" in node && typeof node.mode === "number") modes.set(`${at}${name}`, node.mode);
            else if (!("target" in node && typeof node.target === "string"))
              note(node as RandomDirectory, `${at}${name}/`);
          }
        };
        note(directory, "");
        const expected = await treeAfter((work) => writeRandom(work, directory));
        const reversed = Object.fromEntries(Object.entries(asTree(directory)).reverse());
        const tree = await treeAfter((work) => addFileSystemTree(work, reversed, { mode: (path) => modes.get(path) }));
        expect(tree.root.digest).toBe(expected.root.digest);
      }),
      { numRuns: 100 },
    );
  });
});
