import { joinPath } from "./path.ts";
import type { DirectoryNode, Tree, TreeNode } from "./tree.ts";

/** Whether there are hard links in a directory or further down; kept per directory, which never changes. */
const withLinks = new WeakMap<DirectoryNode, boolean>();

/** The groups of hard links in a tree. Directories without any are not visited again once that is known. */
export function collectLinks(root: DirectoryNode): Tree["links"] {
  const links = new Map<number, string[]>();
  const open: Visit[] = [];
  const enter = (directory: DirectoryNode, name: string): void => {
    if (withLinks.get(directory) !== false)
      open.push({ directory, name, rest: directory.entries.entries(), any: false });
  };
  enter(root, "");
  // Not recursive: trees can be deeper than the stack.
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.rest.next();
    if (next.done === true) {
      open.pop();
      withLinks.set(top.directory, top.any);
      const above = open.at(-1);
      if (above !== undefined) above.any ||= top.any;
      continue;
    }
    const [name, node] = next.value;
    if (node.type === "directory") {
      enter(node, name);
    } else if (node.inode !== undefined) {
      top.any = true;
      const path = joinPath([...open.slice(1).map((visit) => visit.name), name]);
      const group = links.get(node.inode);
      if (group === undefined) links.set(node.inode, [path]);
      else group.push(path);
    }
  }
  return new Map([...links].sort(([a], [b]) => a - b));
}

interface Visit {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly rest: Iterator<[string, TreeNode]>;
  any: boolean;
}
