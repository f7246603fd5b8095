import type { FileHandle } from "node:fs/promises";

/** Bytes that are written before the next flush is begun: enough that flushing costs little, few enough that little is left at the end. */
const FLUSH_EVERY = 8 * 1024 * 1024;

/**
 * Flushes a file to the disk while it is written. All of it has to be there in the end, and a disk that has been working all the
 * time has not much left to do then.
 */
export class FlushBehind {
  readonly #file: Pick<FileHandle, "sync">;
  #waiting = 0;
  #underWay: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(file: Pick<FileHandle, "sync">) {
    this.#file = file;
  }

  /** Told of bytes that were written. Begins a flush if it is time for one, and does not wait for it. */
  wrote(count: number): void {
    this.#waiting += count;
    if (this.#waiting < FLUSH_EVERY || this.#underWay !== undefined) return;
    this.#waiting = 0;
    this.#underWay = this.#file
      .sync()
      .catch((error: unknown) => {
        // The host tells each failure once: the flush at the end may know nothing of it.
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#underWay = undefined;
      });
  }

  /** Flushes what is left. @throws what the host says, also of a flush before */
  async finish(): Promise<void> {
    await this.settle();
    if (this.#failure !== undefined) throw this.#failure.error;
    await this.#file.sync();
  }

  /** Waits for a flush that is under way, whatever comes of it: the file may be closed then. */
  async settle(): Promise<void> {
    await this.#underWay;
  }
}
