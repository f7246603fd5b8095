import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBlob } from "../../src/content/index.ts";
import { applyLayer } from "../../src/diff/index.ts";
import { isSlipwayError } from "../../src/errors.ts";
import type { ExporterOptions } from "../../src/exporter/exporter.ts";
import { createSnapshotter, walkTree } from "../../src/snapshots/index.ts";
import type { WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import type { Tree } from "../../src/snapshots/tree.ts";
import { openHouse } from "./support.ts";

type Edit = (work: WritableSnapshot) => Promise<void>;

const name = fc.constantFrom("a", "b", "ä", "long".repeat(30), "\udcff", ".x");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join("/")}`);
const mode = fc.constantFrom(0o644, 0o755, 0o4711, 0o1777, 0);

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(path, fc.string({ maxLength: 20 }), mode).map(
    ([at, text, bits]): Edit =>
      (work) =>
        work.writeFile(at, text, { mode: bits }),
  ),
  fc.tuple(path, mode).map(
    ([at, bits]): Edit =>
      (work) =>
        work.mkdir(at, { mode: bits, recursive: true }),
  ),
  path.map(
    (at): Edit =>
      (work) =>
        work.remove(at, { recursive: true }),
  ),
  path.map(
    (at): Edit =>
      (work) =>
        work.remove(at, { recursive: true }),
  ),
  fc.tuple(path, path).map(
    ([from, to]): Edit =>
      (work) =>
        work.rename(from, to),
  ),
  fc.tuple(path, path).map(
    ([from, to]): Edit =>
      (work) =>
        work.link(from, to),
  ),
  fc.tuple(path, path).map(
    ([target, at]): Edit =>
      (work) =>
        work.symlink(target, at),
  ),
  fc.tuple(path, mode).map(
    ([at, bits]): Edit =>
      (work) =>
        work.chmod(at, bits),
  ),
  fc.tuple(path, fc.nat({ max: 5 })).map(
    ([at, owner]): Edit =>
      (work) =>
        work.chown(at, owner, owner),
  ),
  fc.tuple(path, fc.nat({ max: 9 })).map(
    ([at, time]): Edit =>
      (work) =>
        work.utimes(at, time),
  ),
  fc.tuple(path, fc.uint8Array({ maxLength: 4 })).map(
    ([at, value]): Edit =>
      (work) =>
        work.setxattr(at, "user.x", value),
  ),
  path.map(
    (at): Edit =>
      (work) =>
        work.mknod(at, "fifo"),
  ),
);

/** A tree as what a person would compare. A directory's time does not count, nor who is a hard link of whom. */
function listing(tree: Tree): unknown[] {
  return [...walkTree(tree)].map(({ path: at, node }) => {
    const common = [at, node.type, node.mode, node.uid, node.gid, [...(node.xattrs ?? [])]];
    if (node.type === "directory") return common;
    if (node.type === "file") return [...common, node.mtime, node.content, node.size];
    return [...common, node.mtime, node.type === "symlink" ? node.target : [node.major, node.minor]];
  });
}

describe("any chain of refs", () => {
  it.each<[ExporterOptions]>([[{}], [{ compression: "uncompressed" }]])(
    "exported with %j and flattened again is the last tree",
    async (options) => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(edit, { maxLength: 8 }), { minLength: 1, maxLength: 4 }), async (refs) => {
          const house = openHouse();
          let parent: string | undefined;
          for (const [index, edits] of refs.entries()) {
            const key = `ref-${index}`;
            await house.commit(key, parent, async (work) => {
              for (const change of edits) {
                await change(work).catch((error: unknown) => {
                  // An edit that the tree as it is does not allow is none.
                  if (!isSlipwayError(error)) throw error;
                });
              }
            });
            parent = key;
          }
          const top = await house.snapshots.get(parent ?? "");
          const image = await house.exporter.resolve(options).export(top);
          const work = await createSnapshotter({ content: house.content }).prepare("flattened");
          for (const { descriptor, diffID } of image.manifests[0]?.layers ?? []) {
            const applied = await applyLayer(work, readBlob(house.content, descriptor), { contents: "store" });
            expect(applied.diffID).toBe(diffID);
          }
          expect(listing(await work.tree())).toEqual(listing(await top.tree()));
        }),
        { numRuns: 60 },
      );
    },
  );
});
