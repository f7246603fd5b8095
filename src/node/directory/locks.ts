import { randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, linkSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SlipwayError } from "../../errors.ts";
import { errnoOf, hostError } from "../host-error.ts";
import { entriesOf, makeDirectory } from "./files.ts";
import { isGone, type Owner, thisProcess } from "./owner.ts";

/** A lock that is held. */
export interface HeldLock {
  release(): void;
}

/** Milliseconds for which others' work under a lock is waited for, unless the caller says more. It is a few small files. */
const PATIENCE = 30_000;

/** A lock file that says nothing after this long (milliseconds) was left by a process killed between two system calls. */
const SILENCE = 5_000;

/** Beginning of the names of the files that say who this is, from which locks are linked. */
const OWNER = "owner-";

/** In the names of the files that guard a takeover, between the lock's name and the token of the process that takes it. */
const TAKEOVER = ".takeover-";

/** Tells the locks of this process from those of any other. */
const TOKEN = randomBytes(8).toString("hex");

/**
 * Locks between processes: files that exist once and say who holds them. A lock is a hard link to a file in which its owner
 * stands already, so that no lock is ever without one, and the lock of a process that is gone can be taken over at once; where
 * there are no hard links it is a file made with O_EXCL. Nothing here waits for long, so the calls are the synchronous ones.
 */
export class Locks {
  readonly #directory: string;
  readonly #held = new Set<string>();
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Takes the lock if it is free or its owner is gone. */
  tryAcquire(name: string): HeldLock | undefined {
    if (this.#held.has(name)) return undefined;
    const path = join(this.#directory, name);
    for (let attempt = 0; attempt < 3; attempt++) {
      if (this.#create(path)) {
        this.#held.add(name);
        return { release: () => this.#release(name, path) };
      }
      if (!this.#takeAway(name)) return undefined;
    }
    return undefined;
  }

  /** Removes what processes that are gone left, and the file from which our own locks are linked: it is made again when needed. */
  tidy(): void {
    for (const { name } of entriesOf(this.#directory)) {
      const path = join(this.#directory, name);
      if (name === OWNER + TOKEN) unlinkIfThere(path);
      else if (name.startsWith(OWNER) || name.includes(TAKEOVER)) removeIfOver(path);
      else this.#takeAway(name);
    }
  }

  /**
   * Runs `work` while nobody else holds the lock, waiting for it in order.
   * @param patience milliseconds for which another process is waited for
   * @throws SlipwayError `UNAVAILABLE` naming the holder, if it does not let go in time
   */
  exclusive<T>(name: string, work: () => Promise<T>, patience: number = PATIENCE): Promise<T> {
    // First come, first served within this object; only across objects and processes is there polling.
    const result = (this.#queues.get(name) ?? Promise.resolve()).then(() => this.#hold(name, work, patience));
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    this.#queues.set(name, settled);
    return result;
  }

  async #hold<T>(name: string, work: () => Promise<T>, patience: number): Promise<T> {
    let lock = this.tryAcquire(name);
    for (let waited = 0, pause = 1; lock === undefined; waited += pause) {
      if (waited > patience) throw this.#stuck(name);
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

  /** @returns false if somebody has the lock */
  #create(path: string): boolean {
    const owner = join(this.#directory, OWNER + TOKEN);
    try {
      try {
        linkSync(owner, path);
      } catch (error) {
        if (errnoOf(error) === "EEXIST") return false;
        // Our file is not there yet, or somebody removed the directory while nothing was in it.
        if (errnoOf(error) === "ENOENT") makeDirectory(this.#directory, () => this.#writeOwner(owner, "w"));
        return this.#link(owner, path);
      }
      return true;
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return false;
      throw hostError(error, `lock ${path}`);
    }
  }

  #link(owner: string, path: string): boolean {
    try {
      linkSync(owner, path);
      return true;
    } catch (error) {
      if (errnoOf(error) === "EEXIST") throw error;
      // A filesystem without hard links, or a runtime that does not permit them.
      return makeDirectory(this.#directory, () => this.#writeOwner(path, "wx"));
    }
  }

  /** @returns false if it took so long that others may have taken the file for one that nobody holds */
  #writeOwner(path: string, flags: "w" | "wx"): boolean {
    const begun = Date.now();
    const file = openSync(path, flags);
    try {
      writeSync(file, JSON.stringify({ ...thisProcess(), token: TOKEN }));
      const isLate = Date.now() - begun > SILENCE / 2;
      // Not by its path, which may be another's lock by now. An empty file is taken away in time.
      if (isLate && flags === "wx") ftruncateSync(file);
      return !isLate;
    } finally {
      closeSync(file);
    }
  }

  /**
   * Removes the lock of an owner that is gone.
   *
   * Of several that see the dead owner only one may remove its lock: the others could remove the new owner's. Each puts up a guard of its
   * own first, then looks for guards of others, then looks again whose lock it is. Of two, one at least sees the other and steps back. No
   * guard is over by time alone: who is stopped in the middle, for however long, still holds it.
   * @returns whether it is worth trying again
   */
  #takeAway(name: string): boolean {
    const path = join(this.#directory, name);
    const owner = readOwner(path);
    if (!isOver(path, owner)) return false;
    const guard = name + TAKEOVER + TOKEN;
    if (!this.#create(join(this.#directory, guard))) return false;
    try {
      for (const { name: other } of entriesOf(this.#directory)) {
        if (!other.startsWith(name + TAKEOVER) || other === guard) continue;
        if (!removeIfOver(join(this.#directory, other))) return false;
      }
      const still = readOwner(path);
      if (still?.token === owner?.token && isOver(path, still)) unlinkIfThere(path);
      return true;
    } finally {
      unlinkIfThere(join(this.#directory, guard));
    }
  }

  /** Removes our own lock, once; one that was taken from us meanwhile is somebody else's. */
  #release(name: string, path: string): void {
    if (!this.#held.delete(name)) return;
    if (readOwner(path)?.token === TOKEN) unlinkIfThere(path);
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

/** Whether a file's owner is gone. */
function isOver(path: string, owner: Owner | undefined = readOwner(path)): boolean {
  return owner === undefined ? isSilentForLong(path) : isGone(owner);
}

/** Removes a file whose name only one process ever makes, so that nobody's new one can be hit. @returns whether it is gone */
function removeIfOver(path: string): boolean {
  if (!isOver(path)) return false;
  unlinkIfThere(path);
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
