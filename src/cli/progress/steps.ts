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
}

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
      };
      this.#steps.set(event.id, step);
    }
    step.name = event.name;
    step.state = event.state;
    step.current = event.current ?? step.current;
    step.total = event.total ?? step.total;
    step.cached = event.cached ?? step.cached;
    step.error = event.error;
    step.ended = event.state === "completed" || event.state === "failed" ? this.#now() : undefined;
    return step;
  }

  get(id: string): StepState | undefined {
    return this.#steps.get(id);
  }

  /** Seconds that a step has taken so far, or took. */
  seconds(step: StepState): number {
    return (step.ended ?? this.#now()) - step.started;
  }

  /** Steps that are part of no other, or of one that was never seen. */
  roots(): readonly StepState[] {
    return [...this.#steps.values()].filter(({ parent }) => parent === undefined || !this.#steps.has(parent));
  }

  children(id: string): readonly StepState[] {
    return [...this.#steps.values()].filter(({ parent }) => parent === id);
  }
}
