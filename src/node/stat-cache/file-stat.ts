import type { BigIntStats } from "node:fs";

/** 32-bit words of what a {@link FileStat} takes of a stat. */
export const STAT_WORDS = 14;

const FORMAT = 0o170000;

/**
 * Device, inode, size, times of the last modification and of the last change, which cannot stay the same when a file changes; and mode,
 * owner and number of links, which do not change without the last of them.
 */
export class FileStat {
  /** As many as {@link STAT_WORDS}, in the host's byte order. */
  readonly words: Int32Array;
  readonly #fields: BigInt64Array;

  constructor() {
    this.#fields = new BigInt64Array(STAT_WORDS / 2);
    this.words = new Int32Array(this.#fields.buffer);
  }

  /** Takes the fields. @returns false if the host does not tell all of them, so that nothing can be said of the file */
  take(stats: BigIntStats): boolean {
    const { ino, mtimeNs, ctimeNs } = stats;
    // Deno leaves out what the host does not have.
    if (typeof ino !== "bigint" || typeof mtimeNs !== "bigint" || typeof ctimeNs !== "bigint") return false;
    if (ino === 0n || ctimeNs === 0n) return false;
    const mode = Number(stats.mode);
    if ((mode & FORMAT) === 0) return false;
    const { words } = this;
    const fields = this.#fields;
    fields[0] = stats.dev;
    fields[1] = ino;
    fields[2] = stats.size;
    fields[3] = mtimeNs;
    fields[4] = ctimeNs;
    words[10] = mode;
    words[11] = Number(stats.uid);
    words[12] = Number(stats.gid);
    words[13] = Number(stats.nlink);
    return true;
  }
}

/** A recorded stat. */
export interface RecordedStat {
  readonly type: "file" | "directory" | "symlink" | "fifo" | "char" | "block" | "socket" | "unknown";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Number of names. */
  readonly links: number;
  readonly dev: bigint;
  readonly ino: bigint;
}

const TYPES: ReadonlyMap<number, RecordedStat["type"]> = new Map([
  [0o100000, "file"],
  [0o040000, "directory"],
  [0o120000, "symlink"],
  [0o010000, "fifo"],
  [0o020000, "char"],
  [0o060000, "block"],
  [0o140000, "socket"],
]);

/** The stat that begins at `at`. */
export function recordedStat(words: Int32Array, at: number): RecordedStat {
  const fields = new BigInt64Array(words.slice(at, at + STAT_WORDS).buffer);
  const mode = words[at + 10] as number;
  return {
    type: TYPES.get(mode & FORMAT) ?? "unknown",
    mode: mode & 0o7777,
    uid: (words[at + 11] as number) >>> 0,
    gid: (words[at + 12] as number) >>> 0,
    size: Number(fields[2]),
    mtimeNs: fields[3] ?? 0n,
    links: (words[at + 13] as number) >>> 0,
    dev: fields[0] ?? 0n,
    ino: fields[1] ?? 0n,
  };
}

/** Which of the two words of a field is the lower one. */
const LOW: number = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

function fieldAt(words: Int32Array, at: number): number {
  return ((words[at + LOW] as number) >>> 0) + ((words[at + 1 - LOW] as number) >>> 0) * 2 ** 32;
}

/** The inode of the stat at `at`; of large numbers only about that. */
export const inodeAt = (words: Int32Array, at: number): number => fieldAt(words, at + 2);

/** The size in the stat at `at`, in bytes. */
export const sizeAt = (words: Int32Array, at: number): number => fieldAt(words, at + 4);

/** The number of names in the stat at `at`. */
export const linksAt = (words: Int32Array, at: number): number => (words[at + 13] as number) >>> 0;

/** Whether the stat at `at` is of a directory. */
export const isDirectoryAt = (words: Int32Array, at: number): boolean =>
  ((words[at + 10] as number) & FORMAT) === 0o040000;

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
