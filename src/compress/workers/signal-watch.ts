/**
 * Calls that an aborted signal makes. Each signal is listened to once, however many calls there are: Node warns of a signal that has
 * more than ten listeners.
 */
export class SignalWatch {
  readonly #calls = new Map<AbortSignal, Set<() => void>>();
  readonly #listener = ({ target }: Event): void => {
    const signal = target as AbortSignal;
    const calls = this.#calls.get(signal);
    this.#forget(signal);
    for (const call of calls ?? []) call();
  };

  /** @returns what calls it off */
  add(signal: AbortSignal, call: () => void): () => void {
    let calls = this.#calls.get(signal);
    if (calls === undefined) {
      calls = new Set();
      this.#calls.set(signal, calls);
      signal.addEventListener("abort", this.#listener);
    }
    const added = calls;
    added.add(call);
    return () => {
      added.delete(call);
      if (added.size === 0 && this.#calls.get(signal) === added) this.#forget(signal);
    };
  }

  #forget(signal: AbortSignal): void {
    this.#calls.delete(signal);
    signal.removeEventListener("abort", this.#listener);
  }
}
