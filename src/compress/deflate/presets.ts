/** 1 (fastest) … 9 (smallest). */
export type DeflateLevel = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** How blocks are cut. */
interface BlockPreset {
  /** Bytes between two places where a block may end. */
  readonly piece: number;
  /** Bits that must be saved by a split, beyond what the header takes. Each block also takes its time. */
  readonly split: number;
}

/** Of the parser that takes the first match. */
export interface FastPreset extends BlockPreset {
  readonly parser: "fast";
  /** Steps grow by one after so many bytes without a match, as a power of two. */
  readonly acceleration: number;
  /** Every how many bytes a position within a match is remembered. */
  readonly stride: number;
}

/** Of the parser that searches chains. */
export interface ChainPreset extends BlockPreset {
  readonly parser: "lazy";
  /** Most candidates that are looked at for one position. */
  readonly depth: number;
  /** A match of this length is taken at once. */
  readonly nice: number;
  /** Matches shorter than this are given up for a better one at the next position, 0 for taking all at once. */
  readonly lazy: number;
  /** Whether matches of three bytes are looked for. */
  readonly short: boolean;
}

/** Of the parser that looks at a few candidates without a loop. */
export interface QuickPreset extends BlockPreset {
  readonly parser: "quick";
  /** A match of this length is taken at once. */
  readonly nice: number;
  /** Matches shorter than this are given up for a longer one at the next position. */
  readonly lazy: number;
}

export type Preset = FastPreset | QuickPreset | ChainPreset;

/** Measured trade-offs, see the README of this folder. */
export const PRESETS: Readonly<Record<DeflateLevel, Preset>> = {
  1: { parser: "fast", acceleration: 6, stride: 5, piece: 16384, split: 1000 },
  2: { parser: "quick", nice: 32, lazy: 24, piece: 8192, split: 800 },
  3: { parser: "lazy", depth: 4, nice: 32, lazy: 0, short: false, piece: 12288, split: 600 },
  4: { parser: "lazy", depth: 4, nice: 32, lazy: 6, short: false, piece: 12288, split: 500 },
  5: { parser: "lazy", depth: 5, nice: 32, lazy: 10, short: false, piece: 12288, split: 500 },
  6: { parser: "lazy", depth: 6, nice: 48, lazy: 9, short: false, piece: 12288, split: 500 },
  7: { parser: "lazy", depth: 20, nice: 130, lazy: 32, short: true, piece: 8192, split: 300 },
  8: { parser: "lazy", depth: 100, nice: 258, lazy: 258, short: true, piece: 4096, split: 100 },
  9: { parser: "lazy", depth: 400, nice: 258, lazy: 258, short: true, piece: 4096, split: 100 },
};
