import * as fs from "node:fs";
import { existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Locks } from "../../src/node/directory/locks.ts";
import { thisProcess } from "../../src/node/directory/owner.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Called before each system call of the code under test: whoever acts there acts between two calls of it. */
const between: { call: ((name: string, path: string) => void) | undefined } = { call: undefined };

vi.mock("node:fs", async (original) => {
  const real = await original<typeof fs>();
  const hooked = <A extends unknown[], T>(name: string, call: (...given: A) => T, path: (given: A) => unknown) =>
    ((...given: A) => {
      between.call?.(name, String(path(given)));
      return call(...given);
    }) as (...given: A) => T;
  return {
    ...real,
    linkSync: hooked("link", real.linkSync, ([, path]) => path),
    unlinkSync: hooked("unlink", real.unlinkSync, ([path]) => path),
    writeSync: hooked("write", real.writeSync as (file: number, text: string) => number, ([file]) => file),
  };
});

/** Once, before the first call of that name. */
function once(name: string, path: RegExp, act: () => void): void {
  between.call = (called, at) => {
    if (called !== name || !path.test(at)) return;
    between.call = undefined;
    act();
  };
}

let directory = "";
beforeEach(() => {
  between.call = undefined;
  directory = join(temporaryDirectory(), "locks");
  fs.mkdirSync(directory);
});

/** As another process would have them: what tells its locks from others' is its own. */
async function ofAnotherProcess(): Promise<Locks> {
  vi.resetModules();
  const { Locks } = await import("../../src/node/directory/locks.ts");
  return new Locks(directory);
}

const DEAD = { ...thisProcess(), pid: 2 ** 22 + 1, started: "1", token: "dead" };
const leaveDead = (name: string): void => writeFileSync(join(directory, name), JSON.stringify(DEAD));

/** Lets time go by for whatever lies there. */
function age(): void {
  for (const name of readdirSync(directory)) if (!name.startsWith("owner-")) utimesSync(join(directory, name), 1, 1);
}

describe("the lock of a process that is gone", () => {
  it("is taken by one of two, though the first was stopped for long between its look and its removal", async () => {
    const [first, second] = [await ofAnotherProcess(), await ofAnotherProcess()];
    leaveDead("index");
    let taken = false;
    once("unlink", /index$/, () => {
      age();
      for (let attempt = 0; attempt < 5; attempt++) taken ||= second.tryAcquire("index") !== undefined;
    });
    const got = first.tryAcquire("index") !== undefined;
    expect([got, taken]).toEqual([true, false]);
    expect(second.tryAcquire("index")).toBeUndefined();
  });

  it("is taken by one of two that look at the same time", async () => {
    const [first, second] = [await ofAnotherProcess(), await ofAnotherProcess()];
    leaveDead("index");
    const held: string[] = [];
    once("link", /takeover/, () => {
      if (second.tryAcquire("index") !== undefined) held.push("second");
    });
    if (first.tryAcquire("index") !== undefined) held.push("first");
    expect(held).toEqual(["second"]);
    expect(first.tryAcquire("index")).toBeUndefined();
  });

  it("is taken at once where another one was killed while it took it, and nothing is left", async () => {
    const locks = await ofAnotherProcess();
    leaveDead("index");
    leaveDead("index.takeover-dead");
    const lock = locks.tryAcquire("index");
    expect(lock).toBeDefined();
    lock?.release();
    locks.tidy();
    expect(readdirSync(directory)).toEqual([]);
  });

  it("does not fall to one that lets go of its own later", async () => {
    const [first, second] = [await ofAnotherProcess(), await ofAnotherProcess()];
    const lock = first.tryAcquire("index");
    fs.rmSync(join(directory, "index"));
    expect(second.tryAcquire("index")).toBeDefined();
    lock?.release();
    expect(existsSync(join(directory, "index"))).toBe(true);
  });
});

describe("where there are no hard links", () => {
  it("a lock is not held by a process that was stopped for long before it had said who it is", async () => {
    const [first, second] = [await ofAnotherProcess(), await ofAnotherProcess()];
    for (const locks of [first, second]) locks.tryAcquire("warm")?.release();
    const noLinks = (called: string): void => {
      if (called === "link") throw Object.assign(new Error("EPERM"), { code: "EPERM" });
    };
    let taken = false;
    let writes = 0;
    between.call = (called) => {
      noLinks(called);
      if (called !== "write" || ++writes > 1) return;
      vi.spyOn(Date, "now").mockReturnValue(Date.now() + 10_000);
      for (let attempt = 0; attempt < 5; attempt++) taken ||= second.tryAcquire("index") !== undefined;
    };
    const got = first.tryAcquire("index") !== undefined;
    vi.restoreAllMocks();
    expect([got, taken]).toEqual([false, true]);
  });
});
