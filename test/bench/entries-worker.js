// node test/bench/entries-worker.js [ENTRIES] [BUILDS]: the memory of the demo's Worker while tars of so many entries are posted to it, so
// many at once: of its isolate what is needed (heap and array buffers; the inspector of workerd cannot collect the garbage first), and the resident set of
// workerd, in which the simulator of R2 runs, too. Both above what they are when idle. Linux only.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import WebSocket from "ws";
import { bundleWorker } from "../../demo/worker/bundle.js";
import { writeTar } from "../../dist/tar/index.js";
import { fileBytes, fileNames } from "./entries-names.js";
import { say } from "./report.js";

const MEBIBYTE = 1024 * 1024;
const TOKEN = "bench";

/** Milliseconds between two looks, where the Worker answers at once. */
const EVERY = 25;

/** @param {number} count */
async function* tarOf(count) {
  async function* inputs() {
    for (const name of fileNames(count)) {
      const content = fileBytes(name);
      const size = content.byteLength;
      yield { header: { name, type: "file", mode: 0o644, uid: 0, gid: 0, size, mtime: 0 }, content };
    }
  }
  yield* writeTar(/** @type {any} */ (inputs()));
}

/** @param {URL} origin @param {string} name @param {number} count @returns {Promise<string>} */
async function post(origin, name, count) {
  const address = new URL(`/images/${name}`, origin);
  const sent = request(address, { method: "POST", headers: { authorization: `Bearer ${TOKEN}` } });
  const answer = new Promise((resolve, reject) => {
    sent.on("response", resolve).on("error", reject);
  });
  for await (const chunk of tarOf(count)) if (!sent.write(chunk)) await new Promise((go) => sent.once("drain", go));
  sent.end();
  let text = "";
  for await (const chunk of (await answer).setEncoding("utf8")) text += chunk;
  return `${(await answer).statusCode}${(await answer).statusCode === 201 ? "" : ` ${text}`}`;
}

/** The isolate by its inspector. @param {URL} inspector */
async function inspect(inspector) {
  const listed = await new Promise((resolve, reject) =>
    get(`http://${inspector.host}/json`, resolve).on("error", reject),
  );
  let text = "";
  for await (const chunk of listed.setEncoding("utf8")) text += chunk;
  const { webSocketDebuggerUrl } =
    JSON.parse(text).find((/** @type {any} */ { id }) => id.startsWith("core:user")) ?? JSON.parse(text)[0];
  const socket = new WebSocket(webSocketDebuggerUrl);
  await new Promise((open, fail) => socket.once("open", open).once("error", fail));
  const waiting = new Map();
  socket.on("message", (data) => {
    const { id, result } = JSON.parse(String(data));
    waiting.get(id)?.(result);
  });
  let calls = 0;
  const call = (/** @type {string} */ method) =>
    new Promise((resolve) => {
      waiting.set(++calls, resolve);
      socket.send(JSON.stringify({ id: calls, method }));
    });
  return {
    async used() {
      const { usedSize, backingStorageSize = 0 } = await call("Runtime.getHeapUsage");
      return [usedSize, backingStorageSize];
    },
    close: () => socket.close(),
  };
}

function workerd() {
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (status.startsWith("Name:\tworkerd\n") && status.includes(`\nPPid:\t${process.pid}\n`)) return pid;
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error("workerd is not among the children");
}

/** @param {string} pid @param {string} field @returns {number} bytes */
const statusOf = (pid, field) =>
  1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

/** Prints a row. @param {number} entries @param {number} builds */
export async function workerEntries(entries, builds) {
  const directory = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const contents = await bundleWorker(join(import.meta.dirname, "../../demo/worker/worker.ts"));
  const miniflare = new Miniflare({
    modules: [{ type: "ESModule", path: "worker.mjs", contents }],
    compatibilityDate: "2026-04-01",
    host: "127.0.0.1",
    cf: false,
    inspectorPort: 0,
    r2Buckets: ["BUCKET"],
    r2Persist: directory,
    bindings: { WRITE_TOKEN: TOKEN },
  });
  try {
    const origin = await miniflare.ready;
    // What an export needs has been loaded when the idle process is measured.
    await post(origin, "demo/warm:1", 2000);
    const isolate = await inspect(await miniflare.getInspectorURL());
    const pid = workerd();
    const idle = await isolate.used();
    const resident = statusOf(pid, "VmRSS");
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
    /** @type {number[]} */
    const looks = [];
    let isOver = false;
    const look = async () => {
      while (!isOver) {
        const [heap = 0, buffers = 0] = await isolate.used();
        looks.push(heap - (idle[0] ?? 0) + buffers - (idle[1] ?? 0));
        await new Promise((go) => setTimeout(go, EVERY));
      }
    };
    const looking = look();
    const started = performance.now();
    const numbers = Array.from({ length: builds }, (_, number) => number);
    const answers = await Promise.all(numbers.map((number) => post(origin, `demo/entries:${number}`, entries)));
    const seconds = (performance.now() - started) / 1000;
    isOver = true;
    await Promise.race([looking, new Promise((go) => setTimeout(go, 2000))]);
    isolate.close();
    const most = Math.max(...looks);
    const grown = ((statusOf(pid, "VmHWM") - resident) / MEBIBYTE).toFixed(0);
    say(
      `| ${builds} × ${entries} | ${answers} | ${(most / MEBIBYTE).toFixed(1)} | ${looks.length} | ${grown} | ${seconds.toFixed(1)} |`,
    );
  } finally {
    await miniflare.dispose();
    rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const [entries = 100_000, builds = 2] = process.argv.slice(2).map(Number);
  say(
    "| builds | answers | heap + array buffers above idle, garbage included, MiB | looks | RSS above idle, MiB | seconds |",
  );
  say("|---|---|---|---|---|---|");
  await workerEntries(entries, builds);
}
