/**
 * Writes the source of `src/hash/sha256-compress.ts`. Run `npx vitest run test/hash/generated.test.ts -u` after a change here.
 *
 * Why written out: engines keep the eight working variables and the sixteen schedule words in registers only when nothing
 * is indexed, which is twice as fast as the loop over a table; and generating it at run time needs `eval`, which
 * Workers and strict content security policies refuse.
 */
export function sha256CompressSource(): string {
  const rounds = Array.from({ length: 64 }, (_, round) => scheduleWord(round) + workingStep(round));
  return `${HEAD}${rounds.join("")}${TAIL}`;
}

/** FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
function roundConstants(): number[] {
  const constants: number[] = [];
  for (let candidate = 2; constants.length < 64; candidate++) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) prime = false;
    if (!prime) continue;
    const root = Math.cbrt(candidate);
    constants.push(Math.floor((root - Math.floor(root)) * 2 ** 32) | 0);
  }
  return constants;
}

const K = roundConstants();

const rotate = (name: string, bits: number): string => `((${name} >>> ${bits}) | (${name} << ${32 - bits}))`;

/** Message schedule: a word of the block, or (from round 16 on) σ1(w−2) + w−7 + σ0(w−15) + w−16, kept in place of w−16. */
function scheduleWord(round: number): string {
  const word = (back: number): string => `w${(round - back) & 15}`;
  if (round < 16) return `    ${word(0)} = view.getInt32(offset${round === 0 ? "" : ` + ${4 * round}`}, false);\n`;
  // σ0 = rotr 7 ^ rotr 18 ^ shr 3 and σ1 = rotr 17 ^ rotr 19 ^ shr 10: two rotations that share one xor.
  return (
    `    p = ${word(2)} ^ ${rotate(word(2), 2)}; q = ${word(15)} ^ ${rotate(word(15), 11)};\n` +
    `    ${word(0)} = ((${rotate("p", 17)} ^ (${word(2)} >>> 10)) + ${word(7)} + (${rotate("q", 7)} ^ (${word(15)} >>> 3)) + ${word(0)}) | 0;\n`
  );
}

/** One round. The variables rotate by name instead of by copying: what the standard calls `a` in one round is `b` in the next. */
function workingStep(round: number): string {
  const name = (index: number): string => "abcdefgh"[(index - round + 64) % 8] ?? "";
  const [a, b, d, e, f, g, h] = [0, 1, 3, 4, 5, 6, 7].map(name);
  // Σ1 = rotr 6 ^ rotr 11 ^ rotr 25 and Σ0 = rotr 2 ^ rotr 13 ^ rotr 22, nested; Maj(a,b,c) = b ^ ((a ^ b) & (b ^ c)), and
  // this round's a ^ b is the next one's b ^ c. What is known first is added first: the chains of rotations come last, and the
  // sums do not wait for them.
  return (
    `    p = ${e} ^ ${rotate(`${e}`, 14)}; p = ${e} ^ ${rotate("p", 5)};\n` +
    `    t = (((${h} + ((${K[round]} + w${round & 15}) | 0)) | 0) + (${g} ^ (${e} & (${f} ^ ${g}))) + ${rotate("p", 6)}) | 0; ${d} = (${d} + t) | 0;\n` +
    `    q = ${a} ^ ${rotate(`${a}`, 9)}; q = ${a} ^ ${rotate("q", 11)};\n` +
    `    y = ${a} ^ ${b}; ${h} = (t + (((${b} ^ (x & y)) + ${rotate("q", 2)}) | 0)) | 0; x = y;\n`
  );
}

const HEAD = `// biome-ignore-all format: written by test/hash/sha256-rounds.ts, one round in the lines it takes
/**
 * SHA-256's compression function (FIPS 180-4, 6.2.2) over whole blocks, all 64 rounds written out: the source equals what
 * \`test/hash/sha256-rounds.ts\` prints, which says how to read and to change it.
 * @param state the eight words of the hash, updated in place
 * @param view the bytes
 * @param offset where the first block begins
 * @param blocks how many 64-byte blocks to take in
 */
export function compressSha256(state: Int32Array, view: DataView, offset: number, blocks: number): void {
  let h0 = state[0] ?? 0, h1 = state[1] ?? 0, h2 = state[2] ?? 0, h3 = state[3] ?? 0;
  let h4 = state[4] ?? 0, h5 = state[5] ?? 0, h6 = state[6] ?? 0, h7 = state[7] ?? 0;
  for (; blocks > 0; blocks--, offset += 64) {
    let a = h0, b = h1, c = h2, d = h3, e = h4, f = h5, g = h6, h = h7;
    let t = 0, p = 0, q = 0, x = b ^ c, y = 0;
    let w0 = 0, w1 = 0, w2 = 0, w3 = 0, w4 = 0, w5 = 0, w6 = 0, w7 = 0;
    let w8 = 0, w9 = 0, w10 = 0, w11 = 0, w12 = 0, w13 = 0, w14 = 0, w15 = 0;
`;

const TAIL = `    h0 = (h0 + a) | 0; h1 = (h1 + b) | 0; h2 = (h2 + c) | 0; h3 = (h3 + d) | 0;
    h4 = (h4 + e) | 0; h5 = (h5 + f) | 0; h6 = (h6 + g) | 0; h7 = (h7 + h) | 0;
  }
  state[0] = h0; state[1] = h1; state[2] = h2; state[3] = h3;
  state[4] = h4; state[5] = h5; state[6] = h6; state[7] = h7;
}
`;
