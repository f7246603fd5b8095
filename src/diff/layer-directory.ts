import type { Leaf } from "../snapshots/node.ts";
import type { DirectoryNode } from "../snapshots/tree.ts";

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
  readonly #own = new Set<string>();
  #lower: DirectoryNode | undefined;
  #entries: Map<string, Leaf | LayerDirectory> | undefined;

  /** @param lower the directory of the lower tree; absent for one that the layer makes */
  constructor(lower?: DirectoryNode) {
    this.#lower = lower;
    this.cleared = lower === undefined;
  }

  /** What is in it, by name. */
  get entries(): Map<string, Leaf | LayerDirectory> {
    if (this.#entries === undefined) {
      this.#entries = new Map();
      for (const [name, node] of this.#lower?.entries ?? []) {
        this.#entries.set(name, node.type === "directory" ? new LayerDirectory(node) : node);
      }
      this.#lower = undefined;
    }
    return this.#entries;
  }

  /** Notes an entry that the layer brings. */
  put(name: string, entry: Leaf | LayerDirectory): void {
    this.entries.set(name, entry);
    this.#own.add(name);
    if (entry.type === "directory") entry.touched = true;
  }

  /** Whether the layer has brought the entry of that name itself. */
  isOwn(name: string): boolean {
    return this.#own.has(name);
  }
}
