import type { MatchFinder } from "./match-finder.ts";
import type { Preset } from "./presets.ts";
import type { Sequences } from "./sequences.ts";
/** @returns where it ended */
export function parse(finder: MatchFinder, sequences: Sequences, preset: Preset, from: number, until: number): number {
  const { depth, nice, lazy } = preset;
  const last = finder.end - 4;
  let at = from;
  let literals = from;
  finder.index(until + 1);
  while (at < until) {
    if (at > last) {
      at = until;
      break;
    }
    let length = finder.find(at, 0, depth, nice);
    if (length === 0) {
      at++;
      continue;
    }
    let distance = finder.distance;
    while (length < lazy && at < last) {
      const next = finder.find(at + 1, length - 1, depth >> 1, nice);
      if (next >= length && 4 * (next - length) + (Math.clz32(finder.distance) - Math.clz32(distance)) > 2) {
        at++;
        length = next;
        distance = finder.distance;
      } else {
        break;
      }
    }
    sequences.add(at - literals, (length << 16) | (distance - 1));
    at += length;
    literals = at;
  }
  if (at > literals) sequences.add(at - literals, 0);
  return at;
}
