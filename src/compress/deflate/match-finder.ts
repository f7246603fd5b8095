import { matchLength } from "./match-length.ts";
import { MAX_MATCH, WINDOW_SIZE } from "./symbols.ts";

/**
 * How far beyond the position that is searched positions are indexed: a chain is entered up to a match's length ahead. So
 * many zero bytes after the input also let words be read up to its end and beyond.
 */
export const LOOKAHEAD = 272;

const HASH_SHIFT = 16;
const SHORT_HASH_SHIFT = 17;
const MULTIPLIER = 0x9e3779b1;

/** Positions that are remembered: the window, and a piece and the lookahead that are indexed before they are searched. */
const RING = 65536;
const MASK = RING - 1;

/** Largest piece that may be indexed at once. */
export const MOST_INDEXED: number = RING - WINDOW_SIZE - LOOKAHEAD - 8;

/** No position, and further away from any than a match may be. */
const NONE = -RING;

/** A match of three bytes further away than this takes more bits than three literals. */
const SHORT_DISTANCE = 4096;

/**
 * Finds matches by chains of the positions that have the same hash of four bytes.
 *
 * Two things are not as in zlib or libdeflate:
 *
 * - All positions of a piece are put into the chains first, before any is searched. That loop then has no branches and is
 *   unrolled, which halves its time in V8, where each turn of a loop costs as much as the work of one position here.
 * - So chains exist of positions ahead, too. A match longer than the best one must also match at the four bytes that end
 *   just behind it, and these are in a chain as well. The search goes along the one of the two that leads away further,
 *   and often finds at once that there is nothing (LZ4's HC compressor does so within a match). That finds better
 *   matches in half as many steps.
 */
export class MatchFinder {
  /** The position before each one in its chain, by position. */
  readonly #previous: Int32Array = new Int32Array(RING);
  /** The last position of each chain. */
  readonly #heads: Int32Array = new Int32Array(1 << (32 - HASH_SHIFT));
  /** The same for three bytes, of which only the nearest match is of use. */
  readonly #shortPrevious: Int32Array | undefined;
  readonly #shortHeads: Int32Array | undefined;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #end = 0;
  #indexed = 0;

  /** @param short whether matches of three bytes are looked for, too */
  constructor(short: boolean) {
    this.#shortPrevious = short ? new Int32Array(RING) : undefined;
    this.#shortHeads = short ? new Int32Array(1 << (32 - SHORT_HASH_SHIFT)) : undefined;
  }

  /** The position before each one in its chain, at the position's lowest 16 bits. Negative where there is none. */
  get previous(): Int32Array {
    return this.#previous;
  }

  /** Forgets all, and takes another input, which has {@link LOOKAHEAD} zero bytes after its end. */
  reset(view: DataView, end: number): void {
    this.#heads.fill(NONE);
    this.#shortHeads?.fill(NONE);
    this.#view = view;
    this.#end = end;
    this.#indexed = 0;
  }

  /**
   * Puts a piece into the chains, and what is right behind it. What lies before it and was not indexed is left out.
   * @param to at most {@link MOST_INDEXED} after `from`
   */
  index(from: number, to: number): void {
    const start = this.#indexed < from ? from : this.#indexed;
    const end = to + LOOKAHEAD - 8 < this.#end ? to + LOOKAHEAD - 8 : this.#end;
    if (this.#shortHeads !== undefined && this.#shortPrevious !== undefined) {
      this.#indexShort(this.#shortHeads, this.#shortPrevious, start, end);
    }
    const heads = this.#heads;
    const previous = this.#previous;
    const view = this.#view;
    // Noted beforehand: V8 compiles the loop before it has come out of it once, and gives that code up at whatever follows the loop.
    this.#indexed = start < end ? start + ((end - start + 3) & ~3) : start;
    for (let at = start; at < end; at += 4) {
      let hash = Math.imul(view.getInt32(at, true), MULTIPLIER) >>> HASH_SHIFT;
      previous[at & MASK] = heads[hash] as number;
      heads[hash] = at;
      hash = Math.imul(view.getInt32(at + 1, true), MULTIPLIER) >>> HASH_SHIFT;
      previous[(at + 1) & MASK] = heads[hash] as number;
      heads[hash] = at + 1;
      hash = Math.imul(view.getInt32(at + 2, true), MULTIPLIER) >>> HASH_SHIFT;
      previous[(at + 2) & MASK] = heads[hash] as number;
      heads[hash] = at + 2;
      hash = Math.imul(view.getInt32(at + 3, true), MULTIPLIER) >>> HASH_SHIFT;
      previous[(at + 3) & MASK] = heads[hash] as number;
      heads[hash] = at + 3;
    }
  }

  #indexShort(heads: Int32Array, previous: Int32Array, start: number, end: number): void {
    const view = this.#view;
    for (let at = start; at < end; at += 4) {
      let hash = Math.imul(view.getInt32(at, true) << 8, MULTIPLIER) >>> SHORT_HASH_SHIFT;
      previous[at & MASK] = heads[hash] as number;
      heads[hash] = at;
      hash = Math.imul(view.getInt32(at + 1, true) << 8, MULTIPLIER) >>> SHORT_HASH_SHIFT;
      previous[(at + 1) & MASK] = heads[hash] as number;
      heads[hash] = at + 1;
      hash = Math.imul(view.getInt32(at + 2, true) << 8, MULTIPLIER) >>> SHORT_HASH_SHIFT;
      previous[(at + 2) & MASK] = heads[hash] as number;
      heads[hash] = at + 2;
      hash = Math.imul(view.getInt32(at + 3, true) << 8, MULTIPLIER) >>> SHORT_HASH_SHIFT;
      previous[(at + 3) & MASK] = heads[hash] as number;
      heads[hash] = at + 3;
    }
  }

  /**
   * The longest match at a position that has been indexed.
   * @param first the position before in the chain, which the caller has looked up, as many have none within the window
   * @param longerThan what the match must be longer than, 3 at least
   * @param depth most candidates that are looked at
   * @param nice a length at which to stop
   * @returns `length << 16 | distance`, or 0
   */
  find(at: number, first: number, longerThan: number, depth: number, nice: number): number {
    const previous = this.#previous;
    const view = this.#view;
    const low = Math.max(at - WINDOW_SIZE, 0);
    const rest = this.#end - at;
    const most = rest < MAX_MATCH ? rest : MAX_MATCH;
    let best = longerThan;
    if (best >= most) return 0;
    const word = view.getInt32(at, true);
    let candidate = first;
    let found = 0;
    let left = depth;
    // The chain that is followed is of the bytes at this offset, and what is checked first are those at the other end.
    let offset = 0;
    let probe = best - 3;
    if (probe > 0) {
      const other = (previous[(at + probe) & MASK] as number) - probe;
      if (other < candidate) {
        candidate = other;
        if (candidate < low) return 0;
        offset = probe;
        probe = 0;
      }
    }
    let expected = view.getInt32(at + probe, true);
    for (;;) {
      // Most candidates fail here; two in one turn, as turns are dear.
      for (;;) {
        if (view.getInt32(candidate + probe, true) === expected) break;
        candidate = (previous[(candidate + offset) & MASK] as number) - offset;
        if (candidate < low) return found;
        if (view.getInt32(candidate + probe, true) === expected) break;
        candidate = (previous[(candidate + offset) & MASK] as number) - offset;
        if (candidate < low) return found;
        left -= 2;
        if (left <= 0) return found;
      }
      let next = (previous[(candidate + offset) & MASK] as number) - offset;
      if (view.getInt32(candidate, true) === word) {
        const length = matchLength(view, candidate, at, 4, most);
        if (length > best) {
          best = length;
          found = (length << 16) | (at - candidate);
          if (length >= nice || length >= most) return found;
          const tail = length - 3;
          const other = (previous[(at + tail) & MASK] as number) - tail;
          if (other < next) {
            next = other;
            offset = tail;
            probe = 0;
          } else if (offset === 0) {
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

  /** The nearest match of three bytes, for where there is no longer one. */
  findShort(at: number): number {
    if (this.#shortPrevious === undefined) return 0;
    const candidate = this.#shortPrevious[at & MASK] as number;
    if (candidate < 0 || at - candidate > SHORT_DISTANCE || this.#end - at < 3) return 0;
    const difference = this.#view.getInt32(candidate, true) ^ this.#view.getInt32(at, true);
    return difference << 8 === 0 ? (3 << 16) | (at - candidate) : 0;
  }
}
