// node test/bench/worker-memory.js [MiB]: the peak memory of workerd while a Worker makes a large layer and keeps it in R2, above what
// it has when idle, and above what the simulator of R2, which runs in the same process, takes for the same upload alone. Linux only.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { bundleWorker } from "../../demo/worker/bundle.js";
import { say } from "./report.js";

const MEBIBYTE = 1024 * 1024;

/** What makes the layer: `nothing` only uploads as many bytes, without anything of Slipway's. */
const INPUTS = /** @type {const} */ ({
  nothing: "bare upload of as many bytes",
  source: "source that can be read again",
  stream: "stream, kept in R2 first",
});

/**
 * @param {{ readonly mebibytes: number, readonly flags: string[], readonly from: keyof typeof INPUTS }} options
 * @returns {Promise<{ readonly idle: number, readonly peak: number, readonly seconds: number, readonly layer: number }>} idle and peak in
 *   MiB, layer in bytes
 */
async function measure({ mebibytes, flags, from }) {
  const directory = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const miniflare = new Miniflare({
    modules: [
      {
        type: "ESModule",
        path: "worker.mjs",
        contents: await bundleWorker(join(import.meta.dirname, "worker-memory.worker.js")),
      },
    ],
    compatibilityDate: "2026-04-01",
    compatibilityFlags: flags,
    host: "127.0.0.1",
    cf: false,
    r2Buckets: ["BUCKET"],
    r2Persist: directory,
  });
  try {
    const { origin } = await miniflare.ready;
    const build = (/** @type {number} */ size) => answerOf(`${origin}/?size=${size}&from=${from}`);
    // Everything that is needed for an export has been loaded when the idle process is measured.
    await build(MEBIBYTE);
    await new Promise((done) => setTimeout(done, 2000));
    const pid = childNamed("workerd");
    const idle = statusOf(pid, "VmRSS");
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
    const { seconds, layer } = await build(mebibytes * MEBIBYTE);
    return { idle, peak: statusOf(pid, "VmHWM"), seconds, layer };
  } finally {
    await miniflare.dispose();
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * What a Worker answers, however long it takes: `fetch` gives up after five minutes.
 * @param {string} address
 * @returns {Promise<{ readonly seconds: number, readonly layer: number }>}
 */
async function answerOf(address) {
  const response = await new Promise((resolve, reject) => {
    get(address, resolve).on("error", reject);
  });
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  if (response.statusCode !== 200) throw new Error(`the Worker answered ${response.statusCode}: ${text}`);
  return JSON.parse(text);
}

/** @param {string} name */
function childNamed(name) {
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (status.startsWith(`Name:\t${name}\n`) && status.includes(`\nPPid:\t${process.pid}\n`)) return pid;
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error(`no process ${name} among the children`);
}

/** @param {string} pid @param {string} field @returns {number} MiB */
function statusOf(pid, field) {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kibibytes === undefined) throw new Error(`/proc/${pid}/status does not tell ${field}`);
  return Number(kibibytes) / 1024;
}

/** Prints a table. @param {number} mebibytes of the layer's content */
export async function workerMemory(mebibytes = 1024) {
  say(`\n## Peak memory of workerd for a layer of ${mebibytes} MiB in R2, whose simulator runs in the same process\n`);
  say("| made of | flags | idle MiB | above idle | above the bare upload | seconds | layer MiB |");
  say("|---|---|---|---|---|---|---|");
  for (const flags of [[], ["nodejs_compat"]]) {
    let bare = 0;
    for (const from of /** @type {(keyof typeof INPUTS)[]} */ (Object.keys(INPUTS))) {
      const { idle, peak, seconds, layer } = await measure({ mebibytes, flags, from });
      if (from === "nothing") bare = peak - idle;
      const cells = [idle, peak - idle, peak - idle - bare, seconds, layer / MEBIBYTE].map((value) => value.toFixed(0));
      say(`| ${INPUTS[from]} | ${flags.join()} | ${cells.join(" | ")} |`);
    }
  }
}

if (process.argv[1] === import.meta.filename) await workerMemory(Number(process.argv[2] ?? 1024));
