import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { createCompressPool } from "../../src/node/index.ts";
import { BUN } from "../engines/processes.ts";
import { deno, root, run } from "../support/processes.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const DENO = [deno, "run", "--quiet", "--no-prompt", "--no-config", "--node-modules-dir=manual"];
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  Node: [process.execPath],
  Deno: [...DENO, "--allow-read", "--allow-env"],
  Bun: BUN,
};

/** Runs a script over the package as it is published, `npm test` has built it. */
async function runScript(text: string, [command = "", ...args]: readonly string[]) {
  const path = join(temporaryDirectory(), "script.mjs");
  const from = (entry: string): string => JSON.stringify(pathToFileURL(join(root, "dist", entry, "index.js")).href);
  writeFileSync(path, `import { createCompressPool } from ${from("node")};\n${text}`);
  return await run(command, [...args, path]);
}

const TWO_BLOCKS = `
const pool = createCompressPool({ workers: 2, onWarning: console.log });
const block = () => new Uint8Array(1_000_000);
const blocks = await Promise.all([1, 2].map(() => pool.deflate(block(), { level: 6 })));
`;

describe("a process with a pool", () => {
  it.each(Object.entries(RUNTIMES))("ends by itself when its work is done: %s", async (_, command) => {
    const script = `${TWO_BLOCKS}console.log(blocks.map(({ size }) => size).join());`;
    expect(await runScript(script, command)).toEqual({ status: 0, stdout: "1000000,1000000\n", stderr: "" });
  });

  it.each(Object.entries(RUNTIMES))("does not end before its work is done: %s", async (_, command) => {
    const script = `
      const pool = createCompressPool({ workers: 1 });
      pool.deflate(new Uint8Array(1_000_000), { level: 6 }).then(({ size }) => console.log(size));`;
    expect(await runScript(script, command)).toEqual({ status: 0, stdout: "1000000\n", stderr: "" });
  });

  it.each(Object.entries(RUNTIMES))("ends when the pool is closed while it works: %s", async (_, command) => {
    const script = `
      const pool = createCompressPool({ workers: 2 });
      const all = [1, 2, 3, 4, 5].map(() => pool.deflate(new Uint8Array(1_000_000), { level: 9 }));
      const codes = Promise.all(all.map((one) => one.then(() => "done", ({ code }) => code)));
      await pool.close();
      console.log(new Set((await codes).filter((code) => code !== "done")));`;
    const { status, stdout, stderr } = await runScript(script, command);
    expect([status, stdout.replace(/\s+/g, ""), stderr]).toEqual([
      0,
      expect.stringMatching(/^Set\(1\)\{['"]UNAVAILABLE['"],?\}$/),
      "",
    ]);
  });

  it("asks nobody in Deno for leave to read its program, and says what it needs", async () => {
    const entry = join(root, "dist/");
    const script = `${TWO_BLOCKS}console.log(blocks.length);`;
    const { status, stdout, stderr } = await runScript(script, DENO);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(
      `No worker can be started to compress in, so all is compressed in this thread, which takes longer: Deno may not read their program; run it with --allow-read=${entry}\n2\n`,
    );
    const granted = await runScript(script, [...DENO, `--allow-read=${entry}`]);
    expect(granted).toEqual({ status: 0, stdout: "2\n", stderr: "" });
  });

  it("starts with Node's flags for a text as its program", async () => {
    const text = `import { createCompressPool } from ${JSON.stringify(pathToFileURL(join(root, "dist/node/index.js")).href)};${TWO_BLOCKS}console.log(blocks.length);`;
    const ended = await run(process.execPath, ["--input-type=module", "--eval", text]);
    expect(ended).toEqual({ status: 0, stdout: "2\n", stderr: "" });
  });
});

describe("a thread that ends", () => {
  it("fails its blocks, and no others", async () => {
    // It keeps to the protocol until it is to deflate something that begins with 1.
    const text = `
      const { parentPort } = require("node:worker_threads");
      parentPort.once("message", (port) => {
        port.on("message", ({ id, block }) => {
          if (block[0] === 1) process.exit(7);
          port.postMessage({ kind: "deflated", id, data: new Uint8Array(1), crc32: 0, size: block.byteLength });
        });
        port.postMessage({ kind: "ready" });
      });`;
    await using pool = createCompressPool({ workers: 1, worker: () => new Worker(text, { eval: true }) });
    const give = (first: number) => pool.deflate(new Uint8Array(100_000).fill(first), { level: 6 });
    expect((await give(2)).size).toBe(100_000);
    await expect(give(1)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("its worker has ended: it ended with 7"),
    });
    expect((await give(3)).size).toBe(100_000);
  });
});
