import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryDirectory, temporaryRoot } from "../support/temporary.ts";
import { itIf } from "../support/tools.ts";
import type { Engine } from "./engine.ts";
import { engines } from "./index.ts";
import type { Behaviour } from "./programs/behaviour/behave.ts";

const program = join(import.meta.dirname, "programs/behaviour");
const behave = (engine: Engine, argument: Behaviour, timeout?: number) => engine.run(program, { argument, timeout });

/** Only Linux tells of all processes with what environment they were started. */
const noProcesses = existsSync("/proc/self/environ") ? undefined : "/proc";

/** Processes that were started with this directory for their temporary files or below it. */
function processesOf(directory: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(directory);
    } catch {
      // It ended meanwhile, or is another user's.
      return false;
    }
  });
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

describe("an engine", () => {
  const before = process.env.TMPDIR;
  let temporary = "";
  beforeAll(() => {
    temporary = join(temporaryRoot(), "tmp");
    mkdirSync(temporary);
    process.env.TMPDIR = temporary;
  });
  afterAll(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  });

  for (const engine of engines) {
    const answers = async (): Promise<void> => {
      const { version, value } = await behave(engine, "answer");
      expect(value).toBe("ünï \u{1f433}");
      expect(version).toMatch(/^\d+(\.\d+)+$/);
    };
    itIf(engine.missing, `gives what a program gives, and its version: ${engine.name}`, answers, 310_000);
  }

  // One of each kind: they share the rest.
  for (const engine of engines.filter(({ name }) => ["Node", "workerd", "Chromium", "WebKit"].includes(name))) {
    const throws = async (): Promise<void> => {
      await expect(behave(engine, "throw")).rejects.toThrow(new RegExp(`^${engine.name}: .*it was asked to fail`, "s"));
    };
    itIf(engine.missing, `names itself when a program fails: ${engine.name}`, throws, 310_000);

    const ends = async (): Promise<void> => {
      await expect(behave(engine, "hang", 5000)).rejects.toThrow(`${engine.name}: no result after 5 s`);
      expect(processesOf(temporary)).toEqual([]);
    };
    itIf(engine.missing ?? noProcesses, `is ended when a program takes too long: ${engine.name}`, ends, 60_000);
  }

  it("leaves no file behind", () => {
    expect(readdirSync(temporary)).toEqual([]);
  });
});

describe("the engines of a process that is killed", () => {
  const command = resolve(import.meta.dirname, "../digests/main.js");
  const end = async (engine: string, program: RegExp, signal: NodeJS.Signals): Promise<void> => {
    const temporary = temporaryDirectory();
    const child = spawn(process.execPath, [command, "--engine", engine], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: "ignore",
    });
    const ended = once(child, "exit");
    // Other programs, which only look around, come and go before.
    await expect
      .poll(() => processesOf(temporary).some((pid) => program.test(commandOf(pid))), { timeout: 60_000 })
      .toBe(true);
    child.kill(signal);
    expect(await ended).toEqual([null, signal]);
    await expect.poll(() => processesOf(temporary), { timeout: 10_000 }).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
  };

  for (const [engine, program, signal] of [
    ["Chromium", /--remote-debugging/, "SIGINT"],
    ["Chromium", /--remote-debugging/, "SIGTERM"],
    ["workerd", /workerd.serve/, "SIGINT"],
    ["workerd", /workerd.serve/, "SIGTERM"],
  ] as const) {
    itIf(noProcesses, `end with it (${engine}, ${signal})`, () => end(engine, program, signal), 90_000);
  }
});
