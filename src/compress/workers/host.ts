import type { DeflateRequest, Sent, WorkerMessage } from "./messages.ts";

/** A worker as its host has it. */
export interface PoolWorker {
  send(sent: Sent<DeflateRequest>): void;
  /** Whether the process stays alive for it. */
  hold(held: boolean): void;
  end(): Promise<void>;
}

/** What a worker's host tells of it. Nothing is told before `start` has returned. */
export interface PoolWorkerEvents {
  message(message: WorkerMessage): void;
  /** It could not be started, or has ended by itself. */
  failed(error: unknown): void;
}

/** What a pool needs of its host. */
export interface WorkerPoolHost {
  /** How many workers there are if nobody says. */
  readonly parallelism: number;
  /** @throws anything, if there are no workers here */
  start(events: PoolWorkerEvents): PoolWorker;
  /** Calls after that many milliseconds, unless the process ends before; returns what calls it off. */
  later(milliseconds: number, call: () => void): () => void;
  /** Resolves when all that waits for its turn has had one. */
  turn(): Promise<void>;
}
