import { randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SlipwayError } from "../../errors.ts";
import { errnoOf, hostError } from "../host-error.ts";
import { makeDirectory } from "./files.ts";
import { isGone, type Owner, thisProcess } from "./owner.ts";

/** A lock that is held. */
export interface HeldLock {
  release(): void;
}

/** How long others' work under a lock is waited for, in milliseconds. It is never more than a few small files. */
const PATIENCE = 30_000;

/** A lock file that says nothing after this long (milliseconds) was left by a process killed between two system calls. */
const SILENCE = 5_000;

/**
 * Locks between processes: files made with O_EXCL that say who holds them. The lock of a process that is gone is taken over.
 * Nothing here waits for long, so the calls are the synchronous ones: a lock is taken and freed in some 0.1 ms.
 */
export class Locks {
  readonly #directory: string;
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Takes the lock if it is free or its owner is gone. */
  tryAcquire(name: string): HeldLock | undefined {
    const path = join(this.#directory, name);
    const token = randomBytes(8).toString("hex");
    for (let attempt = 0; attempt < 3; attempt++) {
      if (this.#create(path, token)) return { release: () => release(path, token) };
      if (!takeAway(path)) return undefined;
    }
    return undefined;
  }

  /**
   * Runs `work` while nobody else holds the lock, waiting for it in order.
   * @throws SlipwayError `UNAVAILABLE` naming the holder, if it does not let go in time
   */
  exclusive<T>(name: string, work: () => Promise<T>): Promise<T> {
    // First come, first served within this object; only across objects and processes is there polling.
    const result = (this.#queues.get(name) ?? Promise.resolve()).then(() => this.#hold(name, work));
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    this.#queues.set(name, settled);
    return result;
  }

  async #hold<T>(name: string, work: () => Promise<T>): Promise<T> {
    let lock = this.tryAcquire(name);
    for (let waited = 0, pause = 1; lock === undefined; waited += pause) {
      if (waited > PATIENCE) throw this.#stuck(name);
      pause = Math.min(pause * 2, 50);
      await sleep(pause);
      lock = this.tryAcquire(name);
    }
    try {
      return await work();
    } finally {
      lock.release();
    }
  }

  #create(path: string, token: string): boolean {
    const text = JSON.stringify({ ...thisProcess(), token });
    try {
      const file = makeDirectory(this.#directory, () => openSync(path, "wx"));
      try {
        writeSync(file, text);
      } finally {
        closeSync(file);
      }
      return true;
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return false;
      throw hostError(error, `lock ${path}`);
    }
  }

  #stuck(name: string): SlipwayError {
    const path = join(this.#directory, name);
    const owner = readOwner(path);
    const who = owner === undefined ? "another process" : `process ${owner.pid} of host ${owner.host.split(" ")[0]}`;
    return new SlipwayError(
      "UNAVAILABLE",
      `Cannot lock ${path}: ${who} holds it; try again, or remove that file if the process is gone`,
    );
  }
}

/** Removes our own lock; one that was taken from us meanwhile is somebody else's. */
function release(path: string, token: string): void {
  if (readOwner(path)?.token === token) unlinkIfThere(path);
}

/** Removes the lock of an owner that is gone. @returns whether it is worth trying again */
function takeAway(path: string): boolean {
  const owner = readOwner(path);
  if (owner === undefined ? !isSilentForLong(path) : !isGone(owner)) return false;
  // Of several that see the dead owner only one may remove its lock: the others could remove the new owner's.
  const guard = `${path}.takeover`;
  try {
    closeSync(openSync(guard, "wx"));
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw hostError(error, `lock ${path}`);
    if (isSilentForLong(guard)) unlinkIfThere(guard);
    return false;
  }
  try {
    if (readOwner(path)?.token === owner?.token) unlinkIfThere(path);
  } finally {
    unlinkIfThere(guard);
  }
  return true;
}

/** Who holds the lock; undefined if the file is gone or does not say. */
function readOwner(path: string): (Owner & { readonly token: string }) | undefined {
  try {
    const { pid, started, host, boot, token } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    if (typeof pid !== "number" || typeof host !== "string" || typeof token !== "string") return undefined;
    return { pid, host, token, started: String(started ?? ""), boot: String(boot ?? "") };
  } catch {
    return undefined;
  }
}

/** Also true of a file that is gone: the next attempt finds out. */
function isSilentForLong(path: string): boolean {
  try {
    return Date.now() - statSync(path).mtimeMs > SILENCE;
  } catch {
    return true;
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw hostError(error, `unlock ${path}`);
  }
}
