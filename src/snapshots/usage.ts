import { sameAttributes } from "./attributes.ts";
import type { SnapshotUsage } from "./snapshotter.ts";
import type { DirectoryNode, Tree, TreeNode } from "./tree.ts";

/** What `upper` has that `lower` does not have at the same path. Directories that both share are not visited. */
export function treeUsage(lower: Tree | undefined, upper: Tree): SnapshotUsage {
  const counted = new Set<number>();
  let size = 0;
  let inodes = 0;
  const add = (node: TreeNode): void => {
    if (node.type !== "directory" && node.inode !== undefined) {
      if (counted.has(node.inode)) return;
      counted.add(node.inode);
    }
    inodes++;
    if (node.type === "file") size += node.size;
  };
  const pending: [DirectoryNode | undefined, DirectoryNode][] = [[lower?.root, upper.root]];
  for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
    const [old, directory] = pair;
    if (old !== undefined && old.digest === directory.digest) continue;
    if (old === undefined || !sameAttributes(old, directory)) add(directory);
    for (const [name, node] of directory.entries) {
      const before = old?.entries.get(name);
      if (node.type === "directory") pending.push([before?.type === "directory" ? before : undefined, node]);
      else if (before === undefined || !sameLeaf(before, node)) add(node);
    }
  }
  return { size, inodes };
}

function sameLeaf(a: TreeNode, b: TreeNode): boolean {
  if (a === b) return true;
  if (!sameAttributes(a, b)) return false;
  switch (b.type) {
    case "directory":
      return false;
    case "file":
      return a.type === "file" && a.content === b.content;
    case "symlink":
      return a.type === "symlink" && a.target === b.target;
    default:
      return a.type === b.type && a.major === b.major && a.minor === b.minor;
  }
}
