import type { DirectoryNode, Tree, TreeNode } from "slipway";

/** A line of the file tree. */
export interface TreeRow {
  readonly path: string;
  readonly name: string;
  readonly node: TreeNode;
  /** 1 for what is in the root. */
  readonly level: number;
  readonly position: number;
  readonly siblings: number;
}

/** A line that stands for entries that are not shown. */
export interface MoreRow {
  readonly directory: string;
  readonly level: number;
  readonly hidden: number;
}

/** How many entries of a directory are shown at first, and how many more each time that more are wanted. */
export const ENTRIES_SHOWN = 200;

/**
 * The lines of a tree: what is in the root, and in each directory that is open.
 * @param limits how many entries are shown of a directory, where that is not {@link ENTRIES_SHOWN}
 */
export function treeRows(
  tree: Tree,
  open: ReadonlySet<string>,
  limits: ReadonlyMap<string, number>,
): readonly (TreeRow | MoreRow)[] {
  const rows: (TreeRow | MoreRow)[] = [];
  const list = (directory: DirectoryNode, path: string, level: number): void => {
    const limit = limits.get(path) ?? ENTRIES_SHOWN;
    const entries = sorted(directory);
    for (const [index, [name, node]] of entries.slice(0, limit).entries()) {
      const child = `${path === "/" ? "" : path}/${name}`;
      rows.push({ path: child, name, node, level, position: index + 1, siblings: entries.length });
      if (node.type === "directory" && open.has(child)) list(node, child, level + 1);
    }
    if (entries.length > limit) rows.push({ directory: path, level, hidden: entries.length - limit });
  };
  list(tree.root, "/", 1);
  return rows;
}

/** Directories first. */
function sorted({ entries }: DirectoryNode): readonly (readonly [string, TreeNode])[] {
  const all = [...entries];
  const isDirectory = ([, { type }]: readonly [string, TreeNode]): boolean => type === "directory";
  return [...all.filter(isDirectory), ...all.filter((entry) => !isDirectory(entry))];
}

/** The directory that something is in. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** The node at a path, symlinks not followed; nothing if there is none. */
export function nodeAt(tree: Tree, path: string): TreeNode | undefined {
  let node: TreeNode | undefined = tree.root;
  for (const name of path.split("/").filter((part) => part !== "")) {
    node = node?.type === "directory" ? node.entries.get(name) : undefined;
  }
  return node;
}
