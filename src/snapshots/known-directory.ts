import type { Digest } from "../oci/digest.ts";
import { attributesOf } from "./attributes.ts";
import { fileNode, type Leaf, specialNode, symlinkNode } from "./node.ts";
import type { NodeTable } from "./node-table.ts";
import { PackedEntries } from "./packed-entries.ts";
import type { KnownSource } from "./snapshotter.ts";
import type { DirectoryNode, NodeAttributes, SpecialNode, TreeNode } from "./tree.ts";

/** A directory whose digest is known before anything in it is looked at. */
export interface KnownDirectory {
  /** Tells the kinds of {@link KnownEntry} apart. */
  readonly type: "directory";
  /** Its own. */
  readonly attributes: NodeAttributes;
  /** As `DirectoryNode.digest`: it must be the one that the directory has with these attributes and entries. */
  readonly digest: Digest;
  /** What is in it, in bytewise order of the names and without hard links. Asked for once, when it is first wanted. */
  entries(): Iterable<readonly [name: string, entry: KnownEntry]>;
}

/** What is in a {@link KnownDirectory}. */
export type KnownEntry =
  | KnownDirectory
  | { readonly type: "file"; readonly attributes: NodeAttributes; readonly content: KnownSource }
  | { readonly type: "symlink"; readonly attributes: NodeAttributes; readonly target: string }
  | {
      readonly type: SpecialNode["type"];
      readonly attributes: NodeAttributes;
      readonly major: number;
      readonly minor: number;
    };

/** Makes the bytes of a file readable under their digest. */
export type Adopt = (source: KnownSource) => void;

/** The directory as a node, the one that the table has if it has it. What is in it is made, and its files adopted, when it is asked for. */
export function knownDirectoryNode(directory: KnownDirectory, adopt: Adopt, table: NodeTable): DirectoryNode {
  return table.find(directory.digest) ?? table.keep(new LazyDirectory(directory, adopt, table));
}

class LazyDirectory implements DirectoryNode {
  readonly type = "directory";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
  readonly digest: Digest;
  #made: ReadonlyMap<string, TreeNode> | undefined;
  #make: (() => ReadonlyMap<string, TreeNode>) | undefined;

  constructor(directory: KnownDirectory, adopt: Adopt, table: NodeTable) {
    const { mode, uid, gid, mtime, xattrs } = attributesOf(directory.attributes);
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
    this.mtime = mtime;
    if (xattrs !== undefined) this.xattrs = xattrs;
    this.digest = directory.digest;
    this.#make = () => {
      return PackedEntries.of<DirectoryNode>(made());
    };
    function* made(): Generator<readonly [string, TreeNode], void, undefined> {
      for (const [name, entry] of directory.entries()) {
        yield [name, entry.type === "directory" ? knownDirectoryNode(entry, adopt, table) : leafOf(entry, adopt)];
      }
    }
  }

  get entries(): ReadonlyMap<string, TreeNode> {
    if (this.#make !== undefined) {
      this.#made = this.#make();
      this.#make = undefined;
    }
    return this.#made ?? new Map();
  }
}

function leafOf(entry: Exclude<KnownEntry, KnownDirectory>, adopt: Adopt): Leaf {
  switch (entry.type) {
    case "file":
      adopt(entry.content);
      return fileNode(entry.attributes, entry.content.digest, entry.content.size);
    case "symlink":
      return symlinkNode(entry.attributes, entry.target);
    default:
      return specialNode(entry.attributes, entry.type, entry.major, entry.minor);
  }
}
