import {
  createSnapshotter,
  isSlipwayError,
  type SnapshotInfo,
  type Snapshotter,
  type Tree,
  type WritableSnapshot,
} from "slipway";
import { type ChangeSummary, summarise } from "./changes.ts";
import type { Serial } from "./serial.ts";
import type { Stores } from "./stores.ts";

/** A committed layer. */
export interface LayerState {
  /** Key of its snapshot. */
  readonly key: string;
  readonly changes: ChangeSummary;
}

/** What the page shows of the files. */
export interface WorkspaceState {
  /** From the bottom up. */
  readonly layers: readonly LayerState[];
  /** The files as they are now. */
  readonly tree: Tree;
  /** What is not in a layer yet. */
  readonly uncommitted: ChangeSummary;
}

/** The one active snapshot. Its parents are the layers, so nothing else has to be remembered. */
const WORK = "work";
const LAYER = /^layer-(\d+)$/;

/** The working snapshot on top of the committed layers. All that changes them runs one after the other. */
export class Workspace {
  readonly snapshots: Snapshotter;
  readonly #serial: Serial;
  readonly #listeners = new Set<(state: WorkspaceState) => void>();
  readonly #summaries = new Map<string, ChangeSummary>();
  #work: WritableSnapshot;
  #state: WorkspaceState;

  private constructor(snapshots: Snapshotter, work: WritableSnapshot, state: WorkspaceState, serial: Serial) {
    this.snapshots = snapshots;
    this.#work = work;
    this.#state = state;
    this.#serial = serial;
  }

  /** Opens what was there when the page was left, or begins anew. */
  static async open(stores: Stores, serial: Serial): Promise<Workspace> {
    const snapshots = createSnapshotter(stores);
    const work = await resumeWork(snapshots);
    const tree = await work.tree();
    const empty: WorkspaceState = { layers: [], tree, uncommitted: summarise(undefined, tree) };
    const workspace = new Workspace(snapshots, work, empty, serial);
    await workspace.#refresh();
    return workspace;
  }

  get state(): WorkspaceState {
    return this.#state;
  }

  /** Calls back now and after every change. */
  subscribe(listener: (state: WorkspaceState) => void): void {
    this.#listeners.add(listener);
    listener(this.#state);
  }

  /** Reads a file of the working snapshot. */
  read(path: string): Promise<Uint8Array> {
    return this.#serial.run(() => this.#work.readFile(path));
  }

  /**
   * Changes files. Whatever comes of it, what was done is saved and shown.
   * @returns what changed
   */
  edit(change: (work: WritableSnapshot) => Promise<unknown>): Promise<ChangeSummary> {
    return this.#serial.run(async () => {
      const before = this.#state.tree;
      try {
        await change(this.#work);
      } finally {
        await this.#refresh();
      }
      return summarise(before, this.#state.tree);
    });
  }

  /** Makes a layer of what was changed. */
  commit(): Promise<void> {
    return this.#serial.run(async () => {
      const name = `layer-${(await lastNumber(this.snapshots)) + 1}`;
      (await this.snapshots.commit(name, WORK)).release();
      this.#work = await this.snapshots.prepare(WORK, name);
      await this.#refresh();
    });
  }

  /** Throws away what is not in a layer. */
  discard(): Promise<void> {
    return this.#serial.run(async () => {
      await this.#restart(this.#state.layers.at(-1)?.key);
    });
  }

  /** Throws away the top layer, and what is not in a layer. */
  removeTop(): Promise<void> {
    return this.#serial.run(async () => {
      const top = this.#state.layers.at(-1);
      if (top === undefined) return;
      await this.snapshots.remove(WORK);
      await this.snapshots.remove(top.key);
      this.#summaries.delete(top.key);
      this.#work = await this.snapshots.prepare(WORK, this.#state.layers.at(-2)?.key);
      await this.#refresh();
    });
  }

  async #restart(parent: string | undefined): Promise<void> {
    await this.snapshots.remove(WORK);
    this.#work = await this.snapshots.prepare(WORK, parent);
    await this.#refresh();
  }

  /** Asking for the tree saves it, too. */
  async #refresh(): Promise<void> {
    const tree = await this.#work.tree();
    const layers: LayerState[] = [];
    let below: Tree | undefined;
    for (const key of await chainOf(this.snapshots, WORK)) {
      const ref = await this.snapshots.get(key);
      try {
        const own = await ref.tree();
        const changes = this.#summaries.get(key) ?? summarise(below, own);
        this.#summaries.set(key, changes);
        layers.push({ key, changes });
        below = own;
      } finally {
        ref.release();
      }
    }
    this.#state = { layers, tree, uncommitted: summarise(below, tree) };
    for (const listener of this.#listeners) listener(this.#state);
  }
}

/** The active snapshot, or a new one on the topmost layer: the page may have been closed between a commit and the next `prepare`. */
async function resumeWork(snapshots: Snapshotter): Promise<WritableSnapshot> {
  try {
    return await snapshots.resume(WORK);
  } catch (error) {
    if (!isSlipwayError(error, "NOT_FOUND")) throw error;
  }
  const committed: SnapshotInfo[] = [];
  await snapshots.walk((info) => {
    if (info.kind === "committed") committed.push(info);
  });
  const parents = new Set(committed.map(({ parent }) => parent));
  return await snapshots.prepare(WORK, committed.find(({ key }) => !parents.has(key))?.key);
}

/** Keys of the layers below a snapshot, from the bottom up. */
async function chainOf(snapshots: Snapshotter, key: string): Promise<readonly string[]> {
  const chain: string[] = [];
  let { parent } = await snapshots.stat(key);
  while (parent !== undefined) {
    chain.unshift(parent);
    ({ parent } = await snapshots.stat(parent));
  }
  return chain;
}

async function lastNumber(snapshots: Snapshotter): Promise<number> {
  let last = 0;
  await snapshots.walk(({ key }) => {
    last = Math.max(last, Number(LAYER.exec(key)?.[1] ?? 0));
  });
  return last;
}
