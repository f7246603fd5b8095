import { emptyTree } from "./empty-tree.ts";
import type { SnapshotRecord, StoredTree } from "./record.ts";
import type { Tree } from "./tree.ts";
import type { ParentOf, TreeKeeper } from "./tree-store.ts";

/** Trees as they are, for snapshots that last no longer than their snapshotter: nothing is encoded. */
export class MemoryTrees implements TreeKeeper {
  /** The saved trees of each snapshot, by the number of the save. */
  readonly #trees = new Map<number, Map<number, Tree>>();

  async load(record: SnapshotRecord, parentOf: ParentOf): Promise<Tree> {
    let origin: SnapshotRecord | undefined = record;
    while (origin !== undefined && origin.tree === undefined) origin = await parentOf(origin);
    const saved = origin?.tree && this.#trees.get(origin.id)?.get(origin.tree.end - 1);
    return saved ?? emptyTree();
  }

  async save(
    id: number,
    tree: Tree,
    _: ReadonlySet<string>,
    { first, end }: { readonly first: number; readonly end: number },
  ): Promise<StoredTree> {
    const saves = this.#trees.get(id) ?? new Map<number, Tree>();
    this.#trees.set(id, saves.set(end, tree));
    return { root: tree.root.digest, nextInode: tree.nextInode, first, end: end + 1 };
  }

  async remove(id: number, before: number = Number.POSITIVE_INFINITY): Promise<void> {
    const saves = this.#trees.get(id);
    for (const number of saves?.keys() ?? []) if (number < before) saves?.delete(number);
    if (saves?.size === 0) this.#trees.delete(id);
  }
}
