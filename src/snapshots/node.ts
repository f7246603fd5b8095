import type { Digest } from "../oci/digest.ts";
import { attributesOf } from "./attributes.ts";
import type { FileNode, NodeAttributes, SpecialNode, SymlinkNode } from "./tree.ts";

/** A node without entries: what can be hard linked. */
export type Leaf = FileNode | SymlinkNode | SpecialNode;

/** A node for a regular file. */
export function fileNode(attributes: NodeAttributes, content: Digest, size: number): FileNode {
  const { mode, uid, gid, mtime, xattrs } = attributes;
  return xattrs === undefined || xattrs.size === 0
    ? { type: "file", mode, uid, gid, mtime, content, size }
    : { type: "file", mode, uid, gid, mtime, xattrs, content, size };
}

/** A node for a symbolic link. */
export function symlinkNode(attributes: NodeAttributes, target: string): SymlinkNode {
  return { type: "symlink", ...attributesOf(attributes), target };
}

/** A node for a device, a FIFO or a socket. */
export function specialNode(
  attributes: NodeAttributes,
  type: SpecialNode["type"],
  major: number,
  minor: number,
): SpecialNode {
  return { type, ...attributesOf(attributes), major, minor };
}

/** The same node with other attributes. */
export function withAttributes(leaf: Leaf, attributes: NodeAttributes): Leaf {
  return withInode(bare(leaf, attributes), leaf.inode);
}

/** The same node as one of a group of hard links, or alone if `inode` is undefined. */
export function withInode<T extends Leaf>(leaf: T, inode: number | undefined): T {
  if (leaf.inode === inode) return leaf;
  if (inode !== undefined) return { ...leaf, inode };
  const { inode: _, ...alone } = leaf;
  return alone as T;
}

function bare(leaf: Leaf, attributes: NodeAttributes): Leaf {
  switch (leaf.type) {
    case "file":
      return fileNode(attributes, leaf.content, leaf.size);
    case "symlink":
      return symlinkNode(attributes, leaf.target);
    default:
      return specialNode(attributes, leaf.type, leaf.major, leaf.minor);
  }
}
