import { SlipwayError } from "../errors.ts";
import { comparePaths } from "../snapshots/path.ts";
import type { DirectoryNode, FileNode, Tree, TreeNode } from "../snapshots/tree.ts";
import type { TarHeader } from "../tar/entry.ts";
import { type CompareOptions, compareTrees, wantedXattrs } from "./compare.ts";
import type { LayerOptions, LayerWarning } from "./differ.ts";
import { PathQueue } from "./path-queue.ts";
import { baseName, parentPath } from "./paths.ts";
import { WHITEOUT_PREFIX } from "./whiteout.ts";

/** One entry of a layer tar. */
export interface LayerEntry {
  /** Named without the leading `/`, as in the layer. */
  readonly header: TarHeader;
  /** The file whose content follows; only if there is any. */
  readonly file?: FileNode;
}

/** What decides the entries besides the two trees. */
export interface LayerEntryOptions
  extends CompareOptions,
    Pick<LayerOptions, "sourceDateEpoch" | "mtimeChanges" | "xattrs"> {
  /** Called for everything that a layer cannot hold and that is left out. */
  readonly onWarning?: ((warning: LayerWarning) => void) | undefined;
}

/** What decides a header besides its node. */
type HeaderOptions = Pick<LayerEntryOptions, "sourceDateEpoch" | "xattrs">;

/**
 * The entries of the layer that turns `lower` (undefined: nothing) into `upper`: what containerd's walking differ writes.
 * Parents of a changed path come once before it. The first path of a hard link group carries the content, the others name it;
 * once one path of a group is written, all are, unchanged ones too. Removed is a whiteout at the place of the removed name.
 * @throws SlipwayError `INVALID_PATH` for a name that begins with `.wh.`: nobody could tell it from a whiteout
 */
export function* layerEntries(
  lower: Tree | undefined,
  upper: Tree,
  options: LayerEntryOptions = {},
): Generator<LayerEntry, void, undefined> {
  const written = new Set<string>([""]);
  /** Of each hard link group that is written: the path that carries the content. */
  const carriers = new Map<number, string>();
  /** Unchanged paths of written groups that are still to come. */
  const unchanged = new PathQueue();

  /** The directory of the entry before: mostly the next one is in it, too. */
  let current = "";

  function* withParents(path: string, entry: LayerEntry): Generator<LayerEntry, void, undefined> {
    yield* missingParents(path);
    if (entry.header.type === "directory") written.add(path);
    yield entry;
  }

  function hasParents(path: string): boolean {
    const end = path.lastIndexOf("/");
    if (end === current.length && path.startsWith(current)) return true;
    const parent = path.slice(0, end);
    if (!written.has(parent)) return false;
    current = parent;
    return true;
  }

  function* missingParents(path: string): Generator<LayerEntry, void, undefined> {
    if (hasParents(path)) return;
    const missing: string[] = [];
    for (let parent = parentPath(path); !written.has(parent); parent = parentPath(parent)) missing.push(parent);
    for (const parent of missing.reverse()) {
      written.add(parent);
      yield { header: entryHeader(parent, directoryAt(upper, parent), options) };
    }
  }

  function* withLinks(path: string, node: TreeNode): Generator<LayerEntry, void, undefined> {
    const inode = node.type === "directory" ? undefined : node.inode;
    const group = inode === undefined ? undefined : upper.links.get(inode);
    if (inode === undefined || group === undefined) {
      yield* withParents(path, fullEntry(path, node, options));
      return;
    }
    const carrier = carriers.get(inode);
    if (carrier !== undefined) {
      yield* withParents(path, linkEntry(path, node, carrier, options));
      return;
    }
    carriers.set(inode, path);
    yield* withParents(path, fullEntry(path, node, options));
    // What stands before in the order was passed by as unchanged; it follows now. The rest waits for its turn.
    for (const other of group) {
      const order = comparePaths(other, path);
      if (order < 0) yield* withParents(other, linkEntry(other, node, path, options));
      else if (order > 0) unchanged.add(other);
    }
  }

  function* unchangedBefore(path: string | undefined): Generator<LayerEntry, void, undefined> {
    for (let next = unchanged.first(); next !== undefined; next = unchanged.first()) {
      const order = path === undefined ? -1 : comparePaths(next, path);
      if (order > 0) return;
      unchanged.shift();
      // The same path: it is changed after all, and written as such.
      if (order < 0) yield* withLinks(next, nodeAt(upper, next));
    }
  }

  for (const change of compareTrees(lower, upper, options)) {
    if (unchanged.first() !== undefined) yield* unchangedBefore(change.path);
    const { upper: node } = change;
    if (node === undefined) {
      yield* withParents(change.path, whiteout(change.path));
    } else if (node.type === "file" && node.inode === undefined && hasParents(change.path)) {
      // As `withLinks` does it, without the generators in each other: nearly all entries are such files.
      yield fullEntry(change.path, node, options);
    } else if (node.type === "socket") {
      options.onWarning?.({ path: change.path, message: socketMessage(change.lower) });
    } else {
      yield* withLinks(change.path, node);
    }
  }
  yield* unchangedBefore(undefined);
}

function fullEntry(path: string, node: TreeNode, options: LayerEntryOptions): LayerEntry {
  const entry = entryHeader(path, node, options);
  return node.type === "file" && node.size > 0 ? { header: entry, file: node } : { header: entry };
}

function linkEntry(path: string, node: TreeNode, carrier: string, options: LayerEntryOptions): LayerEntry {
  return { header: linkHeader(path, node, carrier, options) };
}

/** The header of another name of what is at the path `carrier`. */
export function linkHeader(path: string, node: TreeNode, carrier: string, options: HeaderOptions): TarHeader {
  // Everything else stays as in the entry of the carrier, the numbers of a device too.
  return { ...entryHeader(path, node, options), type: "link", linkName: carrier.slice(1), size: 0 };
}

function whiteout(path: string): LayerEntry {
  mustNotBeWhiteout(path);
  const name = `${parentPath(path)}/${WHITEOUT_PREFIX}${baseName(path)}`.slice(1);
  return { header: { name, type: "file", mode: 0, uid: 0, gid: 0, size: 0, mtime: 0 } };
}

/**
 * The header of a node at an absolute path.
 * @throws SlipwayError as {@link layerEntries} does; `INVALID_ARGUMENT` for a socket
 */
export function entryHeader(path: string, node: TreeNode, options: HeaderOptions): TarHeader {
  mustNotBeWhiteout(path);
  if (node.type === "socket") {
    throw new SlipwayError("INVALID_ARGUMENT", `Cannot write ${path} to a layer: a tar cannot hold a socket`);
  }
  const { sourceDateEpoch = Number.POSITIVE_INFINITY } = options;
  const { type, mode, uid, gid } = node;
  const name = path.slice(1);
  const size = type === "file" ? node.size : 0;
  const mtime = Math.min(node.mtime, sourceDateEpoch);
  const plain = { name, type, mode, uid, gid, size, mtime };
  if ((type === "file" || type === "directory") && node.xattrs === undefined) return plain;
  const xattrs = wantedXattrs(node, options.xattrs);
  return {
    ...plain,
    ...(type === "symlink" ? { linkName: node.target } : {}),
    ...(type === "char" || type === "block" ? { deviceMajor: node.major, deviceMinor: node.minor } : {}),
    ...(xattrs.length > 0 ? { xattrs: new Map(xattrs) } : {}),
  };
}

function mustNotBeWhiteout(path: string): void {
  if (!path.startsWith(WHITEOUT_PREFIX, path.lastIndexOf("/") + 1)) return;
  throw new SlipwayError(
    "INVALID_PATH",
    `Cannot write ${path} to a layer: names that begin with ${WHITEOUT_PREFIX} stand for removed files; rename it or leave it out`,
  );
}

function socketMessage(replaced: TreeNode | undefined): string {
  const message = "sockets cannot be in a layer and are left out";
  return replaced === undefined || replaced.type === "socket"
    ? message
    : `${message}; the ${replaced.type} of the lower tree stays in its place`;
}

function directoryAt(tree: Tree, path: string): DirectoryNode {
  const node = nodeAt(tree, path);
  if (node.type === "directory") return node;
  throw new SlipwayError("NOT_A_DIRECTORY", `Cannot write ${path} to a layer: it is not a directory`);
}

function nodeAt(tree: Tree, path: string): TreeNode {
  let node: TreeNode | undefined = tree.root;
  for (const name of path.split("/").slice(1)) {
    node = node.type === "directory" ? node.entries.get(name) : undefined;
    if (node === undefined)
      throw new SlipwayError("NOT_FOUND", `Cannot write ${path} to a layer: the tree does not have it`);
  }
  return node;
}
