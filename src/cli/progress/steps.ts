import type { ProgressEvent } from "../../index.ts";

/** A step as it stands: what the events said of it so far, and when. Times are seconds on the display's own clock. */
export interface StepState {
  readonly id: string;
  name: string;
  readonly parent: string | undefined;
  state: ProgressEvent["state"];
  current: number | undefined;
  total: number | undefined;
  cached: boolean;
  error: unknown;
  readonly started: number;
  ended: number | undefined;
  /** From when and how many bytes on it is measured. What was done before this run counts for no rate. */
  begin: Mark | undefined;
  /** Two moments not long ago: the rate is that since the older one. */
  older: Mark | undefined;
  newer: Mark | undefined;
}

interface Mark {
  readonly time: number;
  readonly current: number;
}

/** The rate of the moment is that of so many seconds at most, and of half of them at least. */
const RATE_WINDOW = 6;

/** Of less than this a rate says nothing. */
const SHORT = 64 * 1024;

/** So many bytes in the first second, and at one go, were there before: an upload that is gone on with. */
const LEAP = 4 * 1024 * 1024;

/** All steps of an operation, in the order in which they began. */
export class StepTable {
  readonly #steps = new Map<string, StepState>();
  readonly #now: () => number;

  /** @param now seconds, from any start */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes an event in. @returns the step that it is about */
  add(event: ProgressEvent): StepState {
    let step = this.#steps.get(event.id);
    if (step === undefined) {
      step = {
        id: event.id,
        name: event.name,
        parent: event.parent,
        state: event.state,
        current: undefined,
        total: undefined,
        cached: false,
        error: undefined,
        started: this.#now(),
        ended: undefined,
        begin: undefined,
        older: undefined,
        newer: undefined,
      };
      this.#steps.set(event.id, step);
    }
    step.name = event.name;
    step.state = event.state;
    step.current = event.current ?? step.current;
    step.total = event.total ?? step.total;
    step.cached = event.cached ?? step.cached;
    step.error = event.error;
    this.#measure(step);
    step.ended = event.state === "completed" || event.state === "failed" ? this.#now() : undefined;
    return step;
  }

  #measure(step: StepState): void {
    const { current } = step;
    if (!current) return;
    const now = { time: this.#now(), current };
    const leaps = step.begin === undefined && current >= LEAP && now.time - step.started < 1;
    step.begin ??= leaps ? now : { time: step.started, current: 0 };
    // A blob that begins anew.
    if (current < step.begin.current) step.begin = { time: now.time, current };
    if (step.older === undefined || current < step.older.current) step.older = step.newer = step.begin;
    if (step.newer !== undefined && now.time - step.newer.time > RATE_WINDOW / 2) {
      step.older = step.newer;
      step.newer = now;
    }
  }

  /** Bytes per second: of the last few seconds while the step runs, of all of it afterwards. Undefined where too little was seen to tell. */
  rate(step: StepState): number | undefined {
    const from = step.ended === undefined ? step.older : step.begin;
    if (from === undefined || step.current === undefined || step.cached) return undefined;
    const seconds = (step.ended ?? this.#now()) - from.time;
    const bytes = step.current - from.current;
    return seconds < 0.05 || bytes < SHORT ? undefined : bytes / seconds;
  }

  /** Whether a step says just what the step says that it is part of: then it is not shown by itself. */
  isEcho(step: StepState): boolean {
    return step.parent !== undefined && this.#steps.get(step.parent)?.name === step.name;
  }

  /** When a step ended, or what it is part of: it stopped then, whether or not its end was waited for. */
  stopped(step: StepState): number | undefined {
    if (step.ended !== undefined || step.parent === undefined) return step.ended;
    const parent = this.#steps.get(step.parent);
    return parent && this.stopped(parent);
  }

  get(id: string): StepState | undefined {
    return this.#steps.get(id);
  }

  /** Seconds that a step has taken so far, or took. */
  seconds(step: StepState): number {
    return (this.stopped(step) ?? this.#now()) - step.started;
  }

  /** Steps that are part of no other, or of one that was never seen. */
  roots(): readonly StepState[] {
    return [...this.#steps.values()].filter(({ parent }) => parent === undefined || !this.#steps.has(parent));
  }

  children(id: string): readonly StepState[] {
    return [...this.#steps.values()].filter(({ parent }) => parent === id);
  }
}
