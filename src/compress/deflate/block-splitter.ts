import type { Statistics } from "./statistics.ts";
import { DISTANCE_SYMBOLS, LITERAL_LENGTH_SYMBOLS } from "./symbols.ts";

const HEADER_BITS = 100;
const SYMBOL_BITS = 3;
export class BlockSplitter {
  readonly #logs = new Float64Array(4097);
  constructor() {
    for (let i = 1; i <= 4096; i++) this.#logs[i] = log2(i);
  }
  shouldSplit(pending: Statistics, next: Statistics): boolean {
    const { literalLengths: a, distances: b } = pending;
    const { literalLengths: c, distances: d } = next;
    return this.#gain(a, c, LITERAL_LENGTH_SYMBOLS) + this.#gain(b, d, DISTANCE_SYMBOLS) > HEADER_BITS;
  }
  #gain(a: Int32Array, b: Int32Array, count: number): number {
    let x = 0;
    let ta = 0;
    let tb = 0;
    let both = 0;
    for (let i = 0; i < count; i++) {
      const fa = a[i] as number;
      const fb = b[i] as number;
      ta += fa;
      if (fa === 0 || fb === 0) {
        tb += fb;
        continue;
      }
      tb += fb;
      both++;
      x += this.#weigh(fa) + this.#weigh(fb) - this.#weigh(fa + fb);
    }
    return x - both * SYMBOL_BITS - this.#weigh(ta) - this.#weigh(tb) + this.#weigh(ta + tb);
  }
  #weigh(n: number): number {
    if (n <= 4096) return n * (this.#logs[n] as number);
    let shift = 0;
    let m = n;
    while (m > 4096) {
      m >>= 1;
      shift++;
    }
    return n * ((this.#logs[m] as number) + shift);
  }
}
function log2(n: number): number {
  let x = n;
  let result = 0;
  while (x >= 2) {
    x /= 2;
    result++;
  }
  for (let bit = 0.5; bit > 1e-6; bit /= 2) {
    x *= x;
    if (x >= 2) {
      x /= 2;
      result += bit;
    }
  }
  return result;
}
