import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openDirectoryStore } from "../../src/node/index.ts";
import { slipway } from "../cli/support/slipway.ts";
import { wholeImage } from "../interleavings/scenario.ts";
import { bundleScript } from "../support/bundle.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Images that are built before the processes are stopped. SLIPWAY_STRESS_IMAGES=500 takes a few minutes. */
const WANTED = Number(process.env.SLIPWAY_STRESS_IMAGES ?? 60);
/** Milliseconds after which they are stopped anyway, unless so many were asked for. */
const MOST = process.env.SLIPWAY_STRESS_IMAGES === undefined ? 20_000 : 3_000_000;

interface Running {
  readonly names: string[];
  /** @returns what it said of a failure */
  stop(): Promise<string>;
}

function start(script: string, ...args: readonly string[]): Running {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const exited = once(child, "close");
  const names: string[] = [];
  let rest = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    names.push(...lines);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  return {
    names,
    async stop() {
      child.stdin.end();
      await exited;
      return child.exitCode === 0 ? "" : `exit status ${child.exitCode}: ${errors}`;
    },
  };
}

describe("builds and collections of several processes in one store", () => {
  it("lose no image", { timeout: 3_600_000 }, async () => {
    const directory = join(temporaryDirectory(), "store");
    const work = temporaryDirectory();
    const env = { SLIPWAY_STORE: directory };
    const script = await bundleScript(fileURLToPath(new URL("./garbage-process.ts", import.meta.url)));
    await (await openDirectoryStore(directory)).close();
    const collectors = [1, 2].map(() => start(script, "collect", directory));
    const builders = [1, 2].map((number) => start(script, "build", directory, String(number)));
    const built = (): readonly string[] => builders.flatMap(({ names }) => names);
    // Beside them commands, as people give them.
    const commanded: string[] = [];
    const end = Date.now() + MOST;
    for (let round = 0; built().length + commanded.length < WANTED && Date.now() < end; round++) {
      const source = join(work, `source-${round}`);
      mkdirSync(source);
      writeFileSync(join(source, "f"), `command ${round}`);
      const name = `example.org/command:${round}`;
      const [made, collected] = await Promise.all([
        slipway(["build", source, "-t", name, "--no-cache", "-q"], { env }),
        slipway(["gc"], { env }),
      ]);
      expect([made.status, collected.status], made.stderr + collected.stderr).toEqual([0, 0]);
      commanded.push(name);
      await sleep(1);
    }
    expect(await Promise.all([...builders, ...collectors].map((each) => each.stop()))).toEqual(["", "", "", ""]);
    const names = [...built(), ...commanded];
    const broken: string[] = [];
    const store = await openDirectoryStore(directory);
    for (const name of names) {
      await store.images
        .get(name)
        .then(({ target }) => wholeImage(store, target))
        .catch((error: unknown) => broken.push(`${name}: ${String(error)}`));
    }
    await store.close();
    console.log(`built ${names.length}, broken ${broken.length}`);
    expect(names.length).toBeGreaterThan(4);
    expect(broken).toEqual([]);
    const copied = await slipway(["copy", commanded.at(-1) ?? "", `oci:${join(work, "out")}:x`, "-q"], { env });
    expect(copied.status, copied.stderr).toBe(0);
  });
});
