/** 1 (fastest) … 9 (smallest). */
export type DeflateLevel = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** How much is spent on finding matches. */
export interface Preset {
  /** Most candidates that are looked at for one position. */
  readonly depth: number;
  /** A match of this length is taken at once. */
  readonly nice: number;
  /** Whether the next position is tried before a match is taken, and matches of up to which length that is done for. */
  readonly lazy: number;
}

export const PRESETS: Readonly<Record<DeflateLevel, Preset>> = {
  1: { depth: 1, nice: 32, lazy: 0 },
  2: { depth: 3, nice: 32, lazy: 0 },
  3: { depth: 6, nice: 32, lazy: 0 },
  4: { depth: 12, nice: 48, lazy: 0 },
  5: { depth: 10, nice: 48, lazy: 32 },
  6: { depth: 20, nice: 80, lazy: 80 },
  7: { depth: 48, nice: 130, lazy: 130 },
  8: { depth: 150, nice: 258, lazy: 258 },
  9: { depth: 600, nice: 258, lazy: 258 },
};
