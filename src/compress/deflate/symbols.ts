/** Shortest and longest match that the format can say (RFC 1951, section 3.2.5). */
export const MIN_MATCH = 3;
export const MAX_MATCH = 258;

/** Furthest distance of a match. */
export const WINDOW_SIZE = 32768;

/** Literals 0 … 255, the end of the block, and 29 classes of lengths. */
export const LITERAL_LENGTH_SYMBOLS = 286;
export const DISTANCE_SYMBOLS = 30;
export const END_OF_BLOCK = 256;
/** The symbol of the shortest length. */
export const FIRST_LENGTH = 257;

/** Extra bits of the length symbols 257 … 285. */
export const LENGTH_EXTRA_BITS: readonly number[] = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];

/** Extra bits of the distance symbols. */
export const DISTANCE_EXTRA_BITS: readonly number[] = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];

/** What the format says of lengths and distances, as tables to look up in. */
export interface SymbolTables {
  /** The symbol, less 257, of each length from 3 to 258. */
  readonly lengthClass: Uint8Array;
  /** The shortest length of each class. */
  readonly lengthBase: Uint16Array;
  readonly lengthExtraBits: Uint8Array;
  /**
   * The symbol of a distance, which {@link distanceSymbol} looks up: 256 entries for the distances up to 256, and 256 for
   * steps of 128 above. A table of all 32768 would push the window out of the processor's first cache.
   */
  readonly distanceClass: Uint8Array;
  /** The shortest distance of each symbol, less one. */
  readonly distanceBase: Uint16Array;
  readonly distanceExtraBits: Uint8Array;
}

let tables: SymbolTables | undefined;

/** The tables, made when they are first needed: importing does no work. */
export function symbolTables(): SymbolTables {
  tables ??= makeTables();
  return tables;
}

/**
 * The symbol of a distance.
 * @param distance the distance less one
 */
export function distanceSymbol(distanceClass: Uint8Array, distance: number): number {
  return distanceClass[distance < 256 ? distance : 256 + (distance >> 7)] as number;
}

function makeTables(): SymbolTables {
  const lengthClass = new Uint8Array(MAX_MATCH + 1);
  const lengthBase = new Uint16Array(LENGTH_EXTRA_BITS.length);
  let length = MIN_MATCH;
  for (const [symbol, extra] of LENGTH_EXTRA_BITS.entries()) {
    lengthBase[symbol] = length;
    lengthClass.fill(symbol, length, length + (1 << extra));
    length += 1 << extra;
  }
  // The last class holds 258 alone, although the one before would reach it.
  lengthBase[28] = MAX_MATCH;
  lengthClass[MAX_MATCH] = 28;
  const distanceClass = new Uint8Array(512);
  const distanceBase = new Uint16Array(DISTANCE_SYMBOLS);
  let distance = 0;
  for (const [symbol, extra] of DISTANCE_EXTRA_BITS.entries()) {
    distanceBase[symbol] = distance;
    for (const end = distance + (1 << extra); distance < end; distance++) {
      distanceClass[distance < 256 ? distance : 256 + (distance >> 7)] = symbol;
    }
  }
  return {
    lengthClass,
    lengthBase,
    lengthExtraBits: Uint8Array.from(LENGTH_EXTRA_BITS),
    distanceClass,
    distanceBase,
    distanceExtraBits: Uint8Array.from(DISTANCE_EXTRA_BITS),
  };
}
