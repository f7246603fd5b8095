import { existing, resolve } from "./resolve.ts";
import type { FollowOptions } from "./snapshotter.ts";
import type { DirectoryNode, Tree, TreeNode } from "./tree.ts";

/** A node and where it is. */
export interface TreeEntry {
  /** Absolute. */
  readonly path: string;
  /** What is there: the symlink itself, where it is one. */
  readonly node: TreeNode;
}

/**
 * All nodes of a tree in layer order: the root first, names bytewise, a directory right before what is in it.
 * @param enter says for each directory whether what is in it is wanted, default all
 */
export function* walkTree(
  tree: Tree,
  enter: (directory: DirectoryNode, path: string) => boolean = () => true,
): Generator<TreeEntry, void, undefined> {
  yield { path: "/", node: tree.root };
  if (!enter(tree.root, "/")) return;
  const open = [{ prefix: "/", entries: tree.root.entries.entries() }];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.entries.next();
    if (next.done === true) {
      open.pop();
      continue;
    }
    const [name, node] = next.value;
    const path = top.prefix + name;
    yield { path, node };
    if (node.type === "directory" && enter(node, path)) {
      open.push({ prefix: `${path}/`, entries: node.entries.entries() });
    }
  }
}

/**
 * The node at a path, with symlinks followed inside the root; see {@link SnapshotReader}.
 * @throws SlipwayError `NOT_FOUND`, `NOT_A_DIRECTORY`, `SYMLINK_LOOP`, `INVALID_PATH`
 */
export function lookup(tree: Tree, path: string, { followSymlinks = true }: FollowOptions = {}): TreeNode {
  const doing = `Cannot look up ${path}`;
  return existing(
    resolve<DirectoryNode>(tree.root, path, { follow: followSymlinks ? "always" : "slash" }, doing),
    doing,
  );
}
