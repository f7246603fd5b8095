import { comparePaths } from "../snapshots/path.ts";

/** Paths that wait for their place in the order of a layer: a binary heap, the first in order on top. */
export class PathQueue {
  readonly #heap: string[] = [];

  /** The first path in order, if there is any. */
  first(): string | undefined {
    return this.#heap[0];
  }

  /** Adds a path. */
  add(path: string): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || comparePaths(parent, path) <= 0) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = path;
  }

  /** Takes the first path out. */
  shift(): string | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = heap[below];
      const other = heap[below + 1];
      if (child !== undefined && other !== undefined && comparePaths(other, child) < 0) {
        child = other;
        below++;
      }
      if (child === undefined || comparePaths(moved, child) <= 0) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = moved;
    return first;
  }
}
