/**
 * What a parser makes of the input: runs of literals, each followed by a match. A run is only counted, since the bytes are
 * in the input anyway: literals then cost the parser nothing, and the statistics and the writer go through them in tight
 * loops. Two integers for each sequence in one array, as objects would have to be allocated and collected.
 */
export class Sequences {
  /** Of each sequence the number of literals, then `length << 16 | distance - 1`, or 0 where no match follows. */
  data: Int32Array = new Int32Array(0);
  /** Integers in use. */
  used = 0;

  /** Makes room for so many sequences. */
  reserve(count: number): void {
    if (this.data.length >= count * 2) return;
    const data = new Int32Array(count * 2);
    data.set(this.data.subarray(0, this.used));
    this.data = data;
  }

  add(literals: number, match: number): void {
    this.data[this.used] = literals;
    this.data[this.used + 1] = match;
    this.used += 2;
  }
}
