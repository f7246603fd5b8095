import { SlipwayError } from "../../errors.ts";
import { type CompressPool, type DeflateBlockOptions, type DeflatedBlock, deflateBlock } from "../compress-pool.ts";
import type { PoolWorker, WorkerPoolHost } from "./host.ts";
import { Job } from "./job.ts";
import type { WorkerMessage } from "./messages.ts";
import { SignalWatch } from "./signal-watch.ts";

/** How a pool of workers is made, in whichever runtime. */
export interface WorkerPoolOptions {
  /**
   * How many workers there may be; 0: none, all is done in this thread. Default: as many as the host runs in parallel, at most 8.
   * Above that it is not the compressing that one waits for, but the thread that reads, hashes and stores.
   */
  readonly workers?: number | undefined;
  /** Milliseconds after which workers without work are ended; the next block starts new ones. Default 10 000. */
  readonly idleTime?: number | undefined;
  /**
   * Told once, if no worker can be started (a page's policy forbids it, a bundler has left its file out) and all is done in this
   * thread instead, which takes longer and gives the same bytes.
   */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** A pool of workers, which can also be closed by `await using`. */
export interface WorkerCompressPool extends CompressPool {
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Most workers that a pool has without being told. */
const MOST_WORKERS = 8;

/**
 * Blocks that a worker has at a time: the one that it works on and the next, so that it need not wait for this thread, which may be
 * busy for a moment.
 */
const JOBS_OF_A_WORKER = 2;

/** Up to this size a block is deflated before a worker would have started. */
const SMALL_BLOCK = 64 * 1024;

/** Milliseconds that a worker may take until its program is loaded. */
const START_TIMEOUT = 20_000;

const IDLE_TIME = 10_000;

/**
 * Makes a pool over the workers of a host.
 * @throws SlipwayError `INVALID_ARGUMENT` if the number of workers or the time is none
 */
export function createWorkerPool(host: WorkerPoolHost, options: WorkerPoolOptions): WorkerCompressPool {
  const { workers = Math.min(host.parallelism, MOST_WORKERS), idleTime = IDLE_TIME, onWarning } = options;
  if (!Number.isSafeInteger(workers) || workers < 0) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot make a pool of workers: their number is ${workers}, not a whole number from 0 on`,
    );
  }
  if (!(idleTime >= 0)) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot make a pool of workers: the idle time is ${idleTime}, not a number of milliseconds`,
    );
  }
  return new WorkerPool(host, workers, idleTime, onWarning);
}

/** A worker of the pool, with what it is to do. */
class Member {
  readonly jobs: Map<number, Job> = new Map();
  worker: PoolWorker | undefined;
  ready = false;
  #held = true;
  readonly cancelTimeout: () => void;

  constructor(cancelTimeout: () => void) {
    this.cancelTimeout = cancelTimeout;
  }

  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.worker?.hold(held);
  }
}

class WorkerPool implements WorkerCompressPool {
  // Defined by the constructor, since not every engine has the symbol.
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;
  readonly concurrency: number;
  readonly #host: WorkerPoolHost;
  readonly #idleTime: number;
  readonly #warn: ((message: string) => void) | undefined;
  /** How many workers there may be: fewer than were asked for where the host does not start so many. */
  #limit: number;
  /** No worker has it yet; first come, first served, so that all who share the pool get on. */
  readonly #queue: Job[] = [];
  readonly #members = new Set<Member>();
  readonly #signals = new SignalWatch();
  #ids = 0;
  #working = false;
  #cancelIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    host: WorkerPoolHost,
    workers: number,
    idleTime: number,
    onWarning: ((message: string) => void) | undefined,
  ) {
    this.#host = host;
    this.#limit = workers;
    // One worker, too, is given the next block while it works on one.
    this.concurrency = workers === 0 ? 1 : Math.max(workers, JOBS_OF_A_WORKER);
    this.#idleTime = idleTime;
    this.#warn = onWarning;
    // As in `HeldSnapshot`: what a build tool made of `await using` asks for the registered symbol.
    const { asyncDispose } = Symbol as { readonly asyncDispose?: symbol };
    Object.defineProperty(this, asyncDispose ?? Symbol.for("Symbol.asyncDispose"), { value: () => this.close() });
  }

  async deflate(block: Uint8Array<ArrayBuffer>, options: DeflateBlockOptions): Promise<DeflatedBlock> {
    options.signal?.throwIfAborted();
    if (this.#closing !== undefined) throw closed();
    // For a small image no worker is started at all.
    const none = this.#members.size === 0 && this.#queue.length === 0;
    if (none && block.byteLength <= SMALL_BLOCK) return deflateBlock(block, options.level);
    return await new Promise((resolve, reject) => {
      const job = new Job(block, options.level, resolve, reject);
      this.#queue.push(job);
      if (options.signal !== undefined) this.#watch(job, options.signal);
      this.#next();
    });
  }

  #watch(job: Job, signal: AbortSignal): void {
    const forget = this.#signals.add(signal, () => {
      job.fail(signal.reason);
      const at = this.#queue.indexOf(job);
      if (at >= 0) this.#queue.splice(at, 1);
      this.#settle();
    });
    job.whenSettled(forget);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#cancelIdle?.();
    const members = [...this.#members];
    this.#members.clear();
    for (const job of this.#queue.splice(0)) job.fail(closed());
    for (const { jobs } of members) for (const job of jobs.values()) job.fail(closed());
    await Promise.all(members.map(endMember));
  }

  /** Gives blocks to workers, and starts those that are needed. */
  #next(): void {
    if (this.#limit === 0) {
      void this.#workHere();
      return;
    }
    for (let free = this.#freest(); free !== undefined && this.#queue.length > 0; free = this.#freest()) {
      this.#give(free);
    }
    // Each block that waits is worth a worker, beside those that are starting.
    if (this.#members.size < this.#limit && this.#starting() < this.#queue.length) this.#start();
    this.#settle();
  }

  /** The worker that has least to do, if one can take a block. */
  #freest(): Member | undefined {
    // A worker that has something to do gets more only if no other can be had.
    const most = this.#members.size < this.#limit || this.#starting() > 0 ? 1 : JOBS_OF_A_WORKER;
    let freest: Member | undefined;
    for (const member of this.#members) {
      if (!member.ready || member.jobs.size >= most) continue;
      if (freest === undefined || member.jobs.size < freest.jobs.size) freest = member;
    }
    return freest;
  }

  #give(member: Member): void {
    const job = this.#queue.shift();
    if (job === undefined) return;
    const id = this.#ids++;
    member.jobs.set(id, job);
    member.hold(true);
    try {
      member.worker?.send(job.request(id));
    } catch (error) {
      // Memory that cannot be moved or copied. Of the worker nothing is wrong.
      member.jobs.delete(id);
      job.fail(error);
    }
  }

  #starting(): number {
    let count = 0;
    for (const { ready } of this.#members) if (!ready) count++;
    return count;
  }

  #start(): void {
    const tooLong = (): void =>
      this.#failed(member, new Error(`its program was not loaded in ${START_TIMEOUT / 1000} s`));
    const member = new Member(this.#host.later(START_TIMEOUT, tooLong));
    this.#members.add(member);
    try {
      member.worker = this.#host.start({
        message: (message) => this.#hear(member, message),
        failed: (error) => this.#failed(member, error),
      });
    } catch (error) {
      this.#failed(member, error);
    }
  }

  #hear(member: Member, message: WorkerMessage): void {
    if (!this.#members.has(member)) return;
    if (message.kind === "ready") {
      member.ready = true;
      member.cancelTimeout();
    } else {
      const job = member.jobs.get(message.id);
      member.jobs.delete(message.id);
      if (message.kind === "deflated") {
        const { data, crc32, size } = message;
        job?.done({ data, crc32, size });
      } else {
        job?.fail(new SlipwayError("UNAVAILABLE", `Cannot deflate a block: its worker failed: ${message.message}`));
      }
    }
    this.#next();
  }

  #failed(member: Member, error: unknown): void {
    if (!this.#members.delete(member)) return;
    void endMember(member);
    // Their memory is gone with the worker.
    for (const job of member.jobs.values()) {
      job.fail(
        new SlipwayError(
          "UNAVAILABLE",
          `Cannot deflate a block: its worker has ended: ${reasonOf(error)}; try again, if memory is short with fewer workers`,
          { cause: error },
        ),
      );
    }
    if (!member.ready) {
      this.#limit = this.#members.size;
      if (this.#limit === 0) {
        this.#warn?.(
          `No worker can be started to compress in, so all is compressed in this thread, which takes longer: ${reasonOf(error)}`,
        );
      }
    }
    this.#next();
  }

  /** One block after the other, with a turn for everything else between them. */
  async #workHere(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      job.deflateHere();
      await this.#host.turn();
    }
    this.#working = false;
  }

  /** Sees to what the process waits for, and to the workers' end when there is nothing to do. */
  #settle(): void {
    let idle = this.#queue.length === 0;
    for (const member of this.#members) {
      member.hold(member.jobs.size > 0 || (!member.ready && this.#queue.length > 0));
      idle &&= member.jobs.size === 0;
    }
    if (!idle || this.#members.size === 0) {
      this.#cancelIdle?.();
      this.#cancelIdle = undefined;
    } else {
      this.#cancelIdle ??= this.#host.later(this.#idleTime, () => this.#endIdle());
    }
  }

  #endIdle(): void {
    this.#cancelIdle = undefined;
    const members = [...this.#members];
    this.#members.clear();
    for (const member of members) void endMember(member);
  }
}

async function endMember(member: Member): Promise<void> {
  member.cancelTimeout();
  // However it ends, nobody waits for anything of it.
  await member.worker?.end().catch(() => undefined);
}

function closed(): SlipwayError {
  return new SlipwayError("UNAVAILABLE", "Cannot deflate a block: the pool is closed; make a new one");
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
