import { MatchFinder } from "./match-finder.ts";
import type { Parser } from "./parser.ts";
import type { ChainPreset } from "./presets.ts";
import type { Sequences } from "./sequences.ts";
import type { Statistics } from "./statistics.ts";
import { distanceSymbol, FIRST_LENGTH, symbolTables, WINDOW_SIZE } from "./symbols.ts";

/** Longest match that is given up for another; longer ones cannot be compared any more. */
const MOST_LAZY = 258;

/**
 * Takes the longest match at each position, unless the one at the next position is better (as zlib does), by the measure of
 * libdeflate: a byte more is worth four bits, each doubling of the distance costs one.
 */
export class LazyParser implements Parser {
  readonly #preset: ChainPreset;
  readonly #finder: MatchFinder;
  #input: Uint8Array = new Uint8Array(0);
  #size = 0;

  constructor(preset: ChainPreset) {
    this.#preset = preset;
    this.#finder = new MatchFinder(preset.short);
  }

  reset(input: Uint8Array, view: DataView, size: number): void {
    this.#input = input;
    this.#size = size;
    this.#finder.reset(view, size);
  }

  remember(from: number, until: number): void {
    this.#finder.index(from, until);
  }

  parse(from: number, until: number, sequences: Sequences, statistics: Statistics): number {
    const finder = this.#finder;
    const input = this.#input;
    const { depth, nice, short } = this.#preset;
    const lazy = this.#preset.lazy < MOST_LAZY ? this.#preset.lazy : MOST_LAZY;
    const lazyDepth = depth >> 1;
    const { lengthClass, distanceClass } = symbolTables();
    const { literalLengths, distances } = statistics;
    const { data } = sequences;
    let { used } = sequences;
    finder.index(from, until);
    const { previous } = finder;
    const mask = previous.length - 1;
    // The last three bytes cannot begin a match of four.
    const last = this.#size - 4;
    let at = from;
    let literals = from;
    while (at < until) {
      const candidate = previous[at & mask] as number;
      let match = 0;
      if (at - candidate <= WINDOW_SIZE && at <= last) {
        match = finder.find(at, candidate, 3, depth, nice);
      }
      if (match === 0 && short) match = finder.findShort(at);
      if (match === 0) {
        const literal = input[at++] as number;
        literalLengths[literal] = (literalLengths[literal] as number) + 1;
        continue;
      }
      let length = match >>> 16;
      // What lies further behind the piece than a match reaches has not been indexed.
      while (length < lazy && at < last && at < until) {
        const after = previous[(at + 1) & mask] as number;
        if (at + 1 - after > WINDOW_SIZE) break;
        const next = finder.find(at + 1, after, length > 4 ? length - 1 : 3, lazyDepth, nice);
        const gained = (next >>> 16) - length;
        if (gained < 0 || 4 * gained + Math.clz32(next & 0xffff) - Math.clz32(match & 0xffff) <= 2) break;
        const literal = input[at++] as number;
        literalLengths[literal] = (literalLengths[literal] as number) + 1;
        match = next;
        length = next >>> 16;
      }
      data[used] = at - literals;
      data[used + 1] = match - 1;
      used += 2;
      const symbol = FIRST_LENGTH + (lengthClass[length] as number);
      literalLengths[symbol] = (literalLengths[symbol] as number) + 1;
      const distance = distanceSymbol(distanceClass, (match - 1) & 0xffff);
      distances[distance] = (distances[distance] as number) + 1;
      at += length;
      literals = at;
    }
    sequences.used = used;
    if (at > literals) sequences.add(at - literals, 0);
    return at;
  }
}
