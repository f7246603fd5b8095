/** 1 (fastest) … 9 (smallest). */
export type DeflateLevel = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** How much is spent on finding matches. */
export interface Preset {
  /** Most candidates that are looked at for one position. */
  readonly depth: number;
  /** A match of this length is taken at once. */
  readonly nice: number;
  /** Matches shorter than this are given up for a better one at the next position, 0 for taking all at once. */
  readonly lazy: number;
  /** Bytes between two places where a block may end. */
  readonly piece: number;
  /** Bits that must be saved by a split, beyond what the header takes. */
  readonly split: number;
}

export const PRESETS: Readonly<Record<DeflateLevel, Preset>> = {
  1: { depth: 1, nice: 32, lazy: 0, piece: 16384, split: 1000 },
  2: { depth: 2, nice: 32, lazy: 0, piece: 8192, split: 800 },
  3: { depth: 4, nice: 32, lazy: 0, piece: 8192, split: 500 },
  4: { depth: 4, nice: 32, lazy: 6, piece: 8192, split: 500 },
  5: { depth: 5, nice: 32, lazy: 10, piece: 8192, split: 500 },
  6: { depth: 9, nice: 48, lazy: 12, piece: 8192, split: 500 },
  7: { depth: 32, nice: 130, lazy: 64, piece: 4096, split: 150 },
  8: { depth: 100, nice: 258, lazy: 258, piece: 4096, split: 100 },
  9: { depth: 400, nice: 258, lazy: 258, piece: 4096, split: 100 },
};
