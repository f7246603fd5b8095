import type { R2Timers } from "../../../src/cloudflare/index.ts";

/** A clock that stands still while anything is done, and goes on to the next alarm when nothing is. */
export class VirtualTimers implements R2Timers {
  #now: number = Date.UTC(2026, 0, 1);
  #count = 0;
  readonly #alarms = new Map<number, { readonly at: number; readonly call: () => void }>();
  #isPumping = false;

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, call: () => void): () => void {
    const id = this.#count++;
    this.#alarms.set(id, { at: Math.ceil(this.#now + milliseconds), call });
    if (!this.#isPumping) this.#pump();
    return () => this.#alarms.delete(id);
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(milliseconds, resolve);
    });
  }

  #pump(): void {
    this.#isPumping = this.#alarms.size > 0;
    if (!this.#isPumping) return;
    setImmediate(() => {
      let first: { readonly id: number; readonly at: number; readonly call: () => void } | undefined;
      for (const [id, alarm] of this.#alarms) if (first === undefined || alarm.at < first.at) first = { id, ...alarm };
      if (first !== undefined) {
        this.#alarms.delete(first.id);
        this.#now = Math.max(this.#now, first.at);
        first.call();
      }
      this.#pump();
    });
  }
}
