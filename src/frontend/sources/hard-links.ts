import { SlipwayError } from "../../errors.ts";
import { comparePaths } from "../../snapshots/path.ts";
import type { WritableSnapshot } from "../../snapshots/snapshotter.ts";
import { entryNames } from "./entry-name.ts";
import type { Places } from "./places.ts";

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
  readonly #places: Places;
  readonly #areOrdered: boolean;
  readonly #written: () => Promise<void>;
  readonly #groups = new Map<string, Group>();

  /**
   * @param areOrdered entries come in the order of a layer
   * @param written waits for files that are still read
   */
  constructor(work: WritableSnapshot, places: Places, areOrdered: boolean, written: () => Promise<void>) {
    this.#work = work;
    this.#places = places;
    this.#areOrdered = areOrdered;
    this.#written = written;
  }

  /**
   * Where that is what a hard link names.
   * @param target as the source says it
   * @param path where the link comes
   * @throws SlipwayError `INVALID_PATH` if it is a directory, or nothing that the source has brought
   */
  existing(target: string, path: string, doing: string): string {
    const linking = `${doing}: it is a hard link to ${JSON.stringify(target.slice(0, 200))}`;
    const there = this.#places.find(entryNames(target, linking), linking);
    if (there?.entry?.type === "directory") throw new SlipwayError("INVALID_PATH", `${linking}, which is a directory`);
    if (there?.entry === undefined || !there.own || there.path === path) {
      throw new SlipwayError("INVALID_PATH", `${linking}, which does not come before it, or was left out`);
    }
    return there.path;
  }

  /**
   * Makes `path`, where nothing is, another name of what is, or is to be, at `existing`: at once in the order of a layer, where links get
   * the same inode numbers in their places as at the end, and else at the end.
   */
  async link(existing: string, path: string): Promise<void> {
    if (!this.#areOrdered) {
      this.#add(existing, path);
      return;
    }
    // It may still be read.
    await this.#written();
    await this.#work.link(existing, path);
  }

  #add(existing: string, path: string): void {
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
