// node test/bench/worker-memory.js [MiB]: the peak memory of workerd while a Worker makes a large layer and keeps it in R2, above what
// it has when idle. The simulator of R2 runs in the same process and counts, too. Linux only; needs `npm run build`.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { bundleWorker } from "../../demo/worker/bundle.js";

const MEBIBYTE = 1024 * 1024;

/**
 * @param {{ readonly mebibytes?: number, readonly flags?: string[], readonly from?: "source" | "stream" }} [options]
 * @returns {Promise<{ readonly idle: number, readonly peak: number, readonly seconds: number, readonly layer: number, readonly digest: string }>}
 *   idle and peak in MiB, layer in bytes
 */
export async function measureWorkerMemory({ mebibytes = 1024, flags = [], from = "source" } = {}) {
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
    const build = async (/** @type {number} */ size) =>
      await (await fetch(`${origin}/?size=${size}&from=${from}`)).json();
    // Everything that is needed for an export has been loaded when the idle process is measured.
    await build(MEBIBYTE);
    await new Promise((done) => setTimeout(done, 2000));
    const pid = childNamed("workerd");
    const idle = statusOf(pid, "VmRSS");
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
    const { seconds, layer, digest } = await build(mebibytes * MEBIBYTE);
    return { idle, peak: statusOf(pid, "VmHWM"), seconds, layer, digest };
  } finally {
    await miniflare.dispose();
    rmSync(directory, { recursive: true, force: true });
  }
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

if (process.argv[1] === import.meta.filename) {
  const mebibytes = Number(process.argv[2] ?? 1024);
  for (const flags of [[], ["nodejs_compat"]]) {
    const { idle, peak, seconds, layer, digest } = await measureWorkerMemory({ mebibytes, flags });
    console.log(
      `${mebibytes} MiB in workerd${flags.map((flag) => ` with ${flag}`).join("")}: ` +
        `idle ${idle.toFixed(0)} MiB, peak ${peak.toFixed(0)} MiB, ${(peak - idle).toFixed(0)} MiB above idle; ` +
        `${seconds.toFixed(0)} s, ${(mebibytes / seconds).toFixed(1)} MiB/s, layer of ${(layer / MEBIBYTE).toFixed(0)} MiB, ${digest}`,
    );
  }
}
