import { MatchFinder } from "./match-finder.ts";
import { matchLength } from "./match-length.ts";
import type { Parser } from "./parser.ts";
import type { QuickPreset } from "./presets.ts";
import type { Sequences } from "./sequences.ts";
import type { Statistics } from "./statistics.ts";
import { distanceSymbol, FIRST_LENGTH, MAX_MATCH, symbolTables, WINDOW_SIZE } from "./symbols.ts";

/**
 * Takes the nearest match of four bytes, and tries to do better only at places that contain the byte in which it fails: one
 * or two that begin here, and one that begins at the next byte. All come from the same chains ({@link MatchFinder}), by the
 * four bytes that end right behind the match, so no candidate is looked at that could not be longer. There is no loop over
 * candidates, whose end could not be predicted.
 */
export class QuickParser implements Parser {
  readonly #preset: QuickPreset;
  readonly #finder: MatchFinder = new MatchFinder(false);
  #input: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#input.buffer);
  #size = 0;

  constructor(preset: QuickPreset) {
    this.#preset = preset;
  }

  reset(input: Uint8Array, view: DataView, size: number): void {
    this.#input = input;
    this.#view = view;
    this.#size = size;
    this.#finder.reset(view, size);
  }

  remember(from: number, until: number): void {
    this.#finder.index(from, until);
  }

  parse(from: number, until: number, sequences: Sequences, statistics: Statistics): number {
    this.#finder.index(from, until);
    const input = this.#input;
    const view = this.#view;
    const size = this.#size;
    const { previous } = this.#finder;
    const mask = previous.length - 1;
    const { nice, lazy } = this.#preset;
    const { lengthClass, distanceClass } = symbolTables();
    const { literalLengths, distances } = statistics;
    const { data } = sequences;
    let { used } = sequences;
    // The last three bytes cannot begin a match of four.
    const stop = until < size - 3 ? until : size - 3;
    let at = from;
    let literals = from;
    while (at < stop) {
      const word = view.getInt32(at, true);
      let candidate = previous[at & mask] as number;
      let matches = at - candidate <= WINDOW_SIZE && view.getInt32(candidate, true) === word;
      if (!matches && at - candidate <= WINDOW_SIZE) {
        // Other bytes with the same hash have come in between.
        candidate = previous[candidate & mask] as number;
        matches = at - candidate <= WINDOW_SIZE && view.getInt32(candidate, true) === word;
      }
      if (!matches) {
        const literal = input[at++] as number;
        literalLengths[literal] = (literalLengths[literal] as number) + 1;
        continue;
      }
      const rest = size - at;
      const most = rest < MAX_MATCH ? rest : MAX_MATCH;
      let length = matchLength(view, candidate, at, 4, most);
      if (length < nice) {
        const low = Math.max(at - WINDOW_SIZE, 0);
        let other = (previous[(at + length - 3) & mask] as number) - length + 3;
        if (other < candidate && other >= low && view.getInt32(other, true) === word) {
          let longer = matchLength(view, other, at, 4, most);
          if (longer > length) {
            length = longer;
            candidate = other;
            other = (previous[(at + length - 3) & mask] as number) - length + 3;
            if (length < nice && other < candidate && other >= low && view.getInt32(other, true) === word) {
              longer = matchLength(view, other, at, 4, most);
              if (longer > length) {
                length = longer;
                candidate = other;
              }
            }
          }
        }
        if (length < lazy) {
          other = (previous[(at + length - 2) & mask] as number) - length + 3;
          if (other > low && view.getInt32(other, true) === view.getInt32(at + 1, true)) {
            const next = matchLength(view, other, at + 1, 4, rest > MAX_MATCH ? MAX_MATCH : rest - 1);
            if (next > length) {
              const literal = input[at++] as number;
              literalLengths[literal] = (literalLengths[literal] as number) + 1;
              length = next;
              candidate = other;
            }
          }
        }
      }
      const distance = at - candidate - 1;
      data[used] = at - literals;
      data[used + 1] = (length << 16) | distance;
      used += 2;
      const lengthSymbol = FIRST_LENGTH + (lengthClass[length] as number);
      literalLengths[lengthSymbol] = (literalLengths[lengthSymbol] as number) + 1;
      const symbol = distanceSymbol(distanceClass, distance);
      distances[symbol] = (distances[symbol] as number) + 1;
      at += length;
      literals = at;
    }
    sequences.used = used;
    const end = at > until ? at : until;
    if (end > literals) {
      statistics.countBytes(input, at, end);
      sequences.add(end - literals, 0);
    }
    return end;
  }
}
