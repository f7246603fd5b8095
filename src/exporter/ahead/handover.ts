/**
 * The chunks of a file on their way from who reads it to who writes the layer, one at a time: the reader goes on when the chunk is
 * done with, so that its array may be used again. If nobody wants them any more the reader is not held up.
 */
export class Handover implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  #ended = false;
  #abandoned = false;
  /** Tells the receiver that there is something. */
  #tell: (() => void) | undefined;
  /** Lets the giver go on. */
  #release: (() => void) | undefined;

  /** Resolves when the chunk is done with. One at a time. */
  async give(chunk: Uint8Array): Promise<void> {
    if (this.#abandoned) return;
    this.#chunk = chunk;
    this.#tell?.();
    await new Promise<void>((resolve) => {
      this.#release = resolve;
    });
  }

  /** There are no more. */
  end(): void {
    this.#ended = true;
    this.#tell?.();
  }

  /** Nobody wants the rest. */
  abandon(): void {
    this.#abandoned = true;
    this.#chunk = undefined;
    this.#release?.();
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        while (this.#chunk === undefined && !this.#ended) {
          await new Promise<void>((resolve) => {
            this.#tell = resolve;
          });
        }
        if (this.#chunk === undefined) return;
        yield this.#chunk;
        this.#chunk = undefined;
        this.#release?.();
      }
    } finally {
      this.abandon();
    }
  }
}
