import type { AheadEntry } from "./ahead-entry.ts";

/** Bytes of entries that may wait before who brings them is held up. Several small files are read at the same time. */
const MOST_WAITING = 4 * 1024 * 1024;

/** Entries between who puts them into the snapshot and who writes the layer, in the order in which they were announced. */
export class EntryQueue {
  readonly #entries: AheadEntry[] = [];
  #taken = 0;
  #weight = 0;
  #ended = false;
  #tell: (() => void) | undefined;
  readonly #held: (() => void)[] = [];

  /** Whether who brings entries should wait before the next. */
  get isFull(): boolean {
    return this.#weight > MOST_WAITING;
  }

  push(entry: AheadEntry): void {
    this.#entries.push(entry);
    this.#weight += entry.weight;
    this.#tell?.();
  }

  /** Resolves when it is no longer full. */
  async room(): Promise<void> {
    while (this.isFull && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#held.push(resolve);
      });
    }
  }

  /** The next entry, once it is there; undefined at the end. */
  async take(): Promise<AheadEntry | undefined> {
    while (this.#taken === this.#entries.length && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#tell = resolve;
      });
    }
    const entry = this.#entries[this.#taken];
    if (entry === undefined) return undefined;
    this.#taken++;
    this.#weight -= entry.weight;
    if (this.#taken === this.#entries.length) {
      this.#entries.length = 0;
      this.#taken = 0;
    }
    if (!this.isFull) this.#release();
    return entry;
  }

  /** No more come. */
  end(): void {
    this.#ended = true;
    this.#tell?.();
    this.#release();
  }

  /** Lets all go that wait for something. */
  abandon(): void {
    for (const entry of this.#entries.splice(0)) entry.fail();
    this.#taken = 0;
    this.#weight = 0;
    this.end();
  }

  #release(): void {
    for (const go of this.#held.splice(0)) go();
  }
}
