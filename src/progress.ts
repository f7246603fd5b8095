/**
 * One thing that happened to one step of a long operation. A step is `started` once, may report `running` any number of
 * times, and ends with exactly one of `completed` or `failed`. Events carry no time: nothing in the core reads the clock;
 * who displays them may stamp them.
 */
export interface ProgressEvent {
  /** The step's identity within one operation, for example `exporting layers` or `layer 2`. */
  readonly id: string;
  /** What a person reads, for example `exporting layer sha256:…`. May become more precise while the step runs. */
  readonly name: string;
  /** The `id` of the step that this one is part of. */
  readonly parent?: string;
  /** Where the step is: `started` first, `completed` or `failed` last. */
  readonly state: "started" | "running" | "completed" | "failed";
  /** Bytes done so far (of the uncompressed input where the step compresses). */
  readonly current?: number;
  /** Bytes in all, where that is known beforehand. */
  readonly total?: number;
  /** The step had nothing to do: its result was there. */
  readonly cached?: boolean;
  /** Why the step failed. Set with `failed` only. */
  readonly error?: unknown;
}

/** Called synchronously for every event; must not throw. */
export type ProgressListener = (event: ProgressEvent) => void;

/** The two options that every long operation takes last. */
export interface OperationOptions {
  /** Aborting it makes the operation reject with the signal's `reason`; nothing half-written stays visible. */
  readonly signal?: AbortSignal | undefined;
  /** Told of every step; without it nothing is reported. */
  readonly onProgress?: ProgressListener | undefined;
}

/** How a running step tells how far it is. */
export interface StepReporter {
  /** Reports bytes done and, if known, bytes in all. */
  running(current: number, total?: number): void;
  /** Gives the step a more precise name, shown from the next event on. */
  rename(name: string): void;
  /** Marks the step as cached: it will be `completed` with `cached: true`. */
  cached(): void;
}

/**
 * Runs `work` as one step: reports `started` before, `completed` after, `failed` with the error if it throws.
 * The error is thrown on unchanged.
 */
export async function runStep<T>(
  onProgress: ProgressListener | undefined,
  step: { readonly id: string; readonly name: string; readonly parent?: string | undefined },
  work: (report: StepReporter) => Promise<T>,
): Promise<T> {
  let name = step.name;
  let cached = false;
  let counts: { current?: number; total?: number } = {};
  const emit = (event: Pick<ProgressEvent, "state" | "error">): void =>
    onProgress?.({
      id: step.id,
      name,
      ...(step.parent === undefined ? {} : { parent: step.parent }),
      ...counts,
      ...(cached ? { cached } : {}),
      ...event,
    });
  emit({ state: "started" });
  try {
    const result = await work({
      running(current, total) {
        counts = total === undefined ? { current } : { current, total };
        emit({ state: "running" });
      },
      rename(newName) {
        name = newName;
      },
      cached() {
        cached = true;
      },
    });
    emit({ state: "completed" });
    return result;
  } catch (error) {
    emit({ state: "failed", error });
    throw error;
  }
}
