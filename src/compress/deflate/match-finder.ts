import { MAX_MATCH, WINDOW_SIZE } from "./symbols.ts";
/** Zero bytes after the input, so that words may be read up to its end. */
export const PADDING = 16;
const HASH_BITS = 16;
const FAR = -0x10000;
export class MatchFinder {
  readonly head: Int32Array = new Int32Array(1 << HASH_BITS);
  readonly previous: Uint16Array = new Uint16Array(WINDOW_SIZE);
  view: DataView = new DataView(new ArrayBuffer(0));
  end = 0;
  /** Distance of the match found last. */
  distance = 0;
  reset(view: DataView, end: number): void {
    this.head.fill(FAR);
    this.view = view;
    this.end = end;
  }
  insert(from: number, to: number): void {
    const { head, previous, view } = this;
    const limit = Math.min(to, this.end - 3);
    for (let at = from; at < limit; at++) {
      const hash = Math.imul(view.getInt32(at, true), 0x9e3779b1) >>> 16;
      const delta = at - (head[hash] as number);
      previous[at & 32767] = delta > 65535 ? 65535 : delta;
      head[hash] = at;
    }
  }
  find(at: number, longerThan: number, depth: number, nice: number): number {
    const { head, previous, view } = this;
    const word = view.getInt32(at, true);
    const hash = Math.imul(word, 0x9e3779b1) >>> 16;
    let candidate = head[hash] as number;
    const delta = at - candidate;
    previous[at & 32767] = delta > 65535 ? 65535 : delta;
    head[hash] = at;
    const low = at - WINDOW_SIZE;
    if (candidate < low) return 0;
    let most = this.end - at;
    if (most > MAX_MATCH) most = MAX_MATCH;
    let best = longerThan < 3 ? 3 : longerThan;
    if (best >= most) return 0;
    let found = 0;
    let left = depth;
    let tail = view.getInt32(at + best - 3, true);
    do {
      if (view.getInt32(candidate + best - 3, true) === tail && view.getInt32(candidate, true) === word) {
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
          found = length;
          this.distance = at - candidate;
          if (length >= nice || length >= most) break;
          tail = view.getInt32(at + best - 3, true);
        }
      }
      candidate -= previous[candidate & 32767] as number;
    } while (candidate >= low && --left > 0);
    return found;
  }
}
