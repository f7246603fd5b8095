import type { Sequences } from "./sequences.ts";
import {
  DISTANCE_SYMBOLS,
  distanceSymbol,
  END_OF_BLOCK,
  FIRST_LENGTH,
  LITERAL_LENGTH_SYMBOLS,
  symbolTables,
} from "./symbols.ts";

/** How often each symbol comes in a stretch of input. */
export class Statistics {
  readonly literalLengths: Int32Array = new Int32Array(LITERAL_LENGTH_SYMBOLS);
  readonly distances: Int32Array = new Int32Array(DISTANCE_SYMBOLS);

  clear(): void {
    this.literalLengths.fill(0);
    this.distances.fill(0);
  }

  /** Counts the sequences from one index of their integers to the end. */
  count(input: Uint8Array, position: number, sequences: Sequences, from: number): void {
    const { literalLengths, distances } = this;
    const { lengthClass, distanceClass } = symbolTables();
    const { data, used } = sequences;
    let at = position;
    for (let k = from; k < used; k += 2) {
      const end = at + (data[k] as number);
      for (; at < end; at++) {
        const literal = input[at] as number;
        literalLengths[literal] = (literalLengths[literal] as number) + 1;
      }
      const match = data[k + 1] as number;
      if (match === 0) continue;
      const length = match >>> 16;
      const symbol = FIRST_LENGTH + (lengthClass[length] as number);
      literalLengths[symbol] = (literalLengths[symbol] as number) + 1;
      const distance = distanceSymbol(distanceClass, match & 0xffff);
      distances[distance] = (distances[distance] as number) + 1;
      at += length;
    }
  }

  add(other: Statistics): void {
    const { literalLengths, distances } = this;
    for (let i = 0; i < LITERAL_LENGTH_SYMBOLS; i++) {
      literalLengths[i] = (literalLengths[i] as number) + (other.literalLengths[i] as number);
    }
    for (let i = 0; i < DISTANCE_SYMBOLS; i++) {
      distances[i] = (distances[i] as number) + (other.distances[i] as number);
    }
  }

  /** Each block has one end. */
  markEnd(): void {
    this.literalLengths[END_OF_BLOCK] = 1;
  }
}
