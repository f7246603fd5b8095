/**
 * How far two places are equal, a word at a time: the lowest bit in which two words differ tells the byte. Small enough
 * for engines to make it part of the loops that call it.
 * @param known bytes that are known to be equal
 * @param most where to stop; the words may reach a little beyond
 */
export function matchLength(view: DataView, candidate: number, at: number, known: number, most: number): number {
  let length = known;
  while (length < most) {
    const difference = view.getInt32(candidate + length, true) ^ view.getInt32(at + length, true);
    if (difference !== 0) {
      length += (31 - Math.clz32(difference & -difference)) >>> 3;
      break;
    }
    length += 4;
  }
  return length < most ? length : most;
}
