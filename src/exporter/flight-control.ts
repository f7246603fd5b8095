import type { OperationOptions, ProgressListener } from "../progress.ts";
import { createProgressLog, type ProgressLog } from "./progress-log.ts";

/** What shared work gets: a signal and a progress listener that stand for all of its callers. */
export interface SharedOperation {
  /** Aborted when the last caller has cancelled, with that caller's reason. */
  readonly signal: AbortSignal;
  /** Passes events on to every caller. */
  readonly onProgress: ProgressListener;
}

/**
 * Keeps the same work from being done twice at the same time: BuildKit's `util/flightcontrol`. The one of
 * {@link createFlightControl} works within one realm; others may hold a lock across tabs or isolates around it.
 */
export interface FlightControl<T> {
  /**
   * Runs `work`, or joins the call of the same key that runs already and shares its result, or its error.
   *
   * - A joiner is told the progress so far, then what follows.
   * - A caller whose signal is aborted is rejected at once with the signal's reason. The work goes on for the others; its own
   *   signal is aborted when nobody is left.
   * - Who comes between the leaving of the last caller and the end of the work waits for that end and then starts anew.
   * - Nothing is kept when the call has ended, neither result nor error.
   *
   * @param key what makes two calls the same work
   */
  do(key: string, work: (shared: SharedOperation) => Promise<T>, options?: OperationOptions): Promise<T>;
}

/** One run of some work, with those who wait for it. */
interface Flight<T> {
  readonly result: Promise<T>;
  /** Resolves when the work has ended in any way and the key is free again. */
  readonly ended: Promise<void>;
  readonly controller: AbortController;
  readonly progress: ProgressLog;
  callers: number;
}

/** A {@link FlightControl} for the callers that share this object. */
export function createFlightControl<T>(): FlightControl<T> {
  const flights = new Map<string, Flight<T>>();

  const start = (key: string, work: (shared: SharedOperation) => Promise<T>): Flight<T> => {
    const controller = new AbortController();
    const progress = createProgressLog();
    const { signal } = controller;
    // The work begins in a microtask of its own, when its first caller listens already; that one may even have left again.
    const result = Promise.resolve().then(() => {
      signal.throwIfAborted();
      return work({ signal, onProgress: progress.add });
    });
    const free = (): void => {
      flights.delete(key);
    };
    const flight: Flight<T> = { result, ended: result.then(free, free), controller, progress, callers: 0 };
    flights.set(key, flight);
    return flight;
  };

  return {
    async do(key, work, { signal, onProgress } = {}) {
      for (;;) {
        signal?.throwIfAborted();
        const running = flights.get(key);
        if (running?.controller.signal.aborted) {
          await untilAborted(running.ended, signal);
          continue;
        }
        return await join(running ?? start(key, work), signal, onProgress);
      }
    },
  };
}

/** Waits for a flight's result as one of its callers. */
async function join<T>(
  flight: Flight<T>,
  signal: AbortSignal | undefined,
  onProgress: ProgressListener | undefined,
): Promise<T> {
  flight.callers++;
  const stopListening = onProgress && flight.progress.listen(onProgress);
  try {
    return await untilAborted(flight.result, signal);
  } finally {
    stopListening?.();
    flight.callers--;
    if (flight.callers === 0 && signal?.aborted) flight.controller.abort(signal.reason);
  }
}

/** What `promise` gives, or a rejection with the signal's reason as soon as it is aborted. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    const forget = (): void => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(forget);
  });
}
