import { bytesEqual } from "../bytes.ts";
import type { DirectoryNode, NodeAttributes, Tree, TreeNode } from "../snapshots/tree.ts";
import { compareNames } from "../tar/names.ts";
import type { Change, ChangeReason } from "./change.ts";

/** What counts as a difference. */
export interface CompareOptions {
  /** Whether a file of which only the mtime differs is changed. Default true, as in containerd. A directory never is by its mtime alone. */
  readonly mtimeChanges?: boolean | undefined;
  /** Which xattrs are looked at. Default all. */
  readonly xattrs?: ((name: string) => boolean) | undefined;
}

/** Two directories that are walked side by side; `lower` is absent where everything is new. */
interface Walk {
  readonly path: string;
  readonly lower: Iterator<readonly [string, TreeNode]> | undefined;
  readonly upper: Iterator<readonly [string, TreeNode]>;
  nextLower: readonly [string, TreeNode] | undefined;
  nextUpper: readonly [string, TreeNode] | undefined;
}

/**
 * What must be done to `lower` (undefined: an empty directory) to make it `upper`, in the order of a layer's entries: bytewise
 * by path with `/` lowest. Of a removed directory only the top is told; of a directory that became something else only the
 * change of type; everything under a new directory is told. The root itself is no change, whatever its attributes.
 *
 * Subtrees that are the same object or have the same digest are never entered, so the cost is that of what changed. Which
 * paths are hard links of each other is not compared, as in containerd: a file that only got another name is no change itself.
 */
export function* compareTrees(
  lower: Tree | undefined,
  upper: Tree,
  options: CompareOptions = {},
): Generator<Change, void, undefined> {
  if (same(lower?.root, upper.root)) return;
  // A stack of our own: a tree may be deeper than the call stack.
  const stack: Walk[] = [walk("", lower?.root, upper.root)];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { nextLower: below, nextUpper: above } = top;
    const order = below === undefined ? 1 : above === undefined ? -1 : compareNames(below[0], above[0]);
    if (below !== undefined && order < 0) {
      advanceLower(top);
      yield { kind: "delete", path: `${top.path}/${below[0]}`, reasons: ["removed"], lower: below[1] };
    } else if (above !== undefined && order > 0) {
      advanceUpper(top);
      const path = `${top.path}/${above[0]}`;
      yield { kind: "add", path, reasons: ["added"], upper: above[1] };
      if (above[1].type === "directory") stack.push(walk(path, undefined, above[1]));
    } else if (below !== undefined && above !== undefined) {
      advanceLower(top);
      advanceUpper(top);
      const [, from] = below;
      const [name, to] = above;
      if (same(from, to)) continue;
      const path = `${top.path}/${name}`;
      const reasons = differences(from, to, options);
      if (reasons.length > 0) yield { kind: "modify", path, reasons, lower: from, upper: to };
      if (to.type === "directory") stack.push(walk(path, from.type === "directory" ? from : undefined, to));
    } else {
      stack.pop();
    }
  }
}

function walk(path: string, lower: DirectoryNode | undefined, upper: DirectoryNode): Walk {
  const started: Walk = {
    path,
    lower: lower?.entries[Symbol.iterator](),
    upper: upper.entries[Symbol.iterator](),
    nextLower: undefined,
    nextUpper: undefined,
  };
  advanceLower(started);
  advanceUpper(started);
  return started;
}

function advanceLower(walk: Walk): void {
  const next = walk.lower?.next();
  walk.nextLower = next === undefined || next.done ? undefined : next.value;
}

function advanceUpper(walk: Walk): void {
  const next = walk.upper.next();
  walk.nextUpper = next.done ? undefined : next.value;
}

function same(a: TreeNode | undefined, b: TreeNode): boolean {
  return a === b || (a?.type === "directory" && b.type === "directory" && a.digest === b.digest);
}

/** Why the node at a path is not the one it was. The children of directories are not looked at. */
function differences(from: TreeNode, to: TreeNode, options: CompareOptions): ChangeReason[] {
  if (from.type !== to.type) return ["type"];
  const reasons: ChangeReason[] = [];
  if (from.type === "file" && to.type === "file") {
    if (from.content !== to.content || from.size !== to.size) reasons.push("content");
  } else if (from.type === "symlink" && to.type === "symlink") {
    if (from.target !== to.target) reasons.push("link");
  } else if ("major" in from && "major" in to) {
    if (from.major !== to.major || from.minor !== to.minor) reasons.push("device");
  }
  if (from.mode !== to.mode) reasons.push("mode");
  if (from.uid !== to.uid || from.gid !== to.gid) reasons.push("owner");
  if (!sameXattrs(from, to, options.xattrs)) reasons.push("xattr");
  if (from.mtime !== to.mtime) {
    const counts = options.mtimeChanges !== false && to.type !== "directory";
    if (counts || reasons.length > 0) reasons.push("mtime");
  }
  return reasons;
}

function sameXattrs(from: NodeAttributes, to: NodeAttributes, wanted: CompareOptions["xattrs"]): boolean {
  if (from.xattrs === to.xattrs) return true;
  const before = new Map(wantedXattrs(from, wanted));
  let after = 0;
  for (const [name, value] of wantedXattrs(to, wanted)) {
    const old = before.get(name);
    if (old === undefined || !bytesEqual(old, value)) return false;
    after++;
  }
  return after === before.size;
}

/** The xattrs of a node that are looked at, in their order. */
export function wantedXattrs(
  { xattrs }: NodeAttributes,
  wanted: CompareOptions["xattrs"],
): readonly (readonly [string, Uint8Array])[] {
  if (xattrs === undefined) return [];
  return wanted === undefined ? [...xattrs] : [...xattrs].filter(([name]) => wanted(name));
}
