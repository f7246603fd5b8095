/**
 * Length-limited Huffman codes (RFC 1951, section 3.2.2).
 *
 * Lengths are found in place, in the way of Moffat and Katajainen: three passes over one array of the frequencies in
 * order, without a tree. An engine for JavaScript would have to allocate the nodes of a tree, and collect them again after
 * each of the many small blocks. Lengths beyond the limit are cut to it, and the code is then made complete again by
 * taking symbols of the longest length that is still below the limit one deeper (Kraft's sum is repaired leaf by leaf).
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
  readonly #counts: Int32Array = new Int32Array(17);
  readonly #next: Int32Array = new Int32Array(17);

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
      this.#countLengths(frequencies, used);
      this.#assignLengths();
    }
    this.#assignCodes();
  }

  /**
   * Sorts by frequency, by digits of eight bits beginning with the lowest. Symbols of the same frequency keep their order.
   * The sort of typed arrays takes several times as long for so few numbers.
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

  /** How many codes there are of each length. */
  #countLengths(frequencies: Int32Array, used: number): void {
    const weights = this.#weights;
    const sorted = this.#sorted;
    const counts = this.#counts;
    const limit = this.#limit;
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
      const length = depth > limit ? limit : depth;
      counts[length] = (counts[length] as number) + available - inner;
      available = inner * 2;
    }
    // Kraft's sum in units of the longest code; cutting codes to the limit made it too big.
    let sum = 0;
    for (let length = 1; length <= limit; length++) sum += (counts[length] as number) << (limit - length);
    for (; sum > 1 << limit; sum--) {
      let length = limit - 1;
      while (counts[length] === 0) length--;
      counts[length] = (counts[length] as number) - 1;
      counts[length + 1] = (counts[length + 1] as number) + 2;
      counts[limit] = (counts[limit] as number) - 1;
    }
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
