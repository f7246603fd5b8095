import { SlipwayError } from "../../errors.ts";
import type { R2BucketLike } from "./bucket.ts";
import { CountedBucket, type R2CallCounts } from "./counted-bucket.ts";

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
  /** Calls that may be made at all. */
  readonly limit: number;
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

/** Too many writes to one key, or to R2 at all: the call has not taken effect, and will do a moment later. */
export function isBusy(error: unknown): boolean {
  return BUSY.has(r2Code(error) ?? 0);
}

const BUSY = new Set([10043, 10058]);

/** R2 takes one write to a key in this many milliseconds. */
const WRITE_INTERVAL = 1000;

/** Milliseconds between two writes of this store to one key: what counts is when they get to R2. */
const SPACING = WRITE_INTERVAL + 50;

/** Milliseconds for which a call is made again that R2 has no time for: ten who write to one key get through. */
const BUSY_PATIENCE = 40_000;

/** Milliseconds before the first try again; each further pause is four times as long. */
const PAUSE = 50;

/** Connections that a Worker's invocation may have open at once; further ones wait. */
export const CONNECTIONS = 6;

/** Calls that are kept for giving back what the store holds, when all others are used up. */
const RESERVE = 20;

/**
 * Calls to a bucket, at most six at a time. Those that fail or stall are made again, so often and no oftener; those that R2 has no time for,
 * for a while.
 */
export class R2Calls {
  readonly bucket: R2BucketLike;
  readonly #counted: CountedBucket;
  readonly #options: R2CallOptions;
  #open = 0;
  readonly #waiting: (() => void)[] = [];
  /** When this store last wrote to a key. */
  readonly #written = new Map<string, number>();

  constructor(bucket: R2BucketLike, options: R2CallOptions) {
    this.#counted = new CountedBucket(bucket);
    this.bucket = this.#counted;
    this.#options = options;
  }

  get counts(): R2CallCounts {
    return this.#counted.counts;
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

  /** Waits until R2 takes another write to a key that was written to at `time`. */
  async spaced(time: number): Promise<void> {
    const rest = time + SPACING - this.now();
    // Clocks differ: what lies far ahead is no reason to wait long.
    if (rest > 0) await this.pause(Math.min(rest, SPACING));
  }

  /** Waits until R2 takes another write to the key, as far as this store's own writes go; those of others are told by an error. */
  async mayWrite(key: string): Promise<void> {
    const time = this.#written.get(key);
    if (time !== undefined) await this.spaced(time);
  }

  /** Remembers that the key was written to just now. */
  wrote(key: string): void {
    const now = this.now();
    this.#written.delete(key);
    this.#written.set(key, now);
    for (const [oldest, time] of this.#written) {
      if (time + SPACING > now) break;
      this.#written.delete(oldest);
    }
  }

  /**
   * Makes a call until it succeeds. One that failed may have taken effect all the same: calls are such that they can be made again.
   * @param what for messages: `write X`
   * @param call is told how many tries failed before of which it is not known whether they took effect
   * @param urgent gives back what the store holds: may be made when others may not any more
   * @throws SlipwayError `UNAVAILABLE` if R2 has no time for it, `RESOURCE_EXHAUSTED` if no more calls may be made, otherwise `IO`, with
   *   R2's error as its cause; at once what the call itself throws as a `SlipwayError`
   */
  async run<T>(
    what: string,
    call: (failures: number) => Promise<T>,
    { urgent = false }: { readonly urgent?: boolean | undefined } = {},
  ): Promise<T> {
    const patience = this.now() + BUSY_PATIENCE;
    for (let failures = 0; ; ) {
      try {
        return await this.#inTurn(() => {
          this.#mustBeAllowed(what, urgent);
          return this.#inTime(() => call(failures));
        });
      } catch (error) {
        if (error instanceof SlipwayError) throw error;
        if (isBusy(error)) {
          // Not all at the same moment again.
          const pause = WRITE_INTERVAL * (1 + Math.random());
          if (this.now() + pause > patience) throw r2Error("UNAVAILABLE", what, error);
          await this.pause(pause);
          continue;
        }
        failures++;
        if (failures >= this.attempts || !isWorthAnotherTry(error)) throw r2Error("IO", what, error);
        await this.backOff(failures);
      }
    }
  }

  #mustBeAllowed(what: string, urgent: boolean): void {
    const { limit } = this.#options;
    const reserve = urgent ? 0 : Math.min(RESERVE, Math.floor(limit / 10));
    const { total } = this.counts;
    if (total < limit - reserve) return;
    throw new SlipwayError(
      "RESOURCE_EXHAUSTED",
      `Cannot ${what}: this store has made ${total} calls to R2, and its callLimit is ${limit}`,
    );
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#open >= CONNECTIONS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#open++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#open--;
      else next();
    }
  }

  /** Waits for one answer, but not forever. */
  async #inTime<T>(call: () => Promise<T>): Promise<T> {
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

/** Does the work for each item, for a few at a time. Ends with the first error, when all that was begun has ended. */
export async function forEach<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const one = async (): Promise<void> => {
    for (let next = rest.next(); !next.done && failure === undefined; next = rest.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
  if (failure !== undefined) throw failure.error;
}

/** Objects that R2 deletes by one call. */
const BATCH = 1000;

/**
 * Deletes objects, whatever is there.
 * @param until milliseconds since the epoch, after which no call is sent any more
 */
export async function deleteObjects(
  calls: R2Calls,
  keys: readonly string[],
  { until = Number.POSITIVE_INFINITY, urgent }: { readonly until?: number; readonly urgent?: boolean } = {},
): Promise<void> {
  for (let at = 0; at < keys.length; at += BATCH) {
    const batch = keys.slice(at, at + BATCH);
    const [first = ""] = batch;
    const what = batch.length === 1 ? `delete ${first}` : `delete ${first} and ${batch.length - 1} more objects`;
    const remove = async (): Promise<void> => {
      if (calls.now() <= until) await calls.bucket.delete(batch);
    };
    await calls.run(what, remove, { urgent });
  }
}

function isWorthAnotherTry(error: unknown): boolean {
  return !(error instanceof TypeError) && !PERMANENT.has(r2Code(error) ?? 0);
}

function r2Error(code: "IO" | "UNAVAILABLE", what: string, cause: unknown): SlipwayError {
  return new SlipwayError(code, `Cannot ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}
