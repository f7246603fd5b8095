import { DEFAULT_ATTRIBUTES } from "../snapshots/attributes.ts";
import { type Leaf, specialNode } from "../snapshots/node.ts";
import type { DirectoryNode } from "../snapshots/tree.ts";
import { NameSet } from "./name-set.ts";

/** Stands for what a layer brings that is neither a directory nor a symlink: of that only its name matters to others. */
const LEAF: Leaf = specialNode(DEFAULT_ATTRIBUTES.file, "fifo", 0, 0);

/**
 * A directory as those see it who put entries into a snapshot: what is in it now, and what of that the layer itself (or another
 * source of entries) has brought. It lets paths be resolved and opaque directories be cleared without asking the snapshot;
 * directories of the lower tree open as they are needed.
 */
export class LayerDirectory {
  readonly type = "directory" as const;
  /** The layer has brought it, or something in it. */
  touched = false;
  /** Nothing of the lower tree is left in it or under it. */
  cleared: boolean;
  /** What the layer has brought, of all directories of a tree. */
  readonly #own: NameSet;
  readonly #number: number;
  readonly #lower: DirectoryNode | undefined;
  /** Directories, symlinks that the layer has brought, and as undefined what is not there any more. */
  #opened: Map<string, Leaf | LayerDirectory | undefined> | undefined;

  /**
   * @param lower the directory of the lower tree; absent for one that the layer makes
   * @param root of the same tree; absent for the root itself
   */
  constructor(lower?: DirectoryNode, root?: LayerDirectory) {
    this.#own = root === undefined ? new NameSet() : root.#own;
    this.#number = this.#own.directory();
    this.#lower = lower;
    this.cleared = lower === undefined;
  }

  /** What is in it, by name: itself, as a `Map` has it. */
  get entries(): this {
    return this;
  }

  get(name: string): Leaf | LayerDirectory | undefined {
    const opened = this.#opened?.get(name);
    if (opened !== undefined || this.#opened?.has(name) === true) return opened;
    if (this.isOwn(name)) return LEAF;
    const lower = this.#lower?.entries.get(name);
    return lower?.type === "directory" ? this.#open(name, new LayerDirectory(lower, this)) : lower;
  }

  /** Forgets an entry. */
  delete(name: string): void {
    this.#open(name, undefined);
  }

  /** Notes an entry that the layer brings. */
  put(name: string, entry: Leaf | LayerDirectory): void {
    if (!this.isOwn(name)) this.#own.add(this.#number, name);
    if (entry.type === "directory" || entry.type === "symlink") this.#open(name, entry);
    else this.#opened?.delete(name);
    if (entry.type === "directory") entry.touched = true;
  }

  /** Whether the layer has brought the entry of that name itself. */
  isOwn(name: string): boolean {
    return this.#own.has(this.#number, name);
  }

  /** A directory that the layer makes in this tree. */
  make(): LayerDirectory {
    return new LayerDirectory(undefined, this);
  }

  /** Names that the lower tree has in it, or that lead to what it has. */
  lowerNames(): readonly string[] {
    return [...new Set([...(this.#lower?.entries.keys() ?? []), ...(this.#opened?.keys() ?? [])])];
  }

  #open<T extends Leaf | LayerDirectory | undefined>(name: string, entry: T): T {
    this.#opened ??= new Map();
    this.#opened.set(name, entry);
    return entry;
  }
}
