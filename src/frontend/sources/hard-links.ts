import { comparePaths } from "../../snapshots/path.ts";
import type { WritableSnapshot } from "../../snapshots/snapshotter.ts";

interface Group {
  /** The path that is written. */
  carrier: string;
  /** The others, which are made at the end. */
  readonly others: Set<string>;
}

/**
 * The hard links of a source, made when all else is there, in an order that depends on their paths alone: the order gives the
 * inode numbers, and those are part of the tree.
 */
export class HardLinks {
  readonly #work: WritableSnapshot;
  readonly #groups = new Map<string, Group>();

  constructor(work: WritableSnapshot) {
    this.#work = work;
  }

  /** Notes that `path`, where nothing is, is to be another name of what is, or is to be, at `existing`. */
  add(existing: string, path: string): void {
    const group = this.#groups.get(existing) ?? { carrier: existing, others: new Set() };
    group.others.add(path);
    this.#groups.set(existing, group);
    this.#groups.set(path, group);
  }

  /** Takes one name away; what it names stays where it has others. */
  async remove(path: string): Promise<void> {
    const group = this.#groups.get(path);
    this.#groups.delete(path);
    if (group?.others.delete(path)) return;
    const [heir] = group?.others ?? [];
    if (group === undefined || heir === undefined) {
      await this.#work.remove(path);
      return;
    }
    await this.#work.rename(path, heir);
    group.others.delete(heir);
    group.carrier = heir;
  }

  /** Makes them. */
  async make(): Promise<void> {
    const groups = [...new Set(this.#groups.values())]
      .filter(({ others }) => others.size > 0)
      .map(({ carrier, others }) => ({ carrier, paths: [carrier, ...others].sort(comparePaths) }))
      .sort((a, b) => comparePaths(a.paths[1] ?? "", b.paths[1] ?? ""));
    for (const { carrier, paths } of groups) {
      for (const path of paths) if (path !== carrier) await this.#work.link(carrier, path);
    }
  }
}
