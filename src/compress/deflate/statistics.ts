import { DISTANCE_SYMBOLS, END_OF_BLOCK, LITERAL_LENGTH_SYMBOLS } from "./symbols.ts";

/** How often each symbol comes in a stretch of input. */
export class Statistics {
  readonly literalLengths: Int32Array = new Int32Array(LITERAL_LENGTH_SYMBOLS);
  readonly distances: Int32Array = new Int32Array(DISTANCE_SYMBOLS);

  clear(): void {
    this.literalLengths.fill(0);
    this.distances.fill(0);
  }

  /** Counts bytes as literals. */
  countBytes(input: Uint8Array, from: number, to: number): void {
    const { literalLengths } = this;
    let at = from;
    // Four at a time: what the loop itself takes is as much as two of them.
    for (const whole = to - 3; at < whole; at += 4) {
      const a = input[at] as number;
      literalLengths[a] = (literalLengths[a] as number) + 1;
      const b = input[at + 1] as number;
      literalLengths[b] = (literalLengths[b] as number) + 1;
      const c = input[at + 2] as number;
      literalLengths[c] = (literalLengths[c] as number) + 1;
      const d = input[at + 3] as number;
      literalLengths[d] = (literalLengths[d] as number) + 1;
    }
    for (; at < to; at++) {
      const literal = input[at] as number;
      literalLengths[literal] = (literalLengths[literal] as number) + 1;
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
