const NANOSECONDS = 1_000_000_000n;

/** Whole seconds since 1970, rounded down, before 1970 too. */
export function wholeSeconds(nanoseconds: bigint): number {
  const seconds = nanoseconds / NANOSECONDS;
  return Number(nanoseconds % NANOSECONDS < 0n ? seconds - 1n : seconds);
}

/** The two parts of a device number as Linux' `stat` gives it. */
export function deviceNumbers(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}
