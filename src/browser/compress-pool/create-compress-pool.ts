import type { PoolWorker, PoolWorkerEvents } from "../../compress/workers/host.ts";
import type { WorkerMessage } from "../../compress/workers/messages.ts";
import {
  createWorkerPool,
  type WorkerCompressPool,
  type WorkerPoolOptions,
} from "../../compress/workers/worker-pool.ts";

/** How a pool of Web Workers is made. */
export interface CompressPoolOptions extends WorkerPoolOptions {
  /**
   * Starts a worker whose program calls `runCompressWorker`, for bundlers that do not follow
   * `new Worker(new URL("./file.js", import.meta.url))`, as esbuild does not. Default: the program of this package.
   */
  readonly worker?: (() => Worker) | undefined;
}

/**
 * Deflates blocks in Web Workers, for {@link CompressPool} options of everything that compresses. Workers are started one by one when
 * they are needed, used again, and ended when there is nothing to do for a while. Where none can be started, all is done in this
 * thread.
 *
 * A page's policy must allow workers of its own origin (`worker-src 'self'`, or without that `script-src` or `default-src`).
 * @throws SlipwayError `INVALID_ARGUMENT` if the number of workers or the idle time is none
 */
export function createCompressPool(options: CompressPoolOptions = {}): WorkerCompressPool {
  const { worker = startWorker } = options;
  // One worker at least, also on a single processor: the page goes on answering meanwhile.
  const parallelism = Math.max((globalThis.navigator as Navigator | undefined)?.hardwareConcurrency ?? 1, 1);
  return createWorkerPool({ parallelism, start: (events) => open(worker(), events), later, turn }, options);
}

function startWorker(): Worker {
  // Bundlers look for exactly this.
  return new Worker(new URL("./compress-worker.js", import.meta.url), { type: "module" });
}

function open(worker: Worker, events: PoolWorkerEvents): PoolWorker {
  worker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => events.message(data));
  worker.addEventListener("messageerror", () => events.failed(new Error("it sent what cannot be read here")));
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    // Of a script that cannot be loaded nothing more is said.
    const { message, error } = event as Partial<ErrorEvent>;
    const why = message || "its script cannot be loaded, or the page's policy (worker-src) forbids it";
    events.failed(error ?? new Error(why));
  });
  return {
    send: ({ message, transfer }) => worker.postMessage(message, [...transfer]),
    hold: () => undefined,
    end: async () => worker.terminate(),
  };
}

function later(milliseconds: number, call: () => void): () => void {
  const timer = setTimeout(call, milliseconds);
  return () => clearTimeout(timer);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
