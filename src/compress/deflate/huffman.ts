/**
 * Length-limited Huffman codes (RFC 1951, section 3.2.2).
 *
 * Lengths are found in place, in the way of Moffat and Katajainen: three passes over one array of the frequencies in
 * order, without a tree, whose nodes an engine for JavaScript would have to allocate, and collect again after each of the
 * many small blocks. Where a code is longer than the limit, which is rare, package-merge (Larmore and Hirschberg) finds the
 * best code within it, at ten times the price.
 *
 * A code is kept in one integer per symbol, `bits << 4 | length`, with the bits reversed already, so that writing a symbol
 * takes one look-up.
 */
export class HuffmanCoder {
  /** `bits << 4 | length` of each symbol, 0 for one that is not used. */
  readonly codes: Int32Array;
  readonly lengths: Uint8Array;
  readonly #symbols: number;
  readonly #limit: number;
  /** The symbols in use, the rarest first, and room to sort them. */
  #sorted: Uint16Array;
  #spare: Uint16Array;
  readonly #digits: Int32Array = new Int32Array(257);
  readonly #weights: Int32Array;
  /** By length; without a limit, frequencies of less than 2^31 in all make no codes longer than 44 bits. */
  readonly #counts: Int32Array = new Int32Array(48);
  #leaves: Uint8Array | undefined;
  readonly #next: Int32Array = new Int32Array(16);

  /**
   * @param symbols how many symbols the alphabet has, up to 512
   * @param limit the longest code allowed, up to 15
   */
  constructor(symbols: number, limit: number) {
    this.#symbols = symbols;
    this.#limit = limit;
    this.codes = new Int32Array(symbols);
    this.lengths = new Uint8Array(symbols);
    this.#sorted = new Uint16Array(symbols);
    this.#spare = new Uint16Array(symbols);
    this.#weights = new Int32Array(symbols);
  }

  /**
   * Makes the code of the frequencies. It is complete, also where fewer than two symbols are in use: decoders differ in
   * what they make of an incomplete one.
   */
  build(frequencies: Int32Array): void {
    const symbols = this.#symbols;
    const sorted = this.#sorted;
    const lengths = this.lengths;
    let used = 0;
    let most = 0;
    for (let symbol = 0; symbol < symbols; symbol++) {
      const frequency = frequencies[symbol] as number;
      lengths[symbol] = 0;
      if (frequency > 0) sorted[used++] = symbol;
      if (frequency > most) most = frequency;
    }
    if (used < 2) {
      const only = used === 0 ? 0 : (sorted[0] as number);
      lengths[only] = 1;
      lengths[only === 0 ? 1 : 0] = 1;
    } else {
      this.#sort(frequencies, used, most);
      if (!this.#countLengths(frequencies, used)) this.#limitLengths(frequencies, used);
      this.#assignLengths();
    }
    this.#assignCodes();
  }

  /**
   * Sorts by frequency, by digits of eight bits beginning with the lowest. Symbols of the same frequency keep their order.
   * With the sort of typed arrays, deflating takes up to four per cent longer.
   */
  #sort(frequencies: Int32Array, used: number, most: number): void {
    const digits = this.#digits;
    for (let shift = 0; most >>> shift > 0; shift += 8) {
      const from = this.#sorted;
      const to = this.#spare;
      digits.fill(0);
      for (let i = 0; i < used; i++) {
        const digit = (((frequencies[from[i] as number] as number) >>> shift) & 255) + 1;
        digits[digit] = (digits[digit] as number) + 1;
      }
      for (let digit = 1; digit < 256; digit++) {
        digits[digit] = (digits[digit] as number) + (digits[digit - 1] as number);
      }
      for (let i = 0; i < used; i++) {
        const symbol = from[i] as number;
        const digit = ((frequencies[symbol] as number) >>> shift) & 255;
        const at = digits[digit] as number;
        digits[digit] = at + 1;
        to[at] = symbol;
      }
      this.#sorted = to;
      this.#spare = from;
    }
  }

  /** Takes lengths that are given. */
  assign(lengths: Uint8Array): void {
    this.lengths.set(lengths);
    this.#assignCodes();
  }

  /**
   * How many codes there are of each length.
   * @returns whether none is longer than the limit
   */
  #countLengths(frequencies: Int32Array, used: number): boolean {
    const weights = this.#weights;
    const sorted = this.#sorted;
    const counts = this.#counts;
    let longest = 0;
    for (let i = 0; i < used; i++) weights[i] = frequencies[sorted[i] as number] as number;
    // First pass: each inner node takes the two lightest of leaves and nodes; a node that is taken keeps its parent.
    let leaf = 0;
    let node = 0;
    for (let next = 0; next < used - 1; next++) {
      let weight = 0;
      for (let child = 0; child < 2; child++) {
        if (leaf >= used || (node < next && (weights[node] as number) < (weights[leaf] as number))) {
          weight += weights[node] as number;
          weights[node++] = next;
        } else {
          weight += weights[leaf++] as number;
        }
      }
      weights[next] = weight;
    }
    // Second pass: from parents to depths of the inner nodes.
    weights[used - 2] = 0;
    for (let next = used - 3; next >= 0; next--) weights[next] = (weights[weights[next] as number] as number) + 1;
    // Third pass: what is not an inner node at a depth is a leaf.
    counts.fill(0);
    let at = used - 2;
    let available = 1;
    for (let depth = 0; available > 0; depth++) {
      let inner = 0;
      while (at >= 0 && weights[at] === depth) {
        inner++;
        at--;
      }
      counts[depth] = available - inner;
      longest = depth;
      available = inner * 2;
    }
    return longest <= this.#limit;
  }

  /**
   * How many codes there are of each length, none longer than the limit. On each level the leaves are merged with pairs of
   * what lies on the level below, in order of weight; a leaf's code is as long as the number of levels on which it is among
   * what is taken. Only which of the merged are leaves has to be kept.
   */
  #limitLengths(frequencies: Int32Array, used: number): void {
    const sorted = this.#sorted;
    const counts = this.#counts;
    const limit = this.#limit;
    const width = 2 * used;
    this.#leaves ??= new Uint8Array(2 * this.#symbols * limit);
    const leaves = this.#leaves;
    let below = new Int32Array(width);
    let level = new Int32Array(width);
    let size = 0;
    for (let depth = limit - 1; depth >= 0; depth--) {
      const pairs = size >> 1;
      let leaf = 0;
      let pair = 0;
      for (size = 0; leaf < used || pair < pairs; size++) {
        const weight = pair < pairs ? (below[2 * pair] as number) + (below[2 * pair + 1] as number) : 0;
        const frequency = leaf < used ? (frequencies[sorted[leaf] as number] as number) : 0;
        const isLeaf = pair >= pairs || (leaf < used && frequency <= weight);
        level[size] = isLeaf ? frequency : weight;
        leaves[depth * width + size] = isLeaf ? 1 : 0;
        if (isLeaf) leaf++;
        else pair++;
      }
      const swap = below;
      below = level;
      level = swap;
    }
    // The leaves taken on a level are the rarest ones, so their numbers tell how many codes are so long.
    counts.fill(0);
    let taken = 2 * used - 2;
    let above = used;
    for (let depth = 0; depth < limit; depth++) {
      let found = 0;
      for (let i = 0; i < taken; i++) found += leaves[depth * width + i] as number;
      counts[depth] = (counts[depth] as number) + above - found;
      above = found;
      taken = 2 * (taken - found);
    }
    counts[limit] = above;
  }

  /** The rarest symbols have the longest codes. */
  #assignLengths(): void {
    let at = 0;
    for (let length = this.#limit; length > 0; length--) {
      for (let count = this.#counts[length] as number; count > 0; count--) {
        this.lengths[this.#sorted[at++] as number] = length;
      }
    }
  }

  #assignCodes(): void {
    const { lengths, codes } = this;
    const counts = this.#counts;
    const next = this.#next;
    counts.fill(0);
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol] as number;
      counts[length] = (counts[length] as number) + 1;
    }
    let code = 0;
    counts[0] = 0;
    for (let length = 1; length <= 15; length++) {
      code = (code + (counts[length - 1] as number)) << 1;
      next[length] = code;
    }
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol] as number;
      if (length === 0) {
        codes[symbol] = 0;
        continue;
      }
      const bits = next[length] as number;
      next[length] = bits + 1;
      codes[symbol] = ((reverse16(bits) >>> (16 - length)) << 4) | length;
    }
  }
}

/** Codes are packed beginning with their highest bit, all else with its lowest. */
function reverse16(bits: number): number {
  let reversed = ((bits & 0xaaaa) >> 1) | ((bits & 0x5555) << 1);
  reversed = ((reversed & 0xcccc) >> 2) | ((reversed & 0x3333) << 2);
  reversed = ((reversed & 0xf0f0) >> 4) | ((reversed & 0x0f0f) << 4);
  return (reversed >> 8) | ((reversed & 0xff) << 8);
}
