import type { R2Timers } from "../../src/cloudflare/index.ts";

/** Milliseconds; no other wait of the store is as long. */
export const TIMEOUT = 123_456;

/** A clock that can be put forward, pauses that take no time, and timeouts that run out when a test says so. */
export class TestTimers implements R2Timers {
  /** Milliseconds that the clock is ahead. */
  ahead = 0;
  readonly #timeouts = new Set<() => void>();

  now(): number {
    return Date.now() + this.ahead;
  }

  after(milliseconds: number, call: () => void): () => void {
    if (milliseconds === TIMEOUT) {
      this.#timeouts.add(call);
      return () => this.#timeouts.delete(call);
    }
    const timer = setTimeout(() => {
      this.ahead += milliseconds;
      call();
    }, 0);
    return () => clearTimeout(timer);
  }

  /** Lets the time of all calls that are waited for run out. */
  runOut(): void {
    setTimeout(() => {
      for (const call of [...this.#timeouts]) call();
    }, 0);
  }
}
