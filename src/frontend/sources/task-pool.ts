/** Runs tasks, at most so many at a time. The first failure is kept and ends the rest. */
export class TaskPool {
  readonly #limit: number;
  #running = 0;
  /** Are told when a task has ended. */
  readonly #waiting: (() => void)[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Starts a task; resolves as soon as it is started.
   * @throws what an earlier task failed with
   */
  async start(task: () => Promise<void>): Promise<void> {
    while (this.#running >= this.#limit) await this.#end();
    this.#throwIfFailed();
    void this.#run(task);
  }

  /**
   * Waits for all tasks.
   * @throws what the first one that failed did
   */
  async finish(): Promise<void> {
    await this.settle();
    this.#throwIfFailed();
  }

  /** Waits until no task is running any more, whatever became of them. */
  async settle(): Promise<void> {
    while (this.#running > 0) await this.#end();
  }

  async #run(task: () => Promise<void>): Promise<void> {
    this.#running++;
    try {
      await task();
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#running--;
    for (const tell of this.#waiting.splice(0)) tell();
  }

  /** Resolves when one of the running tasks has ended. */
  #end(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
