import type { MatchFinder } from "./match-finder.ts";
import { MASK } from "./match-finder.ts";
import type { Preset } from "./presets.ts";
import type { Sequences } from "./sequences.ts";
import type { Statistics } from "./statistics.ts";
import { distanceSymbol, FIRST_LENGTH, symbolTables, WINDOW_SIZE } from "./symbols.ts";
/** @returns where it ended */
export function parse(
  input: Uint8Array,
  finder: MatchFinder,
  sequences: Sequences,
  statistics: Statistics,
  preset: Preset,
  from: number,
  until: number,
): number {
  const { depth, nice, lazy } = preset;
  const { lengthClass, distanceClass } = symbolTables();
  const { literalLengths, distances } = statistics;
  const { data } = sequences;
  let { used } = sequences;
  const last = finder.end - 4;
  finder.index(from, until);
  const { previous } = finder;
  let at = from;
  let literals = from;
  while (at < until) {
    const candidate = previous[at & MASK] as number;
    if (candidate < 0 || at - candidate > WINDOW_SIZE || at > last) {
      const literal = input[at++] as number;
      literalLengths[literal] = (literalLengths[literal] as number) + 1;
      continue;
    }
    let match = finder.find(at, candidate, 0, depth, nice);
    if (match === 0) {
      const literal = input[at++] as number;
      literalLengths[literal] = (literalLengths[literal] as number) + 1;
      continue;
    }
    let length = match >>> 16;
    while (length < lazy && at < last) {
      const candidate = previous[(at + 1) & MASK] as number;
      if (candidate < 0 || at + 1 - candidate > WINDOW_SIZE) break;
      const next = finder.find(at + 1, candidate, length - 1, depth >> 1, nice);
      if (
        next >>> 16 >= length &&
        4 * ((next >>> 16) - length) + (Math.clz32(next & 0xffff) - Math.clz32(match & 0xffff)) > 2
      ) {
        const literal = input[at++] as number;
        literalLengths[literal] = (literalLengths[literal] as number) + 1;
        match = next;
        length = next >>> 16;
      } else {
        break;
      }
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
  if (at > literals) {
    data[used] = at - literals;
    data[used + 1] = 0;
    used += 2;
  }
  sequences.used = used;
  return at;
}
