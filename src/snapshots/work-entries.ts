import { compareNames } from "../tar/names.ts";
import type { Leaf } from "./node.ts";
import { PackedEntries } from "./packed-entries.ts";

/**
 * The entries of a directory that is being written: those that it had, packed as they are, and what has changed since. So the first
 * change copies nothing, and entries that were made some time ago take as little memory as they will in the end.
 */
export class WorkEntries<D extends { readonly type: "directory" }> {
  #packed: ReadonlyMap<string, Leaf | D>;
  /** What came, and as undefined what went. */
  #changes: Map<string, Leaf | D | undefined> | undefined;
  #size: number;

  constructor(packed: ReadonlyMap<string, Leaf | D> = new Map<string, Leaf | D>()) {
    this.#packed = packed;
    this.#size = packed.size;
  }

  get size(): number {
    return this.#size;
  }

  /** Number of entries that are not packed. */
  get changed(): number {
    return this.#changes?.size ?? 0;
  }

  get(name: string): Leaf | D | undefined {
    const changed = this.#changes?.get(name);
    if (changed !== undefined || this.#changes?.has(name) === true) return changed;
    return this.#packed.get(name);
  }

  /** @param entry undefined takes it away */
  set(name: string, entry: Leaf | D | undefined): void {
    this.#size += Number(entry !== undefined) - Number(this.get(name) !== undefined);
    this.#changes ??= new Map();
    this.#changes.set(name, entry);
  }

  /** Names in bytewise order. */
  keys(): Iterable<string> {
    return this.pack().keys();
  }

  /** Packs what has changed, too. */
  pack(): PackedEntries<D> {
    const packed = this.#packed instanceof PackedEntries ? this.#packed : PackedEntries.of(this.#packed);
    const changes = [...(this.#changes ?? [])];
    let previous: string | undefined;
    let isSorted = true;
    for (const [name] of changes) {
      if (previous !== undefined && compareNames(previous, name) > 0) isSorted = false;
      previous = name;
    }
    if (!isSorted) changes.sort(([a], [b]) => compareNames(a, b));
    const all: PackedEntries<D> = changes.length === 0 ? packed : packed.with(changes);
    this.#packed = all;
    this.#changes = undefined;
    return all;
  }
}
