import { describe, expect, it } from "vitest";
import { flattenImage, writeRootfsTar } from "../../src/archive/index.ts";
import { readAll } from "../../src/bytes.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { walkTree } from "../../src/snapshots/index.ts";
import { readTar } from "../../src/tar/index.ts";
import { sampleImage, sampleIndex, sampleTar, storedDigests } from "../support/sample-image.ts";

const LIMIT = 64 * 1024 * 1024;

describe("flattenImage", () => {
  it("applies the layers one on the other", async () => {
    const content = createMemoryContentStore();
    const { descriptor } = await sampleImage(content, {
      layers: [
        { d: { type: "directory" }, "d/a": "1", "d/b": "2", f: "file" },
        { d: { type: "directory", mode: 0o700 }, "d/.wh.a": "", f: { type: "directory" }, "f/g": "3" },
      ],
    });
    const tree = await flattenImage(content, descriptor);
    expect([...walkTree(tree)].map(({ path }) => path).filter((path) => path !== "/" && path !== "")).toEqual([
      "/d",
      "/d/b",
      "/f",
      "/f/g",
    ]);
    expect(tree.root.entries.get("d")).toMatchObject({ mode: 0o700 });
  });

  it("puts contents where it is told", async () => {
    const content = createMemoryContentStore();
    const { descriptor } = await sampleImage(content);
    const before = await storedDigests(content);
    const files = createMemoryContentStore();
    await flattenImage(content, descriptor, { files });
    expect(await storedDigests(content)).toEqual(before);
    expect(await storedDigests(files)).toHaveLength(2);
  });

  it("refuses what is not one image", async () => {
    const content = createMemoryContentStore();
    const image = await sampleImage(content);
    const { descriptor } = await sampleIndex([image]);
    await expect(flattenImage(content, descriptor)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(flattenImage(content, image.config)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

describe("writeRootfsTar", () => {
  it("writes the tree as one layer without whiteouts", async () => {
    const content = createMemoryContentStore();
    const first = {
      a: "1",
      d: { type: "directory" as const },
      "d/x": { content: "2", mode: 0o4755, uid: 5, mtime: 7 },
      "d/y": { type: "link" as const, linkName: "d/x", mode: 0o4755, uid: 5, mtime: 7 },
      s: { type: "symlink" as const, linkName: "nowhere", mode: 0o777 },
    };
    const { descriptor } = await sampleImage(content, { layers: [first, { ".wh.a": "", e: "3" }] });
    const tar = await readAll(writeRootfsTar(await flattenImage(content, descriptor), content), LIMIT);
    const { a: _, s, ...rest } = first;
    expect(tar).toEqual(await sampleTar({ ...rest, e: "3", s }));
  });

  it("can clamp times", async () => {
    const content = createMemoryContentStore();
    const layers = [{ a: { content: "", mtime: 100 }, b: { content: "", mtime: 10 } }];
    const { descriptor } = await sampleImage(content, { layers });
    const times: number[] = [];
    const tar = writeRootfsTar(await flattenImage(content, descriptor), content, { sourceDateEpoch: 50 });
    for await (const { mtime } of readTar(tar)) times.push(mtime);
    expect(times).toEqual([50, 10]);
  });
});
