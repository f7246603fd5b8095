import type { Sequences } from "./sequences.ts";
import type { Statistics } from "./statistics.ts";

/** Cuts input into literals and matches. */
export interface Parser {
  /** Takes an input of so many bytes, which has zeros after its end. Nothing of an earlier one has an influence. */
  reset(input: Uint8Array, view: DataView, size: number): void;

  /** Takes note of a piece that is not parsed, so that matches can be found in it. */
  remember(from: number, until: number): void;

  /**
   * Parses a piece.
   * @param sequences what is found is added to
   * @param statistics what is found is counted in
   * @returns where the last sequence ends: a match may reach beyond the piece, and the next piece begins there
   */
  parse(from: number, until: number, sequences: Sequences, statistics: Statistics): number;
}
