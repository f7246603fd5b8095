import type { ProgressEvent, ProgressListener } from "../progress.ts";

/** Progress that several listeners follow, whenever they come. */
export interface ProgressLog {
  /** Passes an event on to the listeners of now and keeps it for those of later. */
  readonly add: ProgressListener;
  /**
   * Tells a listener what happened so far, then everything that follows.
   * @returns what ends the listening
   */
  listen(listener: ProgressListener): () => void;
}

/**
 * A {@link ProgressLog} that keeps of every step its start and its latest event: a late listener sees each step begin and
 * stand where it stands, and a long step costs no more than a short one.
 */
export function createProgressLog(): ProgressLog {
  const steps = new Map<string, { first: ProgressEvent; latest?: ProgressEvent }>();
  const listeners = new Set<{ readonly tell: ProgressListener }>();
  return {
    add(event) {
      const step = steps.get(event.id);
      if (step === undefined) steps.set(event.id, { first: event });
      else step.latest = event;
      for (const { tell } of [...listeners]) tell(event);
    },
    listen(tell) {
      for (const { first, latest } of steps.values()) {
        tell(first);
        if (latest) tell(latest);
      }
      // An object of its own, so that a function that listens twice hears everything twice and can leave once.
      const listener = { tell };
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
