import { SlipwayError } from "../errors.ts";
import type { ContentTarget } from "./file-content.ts";
import type { NodeTable } from "./node-table.ts";
import type { FoundRecord, SnapshotRecord, SnapshotRecords, StoredTree } from "./record.ts";
import type { Tree } from "./tree.ts";
import type { TreeCache } from "./tree-cache.ts";
import { packName } from "./tree-store.ts";
import { WorkingTree } from "./working-tree.ts";
import { TreeWriter, type WritableState } from "./writable.ts";

/** What an active snapshot works with. */
export interface ActiveContext {
  readonly records: SnapshotRecords;
  readonly trees: TreeCache;
  readonly table: NodeTable;
  readonly target: ContentTarget;
}

/** An active snapshot of this process: its tree being written, and what of it is saved. */
export class ActiveSnapshot implements WritableState {
  readonly id: number;
  readonly writer: TreeWriter;
  readonly #key: string;
  readonly #context: ActiveContext;
  #record: SnapshotRecord;
  #working: Promise<WorkingTree> | undefined;
  #saved: StoredTree | undefined;
  /** The tree that is saved. */
  #savedTree: Tree | undefined;
  #saves: number;
  /** Why it cannot be used any more. */
  #closed: string | undefined;
  /** The last save or commit; the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ key, record }: FoundRecord, context: ActiveContext) {
    this.id = record.id;
    this.#key = key;
    this.#record = record;
    this.#saved = record.tree;
    this.#saves = savesOf(record);
    this.#context = context;
    this.writer = new TreeWriter(key, this, context.target);
  }

  async working(): Promise<WorkingTree> {
    this.#checkOpen();
    this.#working ??= this.#load();
    const working = await this.#working;
    this.#checkOpen();
    return working;
  }

  /** Takes in what somebody else has saved since, unless there is something here that is not saved. */
  async catchUp({ record }: FoundRecord): Promise<void> {
    await this.#oneByOne(async () => {
      if ((record.tree?.end ?? 0) <= (this.#saved?.end ?? 0)) return;
      if (this.#working !== undefined && (await this.#working).freeze() !== this.#savedTree) return;
      this.#record = record;
      this.#saved = record.tree;
      this.#saves = savesOf(record);
      this.#working = undefined;
    });
  }

  close(reason: string): void {
    this.#closed = reason;
  }

  async save(): Promise<Tree> {
    return await this.#oneByOne(async () => {
      const tree = (await this.working()).freeze();
      if (tree !== this.#savedTree) await this.#save(tree);
      return tree;
    });
  }

  /**
   * Saves the tree and makes the record one of a committed snapshot under another name.
   * @throws SlipwayError `ALREADY_EXISTS`; the snapshot stays active then
   */
  async commit(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
    await this.#oneByOne(async () => {
      const tree = (await this.working()).freeze();
      // From here on nothing can be written that would not be in the commit.
      this.#closed = `committed as ${JSON.stringify(name)}`;
      let stored: StoredTree;
      try {
        stored = await this.#saveForCommit(tree);
        await this.#publish(name, labels, stored);
      } catch (error) {
        this.#closed = undefined;
        throw error;
      }
      this.#context.trees.put(this.id, tree);
      // It is committed. Packs of earlier saves that cannot be removed now go when it is removed.
      await this.#context.trees.store.remove(this.id, stored.first).catch(() => undefined);
    });
  }

  async #load(): Promise<WorkingTree> {
    const { trees, table } = this.#context;
    try {
      const tree = await trees.get(this.#record);
      // Also where nothing was saved yet: whoever only looks at it must not save what its writer then finds changed.
      this.#savedTree = tree;
      return new WorkingTree(tree, table);
    } catch (error) {
      this.#working = undefined;
      throw error;
    }
  }

  async #save(tree: Tree): Promise<void> {
    const { trees } = this.#context;
    const range = { first: this.#saved?.first ?? 0, end: this.#saved?.end ?? 0 };
    const packs = await trees.parentPacks(this.#record);
    packs.add(packName(this.id, range.first));
    const stored = await trees.store.save(this.id, tree, packs, range);
    await this.#update((record) => ({ ...record, tree: stored }));
    this.#saved = stored;
    this.#savedTree = tree;
    this.#saves++;
  }

  /** Saves only what the tree consists of now, not what earlier saves had besides. */
  async #saveForCommit(tree: Tree): Promise<StoredTree> {
    if (this.#saved !== undefined && this.#saves === 1 && tree === this.#savedTree) return this.#saved;
    const { trees } = this.#context;
    const end = this.#saved?.end ?? 0;
    return await trees.store.save(this.id, tree, await trees.parentPacks(this.#record), { first: end, end });
  }

  async #publish(name: string, labels: Readonly<Record<string, string>>, tree: StoredTree): Promise<void> {
    const { records } = this.#context;
    const { parent } = this.#record;
    const record: SnapshotRecord = { version: 1, kind: "committed", id: this.id, parent, labels, tree };
    const committed = await records.create(name, { ...record, pending: this.#key });
    if (committed === undefined) throw this.#nameTaken(name);
    let marked: FoundRecord;
    try {
      marked = await this.#update((active) => ({ ...active, committing: name }));
    } catch (error) {
      await records.drop(committed).catch(() => false);
      throw error;
    }
    const done = await records.replace(committed, record);
    // Otherwise somebody else took this step, or took the name before the second step.
    if (done === undefined && (await records.find(name))?.record.id !== this.id) {
      await records.find(this.#key);
      throw this.#nameTaken(name);
    }
    // It is committed. Should the old record stay, it counts as gone.
    await records.drop(marked).catch(() => false);
  }

  /** Changes the record, as long as nobody else saved, committed or removed the snapshot. */
  async #update(change: (record: SnapshotRecord) => SnapshotRecord): Promise<FoundRecord> {
    const { records } = this.#context;
    for (;;) {
      const found = await records.find(this.#key);
      if (found?.record.id !== this.id || found.record.tree?.end !== this.#saved?.end) {
        throw new SlipwayError(
          "FAILED_PRECONDITION",
          `Cannot save the snapshot ${JSON.stringify(this.#key)}: it was saved, committed or removed elsewhere`,
        );
      }
      const changed = await records.replace(found, change(found.record));
      if (changed !== undefined) return changed;
    }
  }

  async #oneByOne<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return await result;
  }

  #nameTaken(name: string): SlipwayError {
    return new SlipwayError(
      "ALREADY_EXISTS",
      `Cannot commit the snapshot ${JSON.stringify(this.#key)}: the name ${JSON.stringify(name)} is taken`,
    );
  }

  #checkOpen(): void {
    if (this.#closed === undefined) return;
    throw new SlipwayError(
      "FAILED_PRECONDITION",
      `Cannot use the snapshot ${JSON.stringify(this.#key)}: it was ${this.#closed}`,
    );
  }
}

/** How it was saved by others is not known; a commit tidies up. */
const savesOf = ({ tree }: SnapshotRecord): number => (tree === undefined ? 0 : 2);
