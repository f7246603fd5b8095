// Numbers that are the same on each machine.

/**
 * Marsaglia's xorshift with 32 bits.
 * @param {number} seed not 0
 * @returns {(below: number) => number} the next whole number below a limit
 */
export function createRandom(seed) {
  let state = seed | 0;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
