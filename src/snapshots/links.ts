import { joinPath } from "./path.ts";
import type { DirectoryNode, Tree } from "./tree.ts";

/** Whether there are hard links in a directory or further down; kept per directory, which never changes. */
const withLinks = new WeakMap<DirectoryNode, boolean>();

/** The groups of hard links in a tree. Directories without any are not visited again once that is known. */
export function collectLinks(root: DirectoryNode): Tree["links"] {
  const links = new Map<number, string[]>();
  const names: string[] = [];
  const visit = (directory: DirectoryNode): boolean => {
    if (withLinks.get(directory) === false) return false;
    let any = false;
    for (const [name, node] of directory.entries) {
      if (node.type === "directory") {
        names.push(name);
        any = visit(node) || any;
        names.pop();
      } else if (node.inode !== undefined) {
        any = true;
        const path = joinPath([...names, name]);
        const group = links.get(node.inode);
        if (group === undefined) links.set(node.inode, [path]);
        else group.push(path);
      }
    }
    withLinks.set(directory, any);
    return any;
  };
  visit(root);
  return new Map([...links].sort(([a], [b]) => a - b));
}
