import { availableParallelism } from "node:os";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { fileURLToPath } from "node:url";
import { MessageChannel, Worker } from "node:worker_threads";
import type { PoolWorker, PoolWorkerEvents } from "../../compress/workers/host.ts";
import type { WorkerMessage } from "../../compress/workers/messages.ts";
import {
  createWorkerPool,
  type WorkerCompressPool,
  type WorkerPoolOptions,
} from "../../compress/workers/worker-pool.ts";
import { isGranted } from "../permission.ts";
import { listen } from "./listen.ts";

/** How a pool of threads is made. */
export interface CompressPoolOptions extends WorkerPoolOptions {
  /**
   * Starts a worker whose program calls `runCompressWorker`, for programs that were bundled into one file. Default: the program of
   * this package.
   */
  readonly worker?: (() => Worker) | undefined;
}

/**
 * Deflates blocks in threads (`node:worker_threads`) of Node, Deno or Bun, for {@link CompressPool} options of everything that
 * compresses. Threads are started one by one when they are needed, used again, and ended when there is nothing to do for a while. The
 * process ends by itself, also with an open pool. Where no thread can be started, all is done in this one.
 * @throws SlipwayError `INVALID_ARGUMENT` if the number of workers or the idle time is none
 */
export function createCompressPool(options: CompressPoolOptions = {}): WorkerCompressPool {
  const { worker = startWorker } = options;
  const cores = availableParallelism();
  // On a single processor a thread more only costs its memory.
  const parallelism = cores > 1 ? cores : 0;
  return createWorkerPool({ parallelism, start: (events) => open(worker(), events), later, turn }, options);
}

function startWorker(): Worker {
  const { protocol, href } = new URL("./compress-worker.js", import.meta.url);
  if (protocol !== "file:") {
    // In Deno modules may lie at a registry. Its threads begin with a file or a text, which then may load one.
    return new Worker(new URL(`data:text/javascript,${encodeURIComponent(`import ${JSON.stringify(href)};`)}`));
  }
  // Nobody is asked for what only makes it faster.
  const path = fileURLToPath(new URL("../..", import.meta.url));
  if (!isGranted({ name: "read", path })) {
    throw new Error(`Deno may not read their program; run it with --allow-read=${path}`);
  }
  // A thread has the process' flags, of which this one goes with a text only. Its program is a file in any case.
  const flags = process.execArgv.some((flag) => flag.startsWith("--input-type")) ? { execArgv: [] } : {};
  // Bundlers look for exactly this.
  return new Worker(new URL("./compress-worker.js", import.meta.url), flags);
}

/** All goes through a channel beside the thread's own one, to which one can only listen by `on`. */
function open(worker: Worker, events: PoolWorkerEvents): PoolWorker {
  const { port1: port, port2 } = new MessageChannel();
  worker.on("error", (error) => events.failed(error));
  worker.on("exit", (code) => events.failed(new Error(`it ended with ${code}`)));
  listen<WorkerMessage>(port, events.message);
  port.on("messageerror", (error) => events.failed(error));
  worker.postMessage(port2, [port2]);
  return {
    send: ({ message, transfer }) => port.postMessage(message, transfer),
    hold(held) {
      for (const one of [worker, port]) {
        if (held) one.ref();
        else one.unref();
      }
    },
    async end() {
      port.close();
      await worker.terminate();
    },
  };
}

function later(milliseconds: number, call: () => void): () => void {
  const timer = setTimeout(call, milliseconds);
  timer.unref();
  return () => clearTimeout(timer);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
