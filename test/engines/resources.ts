import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Milliseconds that something may take to end by itself. */
const PATIENCE = 10_000;

interface Held {
  readonly what: string;
  readonly release: () => void | Promise<void>;
  /** What can still be done when this process ends at once. */
  readonly abandon?: (() => void) | undefined;
}

/** Processes, directories and the like that one run of an engine holds: all are let go of when it ends, in whatever way. */
export class Resources {
  readonly #held: Held[] = [];
  readonly #failed: Promise<never>;
  #fail: (error: Error) => void = () => undefined;
  #released = false;

  constructor() {
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => undefined);
  }

  /** Rejects as soon as something that the run cannot do without is found to be gone. */
  get failed(): Promise<never> {
    return this.#failed;
  }

  /** Ends the run with an error. */
  fail(error: Error): void {
    this.#fail(error);
  }

  /** What must be let go of; the last one first. What comes when the run has ended already is let go of at once. */
  hold(what: string, release: () => void | Promise<void>, abandon?: () => void): void {
    const held = { what, release, abandon };
    if (this.#released) {
      void settle(held).catch(() => undefined);
      throw new Error(`${what} came when the run had ended`);
    }
    this.#held.push(held);
  }

  /** A fresh directory. */
  directory(): string {
    const path = mkdtempSync(join(tmpdir(), "slipway-engine-"));
    // Browsers still write for a moment after they have ended.
    const remove = (): void => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    this.hold(path, remove, remove);
    return path;
  }

  /** Starts a program; it is ended with all that it starts itself. */
  start(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn(command, [...args], { ...options, detached: true });
    child.once("error", (error) => this.fail(new Error(`${command} cannot be started: ${error.message}`)));
    this.hold(
      command,
      () => stop(child),
      () => signal(child, "SIGKILL"),
    );
    return child;
  }

  /** @throws Error naming what could not be let go of */
  async release(): Promise<void> {
    this.#released = true;
    const errors: unknown[] = [];
    for (const held of this.#held.splice(0).reverse()) await settle(held).catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }

  /** Ends at once what would outlive this process. */
  abandon(): void {
    for (const { abandon } of this.#held.splice(0).reverse()) abandon?.();
  }
}

const inUse = new Set<Resources>();

/**
 * Does something with resources, within a time.
 * @param what begins the message of an error
 * @param timeout milliseconds, without the time that letting go takes
 */
export async function withResources<T>(
  what: string,
  timeout: number,
  work: (resources: Resources) => Promise<T>,
): Promise<T> {
  const resources = new Resources();
  if (inUse.size === 0) watchThisProcess(true);
  inUse.add(resources);
  const timer = setTimeout(() => resources.fail(new Error(`${what}: no result after ${timeout / 1000} s`)), timeout);
  try {
    const working = work(resources);
    // It may well fail later, when nobody waits any more.
    working.catch(() => undefined);
    return await Promise.race([working, resources.failed]);
  } finally {
    clearTimeout(timer);
    try {
      await resources.release();
    } finally {
      inUse.delete(resources);
      if (inUse.size === 0) watchThisProcess(false);
    }
  }
}

function watchThisProcess(watch: boolean): void {
  const change = watch ? "on" : "off";
  process[change]("exit", abandonAll);
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process[change](name, endBySignal);
}

function abandonAll(): void {
  for (const resources of inUse) resources.abandon();
  inUse.clear();
}

function endBySignal(name: NodeJS.Signals): void {
  // Playwright, too, ends its browsers when it hears this.
  process.emit("exit", 1);
  process.removeAllListeners(name);
  process.kill(process.pid, name);
}

async function settle({ what, release }: Held): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not end within ${PATIENCE / 500} s`)), PATIENCE * 2);
  });
  try {
    await Promise.race([release(), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    signal(child, "SIGTERM");
    const timer = setTimeout(() => signal(child, "SIGKILL"), PATIENCE);
    await ended;
    clearTimeout(timer);
  }
  // What it had started itself.
  signal(child, "SIGKILL");
}

/** To a child and its children, which are one process group. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch {
    // They have ended.
  }
}
