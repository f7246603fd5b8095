import { MAX_MATCH, WINDOW_SIZE } from "./symbols.ts";
/** How far beyond the position searched positions are indexed. Zero bytes after the input let words be read as far. */
export const LOOKAHEAD = 272;
const HASH_BITS = 16;
const HASH_SHIFT = 32 - HASH_BITS;
const FAR = -0x10000;
const RING = 65536;
export const MASK: number = RING - 1;
export class MatchFinder {
  readonly head: Int32Array = new Int32Array(1 << HASH_BITS);
  readonly previous: Int32Array = new Int32Array(RING);
  view: DataView = new DataView(new ArrayBuffer(0));
  end = 0;
  indexed = 0;
  /** Distance of the match found last. */
  distance = 0;
  reset(view: DataView, end: number): void {
    this.head.fill(FAR);
    this.view = view;
    this.end = end;
    this.indexed = 0;
  }
  index(from: number, to: number): void {
    const { head, previous, view } = this;
    let at = this.indexed < from ? from : this.indexed;
    const limit = Math.min(to + LOOKAHEAD, this.end);
    for (; at < limit; at += 4) {
      let hash = Math.imul(view.getInt32(at, true), 0x9e3779b1) >>> HASH_SHIFT;
      previous[at & MASK] = head[hash] as number;
      head[hash] = at;
      hash = Math.imul(view.getInt32(at + 1, true), 0x9e3779b1) >>> HASH_SHIFT;
      previous[(at + 1) & MASK] = head[hash] as number;
      head[hash] = at + 1;
      hash = Math.imul(view.getInt32(at + 2, true), 0x9e3779b1) >>> HASH_SHIFT;
      previous[(at + 2) & MASK] = head[hash] as number;
      head[hash] = at + 2;
      hash = Math.imul(view.getInt32(at + 3, true), 0x9e3779b1) >>> HASH_SHIFT;
      previous[(at + 3) & MASK] = head[hash] as number;
      head[hash] = at + 3;
    }
    this.indexed = at;
  }
  find(at: number, first: number, longerThan: number, depth: number, nice: number): number {
    const { previous, view } = this;
    let candidate = first;
    const low = at > WINDOW_SIZE ? at - WINDOW_SIZE : 0;
    let most = this.end - at;
    if (most > MAX_MATCH) most = MAX_MATCH;
    let best = longerThan < 3 ? 3 : longerThan;
    if (best >= most) return 0;
    const word = view.getInt32(at, true);
    let found = 0;
    let left = depth;
    let link = 0;
    let probe = best - 3;
    if (probe > 0) {
      const other = (previous[(at + probe) & MASK] as number) - probe;
      if (other < candidate) {
        candidate = other;
        if (candidate < low) return 0;
        link = probe;
        probe = 0;
      }
    }
    let expected = view.getInt32(at + probe, true);
    for (;;) {
      for (;;) {
        if (view.getInt32(candidate + probe, true) === expected) break;
        candidate = (previous[(candidate + link) & MASK] as number) - link;
        if (candidate < low) return found;
        if (view.getInt32(candidate + probe, true) === expected) break;
        candidate = (previous[(candidate + link) & MASK] as number) - link;
        if (candidate < low) return found;
        left -= 2;
        if (left <= 0) return found;
      }
      let next = (previous[(candidate + link) & MASK] as number) - link;
      if (view.getInt32(candidate, true) === word) {
        let length = 4;
        while (length < most) {
          const difference = view.getInt32(candidate + length, true) ^ view.getInt32(at + length, true);
          if (difference !== 0) {
            length += (31 - Math.clz32(difference & -difference)) >>> 3;
            break;
          }
          length += 4;
        }
        if (length > most) length = most;
        if (length > best) {
          best = length;
          found = (length << 16) | (at - candidate);
          if (length >= nice || length >= most) return found;
          const tail = best - 3;
          const other = (previous[(at + tail) & MASK] as number) - tail;
          if (other < next) {
            next = other;
            link = tail;
            probe = 0;
          } else if (link === 0) {
            probe = tail;
          }
          expected = view.getInt32(at + probe, true);
        }
      }
      candidate = next;
      if (candidate < low) return found;
      left--;
      if (left <= 0) return found;
    }
  }
}
