import type { RegistryTimers } from "../../../src/registry/index.ts";

/** Timers whose waits cost no time: the clock moves by what is slept. */
export interface VirtualTimers extends RegistryTimers {
  /** Milliseconds of each wait so far. */
  readonly waits: readonly number[];
}

/** Starts at 2026-01-01; `random` is always the middle. */
export function virtualTimers(): VirtualTimers {
  let now = Date.UTC(2026, 0, 1);
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    random: () => 0.5,
    async sleep(milliseconds, signal) {
      signal?.throwIfAborted();
      waits.push(milliseconds);
      now += milliseconds;
      // Others get their turn, as they would.
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    },
  };
}
