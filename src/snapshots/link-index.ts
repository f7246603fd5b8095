import type { Leaf } from "./node.ts";
import { withInode } from "./node.ts";

/** A directory in which there are names of linked files, itself or further down. */
interface LinkDirectory {
  readonly type: "directory";
  parent: LinkDirectory | undefined;
  name: string;
  readonly children: Map<string, LinkDirectory | LinkName>;
}

/** One name of a linked file. */
interface LinkName {
  readonly type: "name";
  parent: LinkDirectory;
  name: string;
  readonly inode: number;
}

interface Group {
  readonly names: Set<LinkName>;
  /** The node, if it is another than the tree has at these names. */
  node: Leaf | undefined;
}

/** A group of hard links in which something changed. */
export interface ChangedGroup {
  readonly inode: number;
  readonly node: Leaf | undefined;
  /** Its names, as names from the root. */
  readonly paths: readonly (readonly string[])[];
}

/**
 * Which names are one file, while a tree is being written. It mirrors the directories that have such names in them, so that
 * a directory is moved in one step, however many linked files lie in it, and nothing of the tree is visited for it.
 */
export class LinkIndex {
  readonly #root: LinkDirectory = { type: "directory", parent: undefined, name: "", children: new Map() };
  readonly #groups = new Map<number, Group>();
  readonly #changed = new Set<number>();

  constructor(links: ReadonlyMap<number, readonly string[]>) {
    for (const [inode, paths] of links) {
      for (const path of paths) this.#insert(path.slice(1).split("/"), inode);
    }
  }

  /** Number of names that the file has. */
  count(inode: number): number {
    return this.#groups.get(inode)?.names.size ?? 1;
  }

  /** The node as it is now, for the one that the tree has at a name of the group. */
  current(leaf: Leaf): Leaf {
    if (leaf.inode === undefined) return leaf;
    const group = this.#groups.get(leaf.inode);
    if (group === undefined || group.names.size < 2) return withInode(group?.node ?? leaf, undefined);
    return group.node ?? leaf;
  }

  /** Makes the node another one, at all names. */
  update(inode: number, node: Leaf): void {
    const group = this.#groups.get(inode);
    if (group === undefined) return;
    group.node = node;
    this.#changed.add(inode);
  }

  add(path: readonly string[], inode: number): void {
    this.#insert(path, inode);
    this.#changed.add(inode);
  }

  /** Forgets a name, or all names in a directory. Does nothing where there are none. */
  remove(path: readonly string[]): void {
    const entry = this.#find(path);
    if (entry === undefined) return;
    this.#detach(entry);
    for (const name of namesIn(entry)) {
      this.#groups.get(name.inode)?.names.delete(name);
      this.#changed.add(name.inode);
    }
  }

  /** Moves a name, or a directory with all names in it, to a place where there are none. */
  move(from: readonly string[], to: readonly string[]): void {
    const entry = this.#find(from);
    if (entry === undefined) return;
    this.#detach(entry);
    for (const name of namesIn(entry)) this.#changed.add(name.inode);
    const parent = this.#directory(to.slice(0, -1));
    entry.parent = parent;
    entry.name = to.at(-1) ?? "";
    parent.children.set(entry.name, entry);
  }

  get changed(): boolean {
    return this.#changed.size > 0;
  }

  /** The groups that changed since the last call. Those with fewer than two names are forgotten. */
  takeChanges(): readonly ChangedGroup[] {
    const changes: ChangedGroup[] = [];
    for (const inode of this.#changed) {
      const group = this.#groups.get(inode);
      if (group === undefined) continue;
      changes.push({ inode, node: group.node, paths: [...group.names].map(pathTo) });
      group.node = undefined;
      if (group.names.size >= 2) continue;
      for (const name of group.names) this.#detach(name);
      this.#groups.delete(inode);
    }
    this.#changed.clear();
    return changes;
  }

  #insert(path: readonly string[], inode: number): void {
    const parent = this.#directory(path.slice(0, -1));
    const entry: LinkName = { type: "name", parent, name: path.at(-1) ?? "", inode };
    parent.children.set(entry.name, entry);
    const group = this.#groups.get(inode);
    if (group === undefined) this.#groups.set(inode, { names: new Set([entry]), node: undefined });
    else group.names.add(entry);
  }

  /** The directory at a path, made if need be. */
  #directory(path: readonly string[]): LinkDirectory {
    let directory = this.#root;
    for (const name of path) {
      let child = directory.children.get(name);
      if (child?.type !== "directory") {
        child = { type: "directory", parent: directory, name, children: new Map() };
        directory.children.set(name, child);
      }
      directory = child;
    }
    return directory;
  }

  #find(path: readonly string[]): LinkDirectory | LinkName | undefined {
    let entry: LinkDirectory | LinkName | undefined = this.#root;
    for (const name of path) {
      if (entry?.type !== "directory") return undefined;
      entry = entry.children.get(name);
    }
    return entry === this.#root ? undefined : entry;
  }

  /** Takes an entry out, and the directories that are empty without it. */
  #detach(entry: LinkDirectory | LinkName): void {
    let child = entry;
    for (let parent = child.parent; parent !== undefined; parent = child.parent) {
      parent.children.delete(child.name);
      if (parent.children.size > 0) return;
      child = parent;
    }
  }
}

function* namesIn(entry: LinkDirectory | LinkName): Generator<LinkName> {
  const pending = [entry];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.type === "name") yield next;
    else pending.push(...next.children.values());
  }
}

function pathTo(entry: LinkName): string[] {
  const names = [entry.name];
  for (let parent: LinkDirectory | undefined = entry.parent; parent?.parent !== undefined; parent = parent.parent) {
    names.push(parent.name);
  }
  return names.reverse();
}
