import { SlipwayError } from "../errors.ts";
import { attributesOf, DEFAULT_ATTRIBUTES, sameAttributes } from "./attributes.ts";
import { type Adopt, type KnownDirectory, knownDirectoryNode } from "./known-directory.ts";
import { LinkIndex } from "./link-index.ts";
import { type Leaf, withAttributes, withInode } from "./node.ts";
import type { NodeTable } from "./node-table.ts";
import { comparePaths, joinPath } from "./path.ts";
import { namesOf, type Place, type ResolveOptions, resolve, type Step } from "./resolve.ts";
import type { DirectoryNode, NodeAttributes, Tree, TreeNode } from "./tree.ts";
import { WorkEntries } from "./work-entries.ts";

/** Changes that wait to be packed, at the least; more in a large tree. */
const LOOSE = 1024;

/** A large directory is not packed for fewer changes than this part of it: each costs a copy of so many entries. */
const PART = 16;

/** A directory that is being written. */
export class WorkDirectory {
  readonly type = "directory";
  attributes: NodeAttributes;
  readonly entries: WorkEntries<AnyDirectory>;
  /** What it was made of. */
  readonly base: DirectoryNode | undefined;
  /** What became of it. It is not written any more after that. */
  frozen: DirectoryNode | undefined;

  constructor(attributes: NodeAttributes, base?: DirectoryNode) {
    this.attributes = attributes;
    this.entries = new WorkEntries<AnyDirectory>(base?.entries);
    this.base = base;
  }
}

/** A directory of the tree beneath, not touched so far, or one that is being written. */
export type AnyDirectory = DirectoryNode | WorkDirectory;
type WorkEntry = Leaf | AnyDirectory;

/**
 * A tree while it is written: the tree beneath, and in its place the directories that were touched. Untouched ones are never
 * copied nor visited. All methods are synchronous, so that each change is one step; they check nothing that the caller has
 * checked by resolving the path.
 */
export class WorkingTree {
  readonly #table: NodeTable;
  #base: Tree;
  #root: AnyDirectory;
  #nextInode: number;
  #links: LinkIndex | undefined;
  /** Directories with changes that are not packed, how many there are of these, and after how many they are packed. */
  readonly #loose = new Set<WorkDirectory>();
  #changes = 0;
  #most = LOOSE;
  #packed = 0;

  constructor(base: Tree, table: NodeTable) {
    this.#base = base;
    this.#table = table;
    this.#root = base.root;
    this.#nextInode = base.nextInode;
  }

  /** The place that a path names; see {@link resolve}. */
  resolve(path: string, options: ResolveOptions, doing: string): Place<AnyDirectory> {
    return resolve<AnyDirectory>(this.#root, path, options, doing);
  }

  /** A leaf as it is now: a change by one name of a linked file is not at its other names yet. */
  current(leaf: Leaf): Leaf {
    return this.#links?.current(leaf) ?? leaf;
  }

  /** Number of paths that are this node. */
  linkCount(entry: WorkEntry): number {
    if (entry.type === "directory" || entry.inode === undefined) return 1;
    return this.#links?.count(entry.inode) ?? this.#base.links.get(entry.inode)?.length ?? 1;
  }

  /** The attributes of a node as they are now. */
  attributes(entry: WorkEntry): NodeAttributes {
    if (entry instanceof WorkDirectory) return entry.attributes;
    return attributesOf(entry.type === "directory" ? entry : this.current(entry));
  }

  /** A node as an immutable one. Of a directory being written: frozen when its entries or its digest are asked for. */
  node(entry: WorkEntry): TreeNode {
    if (!(entry instanceof WorkDirectory)) return entry.type === "directory" ? entry : this.current(entry);
    const freeze = (): DirectoryNode => {
      this.freeze();
      return entry.frozen ?? this.#freezeDirectory(entry);
    };
    return {
      type: "directory",
      ...entry.attributes,
      get entries() {
        return freeze().entries;
      },
      get digest() {
        return freeze().digest;
      },
    };
  }

  /** Puts a new node where nothing is. Directories missing on the way are made. */
  create(place: Place<AnyDirectory>, node: Leaf | WorkDirectory): void {
    this.#set(this.#touch(place.parents), place.name, node);
  }

  /** Puts a directory that is known by its digest where nothing is. */
  createKnown(place: Place<AnyDirectory>, directory: KnownDirectory, adopt: Adopt): void {
    this.#set(this.#touch(place.parents), place.name, knownDirectoryNode(directory, adopt, this.#table));
  }

  /** Puts another leaf in the place of one: at all its names, if it is linked. */
  replaceLeaf(place: Place<AnyDirectory>, old: Leaf, leaf: Leaf): void {
    const { inode } = old;
    if (inode !== undefined && this.linkCount(old) > 1) {
      this.#index().update(inode, withInode(leaf, inode));
      return;
    }
    if (inode !== undefined) this.#index().remove(namesOf(place));
    this.#set(this.#touch(place.parents), place.name, withInode(leaf, undefined));
  }

  /** Sets the attributes of what is at a place. */
  setAttributes(place: Place<AnyDirectory>, attributes: NodeAttributes): void {
    const { entry } = place;
    if (entry === undefined || sameAttributes(this.attributes(entry), attributes)) return;
    if (entry.type === "directory") this.#touchDirectory(place).attributes = attributes;
    else this.replaceLeaf(place, entry, withAttributes(this.current(entry), attributes));
  }

  /** Makes a second name of what is at `existing`, where nothing is. */
  link(existing: Place<AnyDirectory>, leaf: Leaf, place: Place<AnyDirectory>): void {
    const index = this.#index();
    const inode = leaf.inode ?? this.#nextInode++;
    const node = withInode(this.current(leaf), inode);
    if (leaf.inode === undefined) {
      this.#set(this.#touch(existing.parents), existing.name, node);
      index.add(namesOf(existing), inode);
    }
    this.#set(this.#touch(place.parents), place.name, node);
    index.add(namesOf(place), inode);
  }

  remove(place: Place<AnyDirectory>): void {
    this.#set(this.#touch(place.parents), place.name, undefined);
    this.#forgetLinks(place);
  }

  /** Moves what is at `from` to a place, where it takes the place of what is there. */
  move(from: Place<AnyDirectory>, to: Place<AnyDirectory>): void {
    const { entry } = from;
    if (entry === undefined) return;
    if (to.entry !== undefined) this.#forgetLinks(to);
    this.#set(this.#touch(from.parents), from.name, undefined);
    this.#set(this.#touch(to.parents), to.name, entry);
    if (this.#mayHaveLinks(entry)) this.#index().move(namesOf(from), namesOf(to));
  }

  /** The tree as it is now. Costs what changed; without a change it is the same object as before. */
  freeze(): Tree {
    const links = this.#freezeLinks();
    const root = this.#root instanceof WorkDirectory ? this.#freezeDirectory(this.#root) : this.#root;
    this.#root = root;
    this.#loose.clear();
    this.#changes = 0;
    const same = root === this.#base.root && links === this.#base.links && this.#nextInode === this.#base.nextInode;
    if (!same) this.#base = { root, links, nextInode: this.#nextInode };
    return this.#base;
  }

  /** Freezes a directory, and before it all in it that was touched. Not recursive: trees can be deeper than the stack. */
  #freezeDirectory(top: WorkDirectory): DirectoryNode {
    const order: WorkDirectory[] = [];
    const pending = [top];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      order.push(directory);
      for (const entry of directory.entries.pack().directories())
        if (entry instanceof WorkDirectory) pending.push(entry);
    }
    let frozen = top.base;
    for (let i = order.length - 1; i >= 0; i--) {
      const directory = order[i];
      if (directory !== undefined) frozen = this.#freezeOne(directory);
    }
    return frozen ?? this.#freezeOne(top);
  }

  /** Freezes a directory in which all others are frozen. */
  #freezeOne(directory: WorkDirectory): DirectoryNode {
    const entries = directory.entries
      .pack()
      .mapDirectories((entry) => (entry instanceof WorkDirectory ? (entry.frozen ?? this.#freezeOne(entry)) : entry));
    directory.frozen = this.#table.directory(directory.attributes, entries, directory.base);
    return directory.frozen;
  }

  /** Brings what changed in groups of hard links to all their names. */
  #freezeLinks(): Tree["links"] {
    if (!this.#links?.changed) return this.#base.links;
    const links = new Map(this.#base.links);
    for (const { inode, node: changed, paths } of this.#links.takeChanges()) {
      if (paths.length >= 2) links.set(inode, paths.map(joinPath).sort(comparePaths));
      else links.delete(inode);
      const [path] = paths;
      if (path === undefined) continue;
      const node = changed ?? this.#descend(path);
      const linked = paths.length >= 2 ? this.#table.linked(withInode(node, inode)) : withInode(node, undefined);
      for (const names of paths) {
        if (this.#descend(names) === linked) continue;
        this.#set(this.#touchNames(names.slice(0, -1)), names.at(-1) ?? "", linked);
      }
    }
    return new Map([...links].sort(([a], [b]) => a - b));
  }

  #index(): LinkIndex {
    this.#links ??= new LinkIndex(this.#base.links);
    return this.#links;
  }

  #mayHaveLinks(entry: WorkEntry): boolean {
    if (entry.type !== "directory") return entry.inode !== undefined;
    return this.#links !== undefined || this.#base.links.size > 0;
  }

  #forgetLinks(place: Place<AnyDirectory>): void {
    if (place.entry !== undefined && this.#mayHaveLinks(place.entry)) this.#index().remove(namesOf(place));
  }

  /** The directory at the end of these steps, ready to be written. */
  #touch(steps: readonly Step<AnyDirectory>[]): WorkDirectory {
    return this.#touchNames(steps.slice(1).map((step) => step.name));
  }

  #touchDirectory(place: Place<AnyDirectory>): WorkDirectory {
    return this.#touchNames(namesOf(place));
  }

  #touchNames(names: readonly string[]): WorkDirectory {
    if (!(this.#root instanceof WorkDirectory)) this.#root = new WorkDirectory(attributesOf(this.#root), this.#root);
    let directory = this.#root;
    for (const name of names) {
      const child = directory.entries.get(name);
      if (child instanceof WorkDirectory) {
        directory = child;
        continue;
      }
      const touched =
        child?.type === "directory"
          ? new WorkDirectory(attributesOf(child), child)
          : new WorkDirectory(DEFAULT_ATTRIBUTES.directory);
      this.#set(directory, name, touched);
      directory = touched;
    }
    return directory;
  }

  /** Changes an entry of a directory. Now and then what has changed is packed. */
  #set(directory: WorkDirectory, name: string, entry: WorkEntry | undefined): void {
    directory.entries.set(name, entry);
    this.#loose.add(directory);
    if (++this.#changes < this.#most) return;
    this.#changes = 0;
    for (const loose of this.#loose) {
      const { changed, size } = loose.entries;
      if (changed * PART < size) {
        this.#changes += changed;
        continue;
      }
      loose.entries.pack();
      this.#loose.delete(loose);
      this.#packed += changed;
    }
    this.#most = this.#changes + Math.max(LOOSE, this.#packed / PART);
  }

  #descend(names: readonly string[]): Leaf {
    let entry: WorkEntry | undefined = this.#root;
    for (const name of names) entry = entry?.type === "directory" ? entry.entries.get(name) : undefined;
    if (entry !== undefined && entry.type !== "directory") return entry;
    throw new SlipwayError("FAILED_PRECONDITION", `Cannot read the hard link ${joinPath(names)}: it is not there`);
  }
}
