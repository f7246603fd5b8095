import type { SnapshotRecord, SnapshotRecords } from "./record.ts";
import type { Tree } from "./tree.ts";
import type { TreeKeeper } from "./tree-store.ts";
import { packName } from "./tree-store.ts";

/** Trees that are kept although nobody uses them just now. */
const KEPT_TREES = 16;

/** The trees of the snapshots: read from the store when they are first needed, the last few kept. */
export class TreeCache {
  readonly store: TreeKeeper;
  readonly #records: SnapshotRecords;
  /** By snapshot id, the one used last at the end. */
  readonly #trees = new Map<number, Promise<Tree>>();

  constructor(store: TreeKeeper, records: SnapshotRecords) {
    this.store = store;
    this.#records = records;
  }

  /** The tree of a snapshot as it was saved. */
  async get(record: SnapshotRecord): Promise<Tree> {
    // Without a tree of its own it has its parent's; an active one, whose tree is still to come, must not be remembered.
    if (record.tree === undefined) {
      const parent = await this.parentOf(record);
      if (parent !== undefined) return await this.get(parent);
    }
    if (record.kind !== "committed") return await this.store.load(record, this.parentOf);
    const known = this.#trees.get(record.id);
    const tree = known ?? this.store.load(record, this.parentOf);
    this.#keep(record.id, tree);
    try {
      return await tree;
    } catch (error) {
      this.#trees.delete(record.id);
      throw error;
    }
  }

  /** Remembers the tree that a snapshot was just committed with. */
  put(id: number, tree: Tree): void {
    this.#keep(id, Promise.resolve(tree));
  }

  async remove(record: SnapshotRecord): Promise<void> {
    this.#trees.delete(record.id);
    if (record.kind !== "view") await this.store.remove(record.id);
  }

  readonly parentOf = async ({ parent }: SnapshotRecord): Promise<SnapshotRecord | undefined> => {
    if (parent === undefined) return undefined;
    const record = (await this.#records.read(parent.key))?.record;
    return record?.id === parent.id ? record : undefined;
  };

  /** The packs that a snapshot's tree may rely on besides its own. */
  async parentPacks(record: SnapshotRecord): Promise<Set<string>> {
    const packs = new Set<string>();
    for (let parent = await this.parentOf(record); parent !== undefined; parent = await this.parentOf(parent)) {
      if (parent.tree !== undefined) packs.add(packName(parent.id, parent.tree.first));
    }
    return packs;
  }

  #keep(id: number, tree: Promise<Tree>): void {
    this.#trees.delete(id);
    this.#trees.set(id, tree);
    for (const oldest of this.#trees.keys()) {
      if (this.#trees.size <= KEPT_TREES) break;
      this.#trees.delete(oldest);
    }
  }
}
