// Compressors on the same bytes: those of this process in memory, on one part after the other in turn, others as programs on the file.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync as zlibGzip } from "node:zlib";
import { gzipSync as fflateGzip } from "fflate";
import { gzip } from "slipway/compress";
import { createCompressPool } from "slipway/node";
import { judgeSpeed, leaveOut, percentMore } from "./goals.js";
import { has, optionalPackage } from "./machine.js";
import { interleave, interleaveParts, MB, median, run, speedup, timed } from "./measure.js";
import { heading, progress, say, table } from "./report.js";

/** @typedef {import("./set/index.js").TreeName} TreeName */

const LEVEL = 6;
const CHUNK = 64 * 1024;
/** What is done in this process is done in turn for parts of so many bytes, since the machine's own speed changes within a second. */
const PART = 4 * 1024 * 1024;

/** @type {readonly TreeName[]} */
const INPUTS = ["node_modules", "rootfs", "small files", "incompressible"];

const OURS = "Slipway";
const OURS_TWO = "Slipway, two workers";
const ZLIB = "Node's zlib";
const FFLATE = "fflate";
const PIGZ_TWO = "pigz -p2";

/**
 * As layers flow.
 * @param {Uint8Array} bytes
 */
function* chunksOf(bytes) {
  for (let at = 0; at < bytes.byteLength; at += CHUNK) yield bytes.subarray(at, at + CHUNK);
}

/**
 * @param {Uint8Array} bytes
 * @param {import("slipway/compress").GzipOptions} [options]
 * @returns {Promise<number>} bytes of output
 */
async function slipwaySize(bytes, options) {
  let size = 0;
  for await (const chunk of gzip(chunksOf(bytes), options)) size += chunk.byteLength;
  return size;
}

/**
 * As fast as zlib's stream in chunks of 1 MiB, and faster than with its usual small chunks of output.
 * @param {Uint8Array} bytes
 */
const zlibSize = (bytes) => zlibGzip(bytes, { level: LEVEL, chunkSize: 1024 * 1024 }).byteLength;

/**
 * @param {string} shell
 * @param {string} output
 */
async function program(shell, output) {
  const result = await run("sh", ["-c", `${shell} >'${output}'`]);
  return { ...result, size: statSync(output).size };
}

/**
 * What compresses in this thread.
 * @returns {Map<string, (bytes: Uint8Array) => number | Promise<number>>} each gives the bytes of its output
 */
function enginesInThread() {
  /** @type {Map<string, (bytes: Uint8Array) => number | Promise<number>>} */
  const all = new Map();
  all.set(OURS, (bytes) => slipwaySize(bytes, { level: LEVEL }));
  all.set(ZLIB, zlibSize);
  all.set(FFLATE, (bytes) => fflateGzip(bytes, { level: LEVEL }).byteLength);
  const pako = optionalPackage("pako");
  if (pako !== undefined) all.set("pako", (bytes) => pako.gzip(bytes, { level: LEVEL }).byteLength);
  return all;
}

/**
 * What has threads, or is a program.
 * @param {{ bytes: Uint8Array, path: string }} input
 * @param {string} output
 * @param {import("slipway/compress").CompressPool} pool
 */
function otherContestants({ bytes, path }, output, pool) {
  /** @type {import("./measure.js").Contestant[]} */
  const all = [{ name: OURS_TWO, run: () => timed(() => slipwaySize(bytes, { level: LEVEL, pool })) }];
  for (const [name, tool, command] of [
    [PIGZ_TWO, "pigz", `pigz -${LEVEL} -p2 -c`],
    ["pigz -p1", "pigz", `pigz -${LEVEL} -p1 -c`],
    ["GNU gzip", "gzip", `gzip -${LEVEL} -c`],
    ["libdeflate-gzip", "libdeflate-gzip", `libdeflate-gzip -${LEVEL} -c`],
  ]) {
    if (has(tool ?? "")) all.push({ name: name ?? "", run: () => program(`${command} '${path}'`, output) });
  }
  return all;
}

/**
 * What compressed an input in this thread.
 * @typedef {{ name: TreeName, firsts: Map<string, import("./measure.js").Result>, results: Map<string, import("./measure.js").Result> }} InThread
 */

/** @param {import("./main.js").Bench} bench */
export async function benchGzip({ set, rounds }) {
  /** @type {InThread[]} */
  const measured = [];
  // Before any memory is moved to a worker: from then on V8 looks at each access whether an array still has its memory, which
  // takes our engine, and others in JavaScript, some 15 % longer.
  for (const name of INPUTS) {
    const missing = set.missing(name);
    if (missing === undefined) measured.push(await benchInThread(name, set.readSample(name).bytes, rounds));
    else say(`\n${name} is left out: ${missing}`);
  }
  await benchLevels(set.readSample("node_modules"), rounds);
  const directory = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const pool = createCompressPool({
    workers: 2,
    // Other contestants take long between their turns.
    idleTime: 600_000,
    onWarning: (message) => {
      throw new Error(message);
    },
  });
  try {
    for (const inThread of measured) {
      const input = set.readSample(inThread.name);
      const others = otherContestants(input, join(directory, "output"), pool);
      await interleave(others.slice(0, 1), 1);
      const results = await interleave(others, rounds, (text) => progress(`gzip of ${inThread.name}, ${text}`));
      report(input, inThread, results, rounds);
    }
  } finally {
    await pool.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * @param {TreeName} name
 * @param {Uint8Array} bytes
 * @param {number} rounds
 * @returns {Promise<InThread>}
 */
async function benchInThread(name, bytes, rounds) {
  const engines = enginesInThread();
  // The whole input once: what engines compile while it runs is compiled then, as in anything that goes on for some seconds.
  const firsts = await interleave(
    [...engines].map(([title, compress]) => ({ name: title, run: () => timed(() => compress(bytes)) })),
    1,
    (text) => progress(`gzip of ${name}, first ${text}`),
  );
  const results = await interleaveParts(engines, bytes, PART, rounds, (text) => progress(`gzip of ${name}, ${text}`));
  for (const [title, result] of results) result.size = firsts.get(title)?.size ?? Number.NaN;
  return { name, firsts, results };
}

/**
 * @param {{ bytes: Uint8Array, label: string }} input
 * @param {InThread} inThread
 * @param {Map<string, import("./measure.js").Result>} others
 * @param {number} rounds
 */
function report({ bytes, label }, { name, firsts, results: inThread }, others, rounds) {
  const size = bytes.byteLength;
  const results = new Map([...inThread, ...others]);
  heading(`gzip ${LEVEL} of ${label}, median of ${rounds}`);
  const speed = (/** @type {number[]} */ seconds) => `${(size / MB / median(seconds)).toFixed(1)} MB/s`;
  const baseline = results.get(ZLIB)?.size ?? Number.NaN;
  const ours = /** @type {import("./measure.js").Result} */ (results.get(OURS));
  table(
    [
      "",
      "MB/s",
      "MB/s the first time",
      "output of the input",
      "size beside zlib 6",
      "time beside Slipway, one thread",
      "processor time beside it",
    ],
    [...results].map(([title, result]) => [
      title,
      (size / MB / median(result.seconds)).toFixed(1),
      firsts.has(title) ? (size / MB / median(firsts.get(title)?.seconds ?? [])).toFixed(1) : "",
      (result.size / size).toFixed(4),
      percentMore(result.size / baseline),
      `${speedup(ours.seconds, result.seconds).toFixed(2)} ×`,
      `${speedup(ours.cpu, result.cpu).toFixed(2)} ×`,
    ]),
  );
  /**
   * @param {import("./goals.js").GoalID} id
   * @param {string} own
   * @param {string} other
   * @param {number} atLeast
   * @param {number} sizeAtMost
   */
  const compare = (id, own, other, atLeast, sizeAtMost) => {
    const mine = results.get(own);
    const peer = results.get(other);
    if (mine === undefined || peer === undefined) return leaveOut(id, other, "not installed");
    judgeSpeed({
      id,
      input: label,
      ours: { figure: speed(mine.seconds), size: mine.size },
      peer: { name: other, figure: speed(peer.seconds), size: peer.size },
      times: speedup(mine.seconds, peer.seconds),
      atLeast,
      sizeAtMost,
    });
  };
  if (name === "incompressible") {
    compare("incompressible", OURS, ZLIB, 4, 1.01);
  } else {
    compare("zlib", OURS, ZLIB, 1.5, 1.01);
    compare("fflate", OURS, FFLATE, 2.5, 1);
    compare("pigz", OURS_TWO, PIGZ_TWO, 1.4, 1.015);
  }
}

/**
 * What each level costs and gives.
 * @param {{ bytes: Uint8Array, label: string }} input
 * @param {number} rounds
 */
async function benchLevels({ bytes, label }, rounds) {
  const some = Math.min(rounds, 3);
  heading(`Levels, one thread, ${label}, median of ${some}`);
  /** @type {Map<string, (bytes: Uint8Array) => number | Promise<number>>} */
  const engines = new Map([["Node's zlib 6", zlibSize]]);
  for (let level = 1; level <= 9; level++) engines.set(`Slipway ${level}`, (part) => slipwaySize(part, { level }));
  for (const compress of engines.values()) await compress(bytes.subarray(0, bytes.byteLength / 2));
  const results = await interleaveParts(engines, bytes, PART, some, (text) => progress(`levels, ${text}`));
  const zlib = /** @type {import("./measure.js").Result} */ (results.get("Node's zlib 6"));
  table(
    ["level", "MB/s", "speed beside zlib 6", "size beside zlib 6"],
    [...results].map(([name, result]) => [
      name,
      (bytes.byteLength / MB / median(result.seconds)).toFixed(1),
      `${speedup(result.seconds, zlib.seconds).toFixed(2)} ×`,
      percentMore(result.size / zlib.size),
    ]),
  );
}
