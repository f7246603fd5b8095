import { SlipwayError } from "../../errors.ts";
import type { R2BucketLike } from "./bucket.ts";

/** The clock and the alarm of a store; tests bring their own. */
export interface R2Timers {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once, after so many milliseconds. @returns what takes it back */
  after(milliseconds: number, call: () => void): () => void;
}

/** The host's own. */
export const hostTimers: R2Timers = {
  now: () => Date.now(),
  after: (milliseconds, call) => {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** How calls to R2 are made. */
export interface R2CallOptions {
  /** Milliseconds after which a call that has not answered counts as failed. */
  readonly timeout: number;
  /** How often a call is made at most. */
  readonly attempts: number;
  readonly timers: R2Timers;
}

/** Codes of R2's errors that the same call would only get again. */
const PERMANENT = new Set([
  10011, 10012, 10013, 10014, 10020, 10021, 10022, 10024, 10025, 10031, 10037, 10039, 10048, 100100,
]);

/** The upload was completed or aborted already. */
export const NO_SUCH_UPLOAD = 10024;

/** R2's number for what went wrong: its errors are told apart only by the end of their message. */
export function r2Code(error: unknown): number | undefined {
  const code = error instanceof Error ? /\((\d{5,6})\)\s*$/.exec(error.message)?.[1] : undefined;
  return code === undefined ? undefined : Number(code);
}

/** Milliseconds before the first try again; each further pause is four times as long. */
const PAUSE = 50;

/** Calls to a bucket that fail or stall are made again, so often and no oftener. */
export class R2Calls {
  readonly bucket: R2BucketLike;
  readonly #options: R2CallOptions;

  constructor(bucket: R2BucketLike, options: R2CallOptions) {
    this.bucket = bucket;
    this.#options = options;
  }

  get attempts(): number {
    return this.#options.attempts;
  }

  now(): number {
    return this.#options.timers.now();
  }

  pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.timers.after(milliseconds, resolve);
    });
  }

  /** The pause after so many failures. */
  backOff(failures: number): Promise<void> {
    return this.pause(PAUSE * 4 ** (failures - 1));
  }

  /**
   * Makes a call until it succeeds. One that failed may have taken effect all the same: calls are such that they can be made again.
   * @param what for messages: `write X`
   * @param call is told how many tries failed before
   * @throws SlipwayError `IO` with R2's error as its cause; at once what the call itself throws as a `SlipwayError`
   */
  async run<T>(what: string, call: (failures: number) => Promise<T>): Promise<T> {
    for (let failures = 0; ; ) {
      try {
        return await this.inTime(() => call(failures));
      } catch (error) {
        if (error instanceof SlipwayError) throw error;
        failures++;
        if (failures >= this.attempts || !isWorthAnotherTry(error)) throw r2Error(what, error);
        await this.backOff(failures);
      }
    }
  }

  /** Waits for one answer, but not forever. */
  async inTime<T>(call: () => Promise<T>): Promise<T> {
    const { timeout, timers } = this.#options;
    let cancel = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = timers.after(timeout, () => reject(new Error(`R2 did not answer within ${timeout} ms`)));
    });
    try {
      return await Promise.race([call(), late]);
    } finally {
      cancel();
    }
  }
}

function isWorthAnotherTry(error: unknown): boolean {
  return !(error instanceof TypeError) && !PERMANENT.has(r2Code(error) ?? 0);
}

function r2Error(what: string, cause: unknown): SlipwayError {
  return new SlipwayError("IO", `Cannot ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}
