import type { ContentStore } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { ActiveSnapshot } from "./active.ts";
import { HeldSnapshot, Holds } from "./held.ts";
import { createMemoryMetadataStore } from "./memory.ts";
import { MemoryTrees } from "./memory-trees.ts";
import type { MetadataStore } from "./metadata.ts";
import { NodeTable } from "./node-table.ts";
import { TreeReader } from "./reader.ts";
import { changeLabels, checkKey, type FoundRecord, infoOf, type SnapshotRecord, SnapshotRecords } from "./record.ts";
import type { Ref, SnapshotInfo, SnapshotReader, Snapshotter, SnapshotUsage, WritableSnapshot } from "./snapshotter.ts";
import { TreeCache } from "./tree-cache.ts";
import { TreeStore } from "./tree-store.ts";
import { treeUsage } from "./usage.ts";
import { WorkingTree } from "./working-tree.ts";

/** Options of {@link createSnapshotter}. */
export interface SnapshotterOptions {
  /** Where files' contents are. */
  readonly content: ContentStore;
  /** Where trees and snapshots are. Default: memory, for the life of the snapshotter. */
  readonly metadata?: MetadataStore | undefined;
  /** Makes the digests of trees and of what is written. Default: the content store's own, or else `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
  /**
   * What becomes of a `Blob` or `ReopenableSource` that a file is written from: its bytes are copied into the content store
   * (`copy`, the default), or it is read once for its digest and then left where it is (`reference`; the content store must
   * know `adopt`, as `withReferences` makes it; otherwise it is copied all the same).
   */
  readonly sources?: "copy" | "reference" | undefined;
}

/**
 * Snapshots as trees in memory, loaded when they are first needed and shared with each other, and kept in the metadata store.
 *
 * A committed snapshot lasts as long as its stores. An active one is written in memory: what it has is saved whenever its
 * `tree()` is asked for, and by `commit`; what was written since is lost with the process, and {@link Snapshotter.resume}
 * gives what was saved. Any number of snapshotters, in any number of processes or tabs, may use the same stores: none can
 * take a key that another has, nor remove a parent on which another prepares a child. But one active snapshot is to be
 * written by one of them at a time, and a {@link Ref} holds its snapshot only against removal by the snapshotter it came from.
 */
export function createSnapshotter(options: SnapshotterOptions): Snapshotter {
  return new TreeSnapshotter(options);
}

class TreeSnapshotter implements Snapshotter {
  readonly #content: ContentStore;
  readonly #hasher: HasherFactory | undefined;
  readonly #byReference: boolean;
  readonly #records: SnapshotRecords;
  readonly #trees: TreeCache;
  readonly #table: NodeTable;
  readonly #active = new Map<string, ActiveSnapshot>();
  readonly #views = new Map<string, { removed: boolean }>();
  readonly #holds = new Holds();

  constructor({ content, metadata, hasher = content.hasher, sources = "copy" }: SnapshotterOptions) {
    this.#content = content;
    this.#hasher = hasher;
    this.#byReference = sources === "reference";
    this.#records = new SnapshotRecords(metadata ?? createMemoryMetadataStore());
    this.#table = new NodeTable(hasher);
    // Whom nobody else can read needs no form to be read from.
    const trees = metadata === undefined ? new MemoryTrees() : new TreeStore(metadata, this.#table);
    this.#trees = new TreeCache(trees, this.#records);
  }

  async prepare(
    key: string,
    parent?: string,
    options: { readonly labels?: Readonly<Record<string, string>> } = {},
  ): Promise<WritableSnapshot> {
    const found = await this.#create(key, "active", parent, options.labels);
    return this.#activate(found).writer;
  }

  async view(
    key: string,
    parent?: string,
    options: { readonly labels?: Readonly<Record<string, string>> } = {},
  ): Promise<SnapshotReader & { readonly key: string }> {
    const { record } = await this.#create(key, "view", parent, options.labels);
    const state = { removed: false };
    this.#views.set(key, state);
    let working: WorkingTree | undefined;
    const open = async (): Promise<WorkingTree> => {
      if (state.removed) {
        throw new SlipwayError("FAILED_PRECONDITION", `Cannot use the view ${JSON.stringify(key)}: it was removed`);
      }
      working ??= new WorkingTree(await this.#trees.get(record), this.#table);
      return working;
    };
    return Object.assign(new TreeReader(open, this.#origin()), { key });
  }

  async resume(key: string): Promise<WritableSnapshot> {
    return (await this.#activeSnapshot(key, "resume")).writer;
  }

  async commit(
    name: string,
    key: string,
    options: { readonly labels?: Readonly<Record<string, string>> } = {},
  ): Promise<Ref> {
    checkKey(name);
    const labels = changeLabels({}, options.labels ?? {});
    const active = await this.#activeSnapshot(key, "commit");
    await this.#makeFree(name);
    this.#holds.take(name);
    try {
      await active.commit(name, labels);
    } catch (error) {
      this.#holds.release(name);
      throw error;
    }
    if (this.#active.get(key) === active) this.#active.delete(key);
    const found = await this.#found(name);
    return this.#ref(found);
  }

  async get(name: string): Promise<Ref> {
    // Held before it is looked at: it cannot be removed in between.
    this.#holds.take(checkKey(name));
    try {
      return this.#ref(await this.#committed(name, "hold"));
    } catch (error) {
      this.#holds.release(name);
      throw error;
    }
  }

  async stat(key: string): Promise<SnapshotInfo> {
    return infoOf(await this.#found(key));
  }

  async usage(key: string): Promise<SnapshotUsage> {
    const { record } = await this.#found(key);
    const parent = await this.#trees.parentOf(record);
    const lower = parent === undefined ? undefined : await this.#trees.get(parent);
    if (record.kind === "view") return { size: 0, inodes: 0 };
    if (record.kind === "committed") return treeUsage(lower, await this.#trees.get(record));
    const working = await (await this.#activeSnapshot(key, "measure")).working();
    return treeUsage(lower, working.freeze());
  }

  async label(key: string, labels: Readonly<Record<string, string | undefined>>): Promise<SnapshotInfo> {
    for (;;) {
      const found = await this.#found(key);
      const { record } = found;
      const changed = await this.#records.replace(found, { ...record, labels: changeLabels(record.labels, labels) });
      if (changed !== undefined) return infoOf(changed);
    }
  }

  async walk(visit: (info: SnapshotInfo) => void | Promise<void>): Promise<void> {
    for await (const { key } of this.#records.list()) {
      const found = await this.#records.find(key);
      if (found !== undefined) await visit(infoOf(found));
    }
  }

  async remove(key: string): Promise<void> {
    for (;;) {
      const found = await this.#found(key);
      this.#checkNotHeld(key);
      await this.#checkNoChildren(found);
      const removing = await this.#records.replace(found, { ...found.record, removing: true });
      // Somebody changed the record in between: look again.
      if (removing === undefined) continue;
      try {
        this.#checkNotHeld(key);
        await this.#checkNoChildren(removing);
      } catch (error) {
        await this.#records.replace(removing, found.record);
        throw error;
      }
      await this.#finishRemoval(removing);
      this.#active.get(key)?.close("removed");
      this.#active.delete(key);
      const view = this.#views.get(key);
      if (view !== undefined) view.removed = true;
      this.#views.delete(key);
      return;
    }
  }

  /** Writes the record of a new active snapshot or view. */
  async #create(
    key: string,
    kind: "active" | "view",
    parent: string | undefined,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<FoundRecord> {
    checkKey(key);
    const checkedLabels = changeLabels({}, labels);
    await this.#makeFree(key);
    const base = parent === undefined ? undefined : await this.#committed(parent, "use as a parent");
    const record: SnapshotRecord = {
      version: 1,
      kind,
      id: await this.#records.nextId(),
      labels: checkedLabels,
      ...(base === undefined ? {} : { parent: { key: base.key, id: base.record.id } }),
    };
    const found = await this.#records.create(key, record);
    if (found === undefined) throw taken(key);
    if (base === undefined) return found;
    // Who removes the parent marks it first and then looks for children; here the child is made first and then the parent is
    // looked at. So one of the two sees the other.
    const still = await this.#records.find(base.key);
    if (still?.record.id === base.record.id) return found;
    await this.#records.drop(found);
    throw new SlipwayError(
      "NOT_FOUND",
      `Cannot prepare a snapshot on ${JSON.stringify(base.key)}: it was removed just now`,
    );
  }

  /** Makes sure that no snapshot has a key, and removes what one that counts as gone has left there. */
  async #makeFree(key: string): Promise<void> {
    for (;;) {
      const found = await this.#records.read(key);
      if (found === undefined) return;
      const state = await this.#records.settle(found);
      if (state === "alive") throw taken(key);
      if (state === "gone") await this.#clear(found);
    }
  }

  /** Takes away what is left of a snapshot that counts as gone. @throws SlipwayError `FAILED_PRECONDITION` if it has children */
  async #clear(found: FoundRecord): Promise<void> {
    if (found.record.removing !== true) {
      await this.#records.drop(found);
      return;
    }
    await this.#checkNoChildren(found);
    await this.#finishRemoval(found);
  }

  /** @throws SlipwayError `FAILED_PRECONDITION` */
  async #checkNoChildren({ key, record }: FoundRecord): Promise<void> {
    if (record.kind !== "committed") return;
    for await (const child of this.#records.list()) {
      const { parent } = child.record;
      if (parent?.key !== key || parent.id !== record.id) continue;
      if ((await this.#records.settle(child)) === "gone") await this.#clear(child);
      else {
        throw new SlipwayError(
          "FAILED_PRECONDITION",
          `Cannot remove the snapshot ${JSON.stringify(key)}: it is the parent of ${JSON.stringify(child.key)}; remove that first`,
        );
      }
    }
  }

  /** Takes away what a snapshot has that is marked as removing and, as was seen after that, has no children. */
  async #finishRemoval(found: FoundRecord): Promise<void> {
    await this.#trees.remove(found.record);
    await this.#records.drop(found);
  }

  #activate(found: FoundRecord): ActiveSnapshot {
    const active = new ActiveSnapshot(found, {
      records: this.#records,
      trees: this.#trees,
      table: this.#table,
      target: { ...this.#origin(), byReference: this.#byReference },
    });
    this.#active.set(found.key, active);
    return active;
  }

  async #activeSnapshot(key: string, what: string): Promise<ActiveSnapshot> {
    const found = await this.#found(key);
    const { kind, id } = found.record;
    if (kind !== "active") {
      throw new SlipwayError(
        "FAILED_PRECONDITION",
        `Cannot ${what} the snapshot ${JSON.stringify(key)}: it is not active but ${kind}`,
      );
    }
    const known = this.#active.get(key);
    if (known?.id === id) {
      await known.catchUp(found);
      return known;
    }
    known?.close("removed");
    return this.#activate(found);
  }

  async #found(key: string): Promise<FoundRecord> {
    const found = await this.#records.find(checkKey(key));
    if (found !== undefined) return found;
    throw new SlipwayError("NOT_FOUND", `Cannot find the snapshot ${JSON.stringify(key)}`);
  }

  async #committed(name: string, what: string): Promise<FoundRecord> {
    const found = await this.#found(name);
    const { kind } = found.record;
    if (kind === "committed") return found;
    throw new SlipwayError(
      "FAILED_PRECONDITION",
      `Cannot ${what} the snapshot ${JSON.stringify(name)}: it is not committed but ${kind}`,
    );
  }

  #ref({ key, record }: FoundRecord): Ref {
    const open = async (): Promise<WorkingTree> => new WorkingTree(await this.#trees.get(record), this.#table);
    return new HeldSnapshot(key, record.parent?.key, open, this.#origin(), () => this.#holds.release(key));
  }

  #checkNotHeld(key: string): void {
    if (!this.#holds.has(key)) return;
    throw new SlipwayError(
      "FAILED_PRECONDITION",
      `Cannot remove the snapshot ${JSON.stringify(key)}: it is held; release its refs first`,
    );
  }

  #origin(): { readonly content: ContentStore; readonly hasher: HasherFactory | undefined } {
    return { content: this.#content, hasher: this.#hasher };
  }
}

function taken(key: string): SlipwayError {
  return new SlipwayError("ALREADY_EXISTS", `Cannot make the snapshot ${JSON.stringify(key)}: the key is taken`);
}
