import { isSlipwayError, SlipwayError } from "../errors.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import type { BoundedMap } from "./bounded-map.ts";
import { failureOf, type RequestFailure } from "./failure.ts";
import type { RegistryTimers, RetryOptions } from "./registry.ts";
import { statusText } from "./status.ts";
import type { RegistryTransport } from "./transport.ts";

/** What all transports of one client know of waiting. */
export interface WaitingState {
  /** Until when a host (by its origin) asked not to be asked, milliseconds since 1970, and in which words. */
  readonly pauses: BoundedMap<string, { readonly until: number; readonly reason: string }>;
  /** Waits so far: each is a step of its own. */
  waits: number;
}

/** Waiting for registries. */
export interface Patience {
  readonly retry: RegistryTransport["retry"];
  /**
   * Waits for as long as somebody was told to leave a host alone. @throws SlipwayError `RESOURCE_EXHAUSTED` if that takes too long
   */
  pause(origin: string, doing: string, options: OperationOptions): Promise<void>;
  /** Everybody leaves a host alone that said so with its answer. */
  heed(error: unknown): void;
}

/** Milliseconds of the first wait, doubled for each that follows, and the longest one. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** How many times the patience is waited in all for one thing, whatever is achieved in between. */
const MOST_PATIENCES = 10;

/** Codes of what may pass. */
const mayPass = (error: unknown): boolean =>
  (isSlipwayError(error, "UNAVAILABLE") || isSlipwayError(error, "RESOURCE_EXHAUSTED")) &&
  !spent.has(error) &&
  failureOf(error)?.passing !== false;

/** Errors for which a whole budget was spent already: who is asked to try again around them does not. */
const spent = new WeakSet<object>();

/** Whether an answer is about the host, not the request: then others need not ask either. */
const isOverloaded = ({ status }: RequestFailure): boolean => status === 429 || status === 503;

/** The patience with one registry. */
export function createPatience(
  registry: string,
  { tries: most = 5, patience = 300 }: RetryOptions,
  timers: RegistryTimers,
  state: WaitingState,
): Patience {
  const { pauses } = state;

  const wait = (
    milliseconds: number,
    origin: string | undefined,
    why: string,
    { signal, onProgress }: OperationOptions,
  ) => {
    const host = origin === undefined ? registry : new URL(origin).host;
    const seconds = Math.max(0.1, milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0);
    return runStep(
      onProgress,
      { id: `retry ${++state.waits}`, name: `waiting ${seconds} s for ${host} ${why}` },
      async () => await timers.sleep(milliseconds, signal),
    );
  };

  const pauseUntil = (origin: string, until: number, reason: string): void => {
    const pause = pauses.get(origin);
    if (pause === undefined || pause.until < until) pauses.set(origin, { until, reason });
  };

  return {
    heed(error) {
      const failure = failureOf(error);
      if (failure?.origin === undefined || failure.retryAfter === undefined || !isOverloaded(failure)) return;
      // Who would not wait for so long gives up; the next one asks again.
      if (failure.retryAfter > patience * 1000) return;
      pauseUntil(failure.origin, timers.now() + failure.retryAfter, failure.reason);
    },

    async pause(origin, doing, options) {
      let heeded = 0;
      let waited = 0;
      for (;;) {
        const pause = pauses.get(origin);
        // One that was slept through is over, whatever the clock says: it may have been set back.
        if (pause === undefined || pause.until <= heeded) return;
        const left = pause.until - Math.max(heeded, timers.now());
        if (left <= 0) {
          pauses.delete(origin);
          return;
        }
        if (waited + left > patience * 1000) {
          const error = new SlipwayError(
            "RESOURCE_EXHAUSTED",
            `Cannot ${doing}: ${new URL(origin).host} wants to be left alone for longer than ${patience} s (${pause.reason})`,
          );
          spent.add(error);
          throw error;
        }
        // Spread a little, so that not all come back in the same moment.
        await wait(left * (1 + timers.random() / 10), origin, `(${pause.reason}), then ${doing}`, options);
        heeded = pause.until;
        waited += left;
        if (pauses.get(origin) === pause) pauses.delete(origin);
      }
    },

    async retry(doing, attempt, options) {
      const { signal, progressed, waits = { milliseconds: 0 } } = options;
      let total = 0;
      let tries = 0;
      let left = patience * 1000;
      for (;;) {
        signal?.throwIfAborted();
        try {
          return await attempt(total);
        } catch (error) {
          signal?.throwIfAborted();
          if (!mayPass(error)) throw error;
          const failure = failureOf(error);
          if (progressed?.() === true) {
            tries = 0;
            left = patience * 1000;
          }
          if (tries >= most) throw givenUp(error, tries === 0 ? "" : `, also after ${plural(tries)}`);
          const own = Math.min(FIRST_WAIT * 2 ** tries, LONGEST_WAIT) * (0.5 + timers.random() / 2);
          const delay = failure?.retryAfter === undefined ? own : failure.retryAfter + timers.random() * FIRST_WAIT;
          if (delay > left) {
            throw givenUp(
              error,
              `; waiting ${Math.ceil(delay / 1000)} s more would be longer than ${patience} s in all`,
            );
          }
          waits.milliseconds += delay;
          if (waits.milliseconds > MOST_PATIENCES * patience * 1000) {
            throw givenUp(error, `; it was waited for again and again, ${MOST_PATIENCES * patience} s in all`);
          }
          tries++;
          total++;
          left -= delay;
          const origin = failure?.origin;
          const until = timers.now() + delay;
          if (failure !== undefined && origin !== undefined && isOverloaded(failure)) {
            pauseUntil(origin, until, failure.reason);
          }
          const reason =
            failure?.reason ?? (isSlipwayError(error, "RESOURCE_EXHAUSTED") ? statusText(429) : "it failed");
          await wait(delay, origin, `(${reason}), then ${doing} again (${tries} of ${most})`, options);
          // Slept through by this one; a longer one that another was told of in the meantime stays.
          if (origin !== undefined && (pauses.get(origin)?.until ?? Infinity) <= until) pauses.delete(origin);
        }
      }
    },
  };
}

const plural = (tries: number): string => (tries === 1 ? "1 more try" : `${tries} more tries`);

/** The last error, saying that nothing more is tried. */
function givenUp(error: unknown, why: string): unknown {
  if (!(error instanceof SlipwayError)) return error;
  if (why === "") {
    spent.add(error);
    return error;
  }
  const last = new SlipwayError(error.code, `${error.message}${why}`, { cause: error });
  spent.add(last);
  return last;
}
