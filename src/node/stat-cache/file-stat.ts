import type { BigIntStats } from "node:fs";

/** 32-bit words of what {@link fillStat} takes of a stat. */
export const STAT_WORDS = 10;

/** Device, inode, size, times of the last modification and of the last change: what cannot stay the same when a file changes. */
export class FileStat {
  /** As many as {@link STAT_WORDS}, in the host's byte order. */
  readonly words: Int32Array;
  readonly #fields: BigInt64Array;

  constructor() {
    this.#fields = new BigInt64Array(STAT_WORDS / 2);
    this.words = new Int32Array(this.#fields.buffer);
  }

  /** Takes the fields. @returns false if the host does not tell all of them, so that nothing can be said of the file */
  take({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): boolean {
    // Deno leaves out what the host does not have.
    if (typeof ino !== "bigint" || typeof mtimeNs !== "bigint" || typeof ctimeNs !== "bigint") return false;
    if (ino === 0n || ctimeNs === 0n) return false;
    const fields = this.#fields;
    fields[0] = dev;
    fields[1] = ino;
    fields[2] = size;
    fields[3] = mtimeNs;
    fields[4] = ctimeNs;
    return true;
  }
}

/** A clock that ticks in whole seconds (Deno's time of change) or pairs of them (FAT). */
const COARSE_TICK = 2_500_000_000n;

/** Other file systems' clocks tick some hundred times a second, and may be read a little behind the host's. */
const FINE_TICK = 100_000_000n;

const SECOND = 1_000_000_000n;

/**
 * Whether a file that is read now would show by its times that it changed afterwards: it has not changed within the last tick of
 * the clock that its file system notes times by. (git calls a file "racily clean" that has.)
 * @param now nanoseconds since 1970, from before it is read
 */
export function isSettled({ mtimeNs, ctimeNs }: BigIntStats, now: bigint): boolean {
  return isBefore(mtimeNs, now) && isBefore(ctimeNs, now);
}

function isBefore(time: bigint, now: bigint): boolean {
  return time < now - (time % SECOND === 0n ? COARSE_TICK : FINE_TICK);
}
