import { invalidZstd } from "./invalid.ts";

/** A table of finite state entropy (RFC 8878, section 4.1): for each state its symbol and the way to the next one. */
export interface FseTable {
  /** Bits of the first state. */
  readonly accuracy: number;
  readonly symbols: Uint8Array;
  /** Bits that are read for the next state, */
  readonly bits: Uint8Array;
  /** and what they are added to. */
  readonly base: Uint16Array;
}

/** What is allowed of a table. */
export interface FseLimits {
  readonly accuracy: number;
  /** The highest symbol. */
  readonly symbol: number;
}

/** The table of one symbol alone, for which nothing is read. */
export function singleSymbol(symbol: number): FseTable {
  return { accuracy: 0, symbols: Uint8Array.of(symbol), bits: new Uint8Array(1), base: new Uint16Array(1) };
}

/**
 * Reads a table's description (section 4.1.1).
 * @returns the table, and the number of bytes that were read
 * @throws SlipwayError `INVALID_COMPRESSION`
 */
export function readFseTable(data: Uint8Array, limits: FseLimits): { readonly table: FseTable; readonly size: number } {
  const accuracy = ((data[0] ?? 0) & 15) + 5;
  if (accuracy > limits.accuracy) throw damagedTable();
  const weights: number[] = [];
  let at = 4;
  const peek = (count: number): number => {
    const byte = at >> 3;
    const word = (data[byte] ?? 0) | ((data[byte + 1] ?? 0) << 8) | ((data[byte + 2] ?? 0) << 16);
    return (word >> (at & 7)) & ((1 << count) - 1);
  };
  for (let left = 1 << accuracy; left > 0; ) {
    // Values from 0 to `left + 1`, those that come first in one bit less.
    const count = 32 - Math.clz32(left + 1);
    const short = (1 << count) - 2 - left;
    const low = peek(count - 1);
    let value = low;
    if (low < short) {
      at += count - 1;
    } else {
      value = peek(count);
      if (value >= 1 << (count - 1)) value -= short;
      at += count;
    }
    const weight = value - 1;
    weights.push(weight);
    left -= Math.abs(weight);
    for (let more = weight === 0; more; ) {
      const zeros = peek(2);
      at += 2;
      for (let i = 0; i < zeros; i++) weights.push(0);
      more = zeros === 3 && weights.length <= limits.symbol;
    }
    if (left < 0 || weights.length > limits.symbol + 1) throw damagedTable();
  }
  const size = (at + 7) >> 3;
  if (size > data.byteLength) throw damagedTable();
  return { table: fseTable(weights, accuracy), size };
}

/**
 * Spreads symbols over the states (section 4.1.1).
 * @param weights for each symbol how many states it has; -1: one that is rarer than any
 */
export function fseTable(weights: readonly number[], accuracy: number): FseTable {
  const size = 1 << accuracy;
  const symbols = new Uint8Array(size);
  const next = new Uint16Array(weights.length);
  let high = size;
  for (const [symbol, weight] of weights.entries()) {
    if (weight === -1) symbols[--high] = symbol;
    next[symbol] = Math.abs(weight);
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  for (const [symbol, weight] of weights.entries()) {
    for (let i = 0; i < weight; i++) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at >= high);
    }
  }
  const bits = new Uint8Array(size);
  const base = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] ?? 0;
    const from = next[symbol] ?? 0;
    next[symbol] = from + 1;
    const count = accuracy - (31 - Math.clz32(from));
    bits[state] = count;
    base[state] = (from << count) - size;
  }
  return { accuracy, symbols, bits, base };
}

const damagedTable = (): Error => invalidZstd("a table of it is damaged");
