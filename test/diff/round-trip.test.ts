import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBlob } from "../../src/content/index.ts";
import { applyLayer, compareTrees, createDiffer } from "../../src/diff/index.ts";
import type { WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import type { Tree, TreeNode } from "../../src/snapshots/tree.ts";
import { nodes, workbench } from "./support.ts";

/** One thing that is done to a filesystem; what cannot be done there is passed over. */
type Operation = (work: WritableSnapshot) => Promise<void>;

const name = fc.constantFrom("a", "b", "a-", "a.b", "é", "z\udcff");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join("/")}`);
const attributes = fc.record({
  mode: fc.constantFrom(0o644, 0o755, 0o4711, 0o1777),
  uid: fc.constantFrom(0, 1000, 3_000_000),
  gid: fc.constantFrom(0, 5),
  mtime: fc.constantFrom(0, -1, 1_700_000_000, 9_000_000_000),
  xattrs: fc.constantFrom({}, { "user.a": "1" }, { "security.capability": "\u0001\n=" }),
});
const text = fc.constantFrom("", "x", "y", "content\n");

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(path, text, attributes).map(
    ([at, content, with_]): Operation =>
      async (work) => {
        await work.writeFile(at, content, with_);
      },
  ),
  fc.tuple(path, attributes).map(
    ([at, with_]): Operation =>
      (work) =>
        work.mkdir(at, { ...with_, recursive: true }),
  ),
  fc.tuple(path, path, attributes).map(
    ([at, target, with_]): Operation =>
      (work) =>
        work.symlink(target, at, with_),
  ),
  fc.tuple(path, path).map(
    ([from, to]): Operation =>
      (work) =>
        work.link(from, to),
  ),
  fc.tuple(path, path).map(
    ([from, to]): Operation =>
      (work) =>
        work.link(from, to),
  ),
  fc.tuple(path, path).map(
    ([from, to]): Operation =>
      (work) =>
        work.rename(from, to),
  ),
  path.map(
    (at): Operation =>
      (work) =>
        work.remove(at, { recursive: true }),
  ),
  fc.tuple(path, attributes).map(
    ([at, { mode }]): Operation =>
      (work) =>
        work.chmod(at, mode),
  ),
  fc.tuple(path, attributes).map(
    ([at, { uid, gid }]): Operation =>
      (work) =>
        work.chown(at, uid, gid),
  ),
  fc.tuple(path, fc.constantFrom("char", "block", "fifo"), attributes, fc.nat(300)).map(
    ([at, type, with_, minor]): Operation =>
      (work) =>
        work.mknod(at, type as "char", { ...with_, major: 1, minor }),
  ),
);
const operations = fc.array(operation, { maxLength: 25 });

const doing =
  (steps: readonly Operation[]) =>
  async (work: WritableSnapshot): Promise<void> => {
    for (const step of steps) await step(work).catch(() => undefined);
  };

/** What a layer can tell of a node. */
function told(node: TreeNode): unknown {
  const { mode, uid, gid, xattrs = new Map() } = node;
  const common = { type: node.type, mode, uid, gid, xattrs };
  if (node.type === "directory") return common;
  const { inode: _, ...rest } = node;
  return { ...rest, ...common };
}

const toldOf = (tree: Tree): Map<string, unknown> =>
  new Map([...nodes(tree)].map(([at, node]) => [at, told(node)] as const));

async function applied(
  first: readonly Operation[],
  second: readonly Operation[],
  onTop: boolean,
): Promise<{ lower: Tree | undefined; upper: Tree; result: Tree }> {
  const bench = workbench();
  const lower = await bench.make(doing(first));
  const upper = await bench.make(doing(second), onTop ? lower.key : undefined);
  const { descriptor, diffID } = await createDiffer(bench).compare(lower.tree, upper.tree);
  const work = await bench.snapshots.prepare("work", lower.key);
  await applyLayer(work, readBlob(bench.content, descriptor), { diffID });
  return { lower: lower.tree, upper: upper.tree, result: await work.tree() };
}

describe("a layer, applied to the tree that it was made on", () => {
  it("gives the tree that it was made for", async () => {
    await fc.assert(
      fc.asyncProperty(operations, operations, fc.boolean(), async (first, second, onTop) => {
        const { lower, upper, result } = await applied(first, second, onTop);
        expect(toldOf(result)).toEqual(toldOf(upper));
        expect([...compareTrees(result, upper)]).toEqual([]);
        expect([...compareTrees(upper, result)]).toEqual([]);
        // Groups of hard links that the layer has a path of are as they were; others may be as they are in the lower tree.
        const changed = new Set([...compareTrees(lower, upper)].map((change) => change.path));
        const groups = new Set([...result.links.values()].map((group) => group.join("\0")));
        for (const group of upper.links.values()) {
          if (group.some((at) => changed.has(at))) expect(groups).toContain(group.join("\0"));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("says the same when the layer of the result is made", async () => {
    await fc.assert(
      fc.asyncProperty(operations, operations, async (first, second) => {
        const { upper, result } = await applied(first, second, false);
        const differ = createDiffer(workbench());
        const empty = await differ.compare(undefined, (await workbench().make(async () => {})).tree);
        expect((await differ.compare(upper, result)).diffID).toBe(empty.diffID);
      }),
      { numRuns: 50 },
    );
  });
});
