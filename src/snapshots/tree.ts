import type { Digest } from "../oci/digest.ts";

/** What every node has. */
export interface NodeAttributes {
  /** Permission, setuid, setgid and sticky bits, octal `07777`. */
  readonly mode: number;
  /** Number of the owner. */
  readonly uid: number;
  /** Number of the owner's group. */
  readonly gid: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  /** Extended attributes, by name in bytewise order. Absent if there are none. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

/** A regular file: what it is, not its bytes; those are in the content store under `content`. */
export interface FileNode extends NodeAttributes {
  /** Tells the kinds of {@link TreeNode} apart. */
  readonly type: "file";
  /** Digest of the content. The empty file has one too. */
  readonly content: Digest;
  /** Bytes. */
  readonly size: number;
  /**
   * Set where several paths are one file (hard links): all nodes of the group are the same object and have the same number,
   * which is unique within its tree and the trees derived from it.
   */
  readonly inode?: number;
}

/** A directory. */
export interface DirectoryNode extends NodeAttributes {
  /** Tells the kinds of {@link TreeNode} apart. */
  readonly type: "directory";
  /** Children by name, in bytewise order of the names. */
  readonly entries: ReadonlyMap<string, TreeNode>;
  /** Digest over attributes, names and children (Merkle): equal digests mean equal subtrees, which are never visited twice. */
  readonly digest: Digest;
}

/** A symbolic link; the target is any string. Can itself be hard linked. */
export interface SymlinkNode extends NodeAttributes {
  /** Tells the kinds of {@link TreeNode} apart. */
  readonly type: "symlink";
  /** As it was set: absolute or relative, not resolved. */
  readonly target: string;
  /** Set where several paths are this one symlink, as for {@link FileNode}. */
  readonly inode?: number;
}

/** A device node, a FIFO or a socket. Can itself be hard linked. */
export interface SpecialNode extends NodeAttributes {
  /** Character or block device, named pipe, or socket. A layer cannot hold a socket. */
  readonly type: "char" | "block" | "fifo" | "socket";
  /** Major device number; 0 for FIFOs and sockets. */
  readonly major: number;
  /** Minor device number; 0 for FIFOs and sockets. */
  readonly minor: number;
  /** Set where several paths are this one node, as for {@link FileNode}. */
  readonly inode?: number;
}

/** Anything in a tree. Nodes are immutable and shared between trees. Names are strings as `tar/` has them (`decodeName`). */
export type TreeNode = FileNode | DirectoryNode | SymlinkNode | SpecialNode;

/** A filesystem as a value. */
export interface Tree {
  /** The directory `/`, under which all else is. */
  readonly root: DirectoryNode;
  /** Paths of every group of hard links, by inode: absolute, in layer order. Only groups of two or more. */
  readonly links: ReadonlyMap<number, readonly string[]>;
  /** The next inode number that is free in this tree. */
  readonly nextInode: number;
}
