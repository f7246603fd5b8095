/**
 * What a parser makes of the input: runs of literals, each followed by a match. A run is only counted, since the bytes are
 * in the input anyway: literals then cost the parser next to nothing, and the writer goes through them in a tight loop. Two
 * integers for each sequence in one array, as objects would have to be allocated and collected.
 */
export class Sequences {
  /** Of each sequence the number of literals, then `length << 16 | distance - 1`, or 0 where no match follows. */
  readonly data: Int32Array;
  /** Integers in use. */
  used = 0;

  /** @param capacity in sequences */
  constructor(capacity: number) {
    this.data = new Int32Array(capacity * 2);
  }

  add(literals: number, match: number): void {
    this.data[this.used] = literals;
    this.data[this.used + 1] = match;
    this.used += 2;
  }
}
