import { matchLength } from "./match-length.ts";
import type { Parser } from "./parser.ts";
import type { FastPreset } from "./presets.ts";
import type { Sequences } from "./sequences.ts";
import type { Statistics } from "./statistics.ts";
import { distanceSymbol, FIRST_LENGTH, MAX_MATCH, symbolTables, WINDOW_SIZE } from "./symbols.ts";

const HASH_SHIFT = 17;

/** A match may begin so far before the four bytes by which it was found. */
const MOST_BACK = MAX_MATCH - 4;

/** Words are read so far beyond a position. */
const MARGIN = 8;

/**
 * Takes the first match that comes, as Snappy and the first level of klauspost's compressors do: one candidate for each
 * hash of five bytes, steps that grow while nothing is found, and few positions within a match that are remembered. What a
 * step has skipped is taken back where the match reaches it.
 */
export class FastParser implements Parser {
  readonly #preset: FastPreset;
  readonly #positions: Int32Array = new Int32Array(1 << (32 - HASH_SHIFT));
  #input: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#input.buffer);
  #size = 0;

  constructor(preset: FastPreset) {
    this.#preset = preset;
  }

  reset(input: Uint8Array, view: DataView, size: number): void {
    this.#input = input;
    this.#view = view;
    this.#size = size;
    this.#positions.fill(-1);
  }

  remember(from: number, until: number): void {
    const { stride } = this.#preset;
    // Words are read beyond the end of the piece, and zeros after that of the input.
    for (let at = from; at < until; at += stride) this.#positions[hashOf(this.#view, at)] = at;
  }

  parse(from: number, until: number, sequences: Sequences, statistics: Statistics): number {
    const input = this.#input;
    const view = this.#view;
    const positions = this.#positions;
    const { acceleration, stride } = this.#preset;
    const { lengthClass, distanceClass } = symbolTables();
    const { literalLengths, distances } = statistics;
    const { data } = sequences;
    let { used } = sequences;
    const size = this.#size;
    const stop = until < size - MARGIN ? until : size - MARGIN;
    let at = from;
    let literals = from;
    while (at < stop) {
      const hash = hashOf(view, at);
      let candidate = positions[hash] as number;
      positions[hash] = at;
      if (candidate < 0 || at - candidate > WINDOW_SIZE || view.getInt32(candidate, true) !== view.getInt32(at, true)) {
        at += 1 + ((at - literals) >> acceleration);
        continue;
      }
      // The match must still reach beyond the place where it was found, which is remembered already.
      const floor = at - MOST_BACK > literals ? at - MOST_BACK : literals;
      while (at > floor && candidate > 0 && input[at - 1] === input[candidate - 1]) {
        at--;
        candidate--;
      }
      const rest = size - at;
      const length = matchLength(view, candidate, at, 4, rest < MAX_MATCH ? rest : MAX_MATCH);
      const distance = at - candidate - 1;
      data[used] = at - literals;
      data[used + 1] = (length << 16) | distance;
      used += 2;
      const lengthSymbol = FIRST_LENGTH + (lengthClass[length] as number);
      literalLengths[lengthSymbol] = (literalLengths[lengthSymbol] as number) + 1;
      const symbol = distanceSymbol(distanceClass, distance);
      distances[symbol] = (distances[symbol] as number) + 1;
      for (; literals < at; literals++) {
        const literal = input[literals] as number;
        literalLengths[literal] = (literalLengths[literal] as number) + 1;
      }
      literals += length;
      if (literals < stop) {
        for (let inside = at + stride; inside < literals; inside += stride) positions[hashOf(view, inside)] = inside;
        positions[hashOf(view, literals - 1)] = literals - 1;
      }
      at = literals;
    }
    sequences.used = used;
    // A step may have gone beyond the piece.
    const end = literals > until ? literals : until;
    if (end > literals) {
      statistics.countBytes(input, literals, end);
      sequences.add(end - literals, 0);
    }
    return end;
  }
}

/** Of five bytes: of four, too many matches are found that are too short for their distance. */
function hashOf(view: DataView, at: number): number {
  const word = Math.imul(view.getInt32(at, true), 0x9e3779b1) + Math.imul(view.getInt32(at + 1, true), 0x85ebca6b);
  return word >>> HASH_SHIFT;
}
