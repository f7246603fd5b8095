import type { PoolWorker, PoolWorkerEvents, WorkerPoolHost } from "../../../src/compress/workers/host.ts";
import { answerRequest, type DeflateRequest, READY } from "../../../src/compress/workers/messages.ts";

/** A worker that does what the test tells it to. */
export class FakeWorker {
  readonly events: PoolWorkerEvents;
  /** What it was sent and has not answered. */
  readonly requests: DeflateRequest[] = [];
  held = true;
  ended = false;

  constructor(events: PoolWorkerEvents) {
    this.events = events;
  }

  ready(): void {
    this.events.message(READY);
  }

  /** Answers what it was sent first. */
  answer(): void {
    const request = this.requests.shift();
    if (request === undefined) throw new Error("the worker was asked for nothing");
    this.events.message(answerRequest(request).message);
  }

  die(reason: string): void {
    this.events.failed(new Error(reason));
  }
}

/** A host whose workers and whose time move on when a test says so. */
export class FakeHost implements WorkerPoolHost {
  readonly parallelism: number;
  /** All that were ever started. */
  readonly workers: FakeWorker[] = [];
  /** Refuses to start any. */
  refuses = false;
  readonly #timers = new Set<{ readonly at: number; readonly call: () => void }>();
  #now = 0;

  constructor(parallelism = 2) {
    this.parallelism = parallelism;
  }

  start(events: PoolWorkerEvents): PoolWorker {
    if (this.refuses) throw new Error("there are none here");
    const worker = new FakeWorker(events);
    this.workers.push(worker);
    return {
      send: ({ message, transfer }) => {
        // What is sent is gone here, as between real threads.
        const [buffer] = transfer;
        worker.requests.push(structuredClone(message, { transfer: buffer === undefined ? [] : [buffer] }));
      },
      hold: (held) => {
        worker.held = held;
      },
      end: async () => {
        worker.ended = true;
      },
    };
  }

  later(milliseconds: number, call: () => void): () => void {
    const timer = { at: this.#now + milliseconds, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  async turn(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Lets time go by. */
  pass(milliseconds: number): void {
    this.#now += milliseconds;
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(timer);
      timer.call();
    }
  }
}
