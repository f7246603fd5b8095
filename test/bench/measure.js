// Runs whole programs and tells what they took: wall-clock seconds and peak resident memory.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * The kernel's own high-water mark of a process and of its children, in bytes. The last reading before the end counts;
 * a peak cannot be missed, since the mark never falls, save for one in the last 20 ms.
 * @param {number} pid
 */
function peakOf(pid) {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    const own = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    const peaks = [Number(own?.[1] ?? 0) * 1024];
    for (const child of children === "" ? [] : children.split(" ")) peaks.push(peakOf(Number(child)));
    return Math.max(...peaks);
  } catch {
    return 0;
  }
}

/** Linux counts the time of processes in hundredths of a second. */
const TICKS = 100;

/** Seconds of processor time of all children that have ended; NaN where there is no /proc. */
function cpuOfChildren() {
  try {
    // The name, in parentheses, may have spaces in it.
    const fields = readFileSync("/proc/self/stat", "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[13]) + Number(fields[14])) / TICKS;
  } catch {
    return Number.NaN;
  }
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: Record<string, string>, cwd?: string }} [options]
 * @returns {Promise<{ seconds: number, cpu: number, peak: number }>} cpu: seconds of all processors together
 */
export async function run(command, args, options = {}) {
  const before = cpuOfChildren();
  const start = process.hrtime.bigint();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors = (errors + text).slice(-2000);
  });
  let peak = 0;
  const timer = setInterval(() => {
    if (child.pid !== undefined) peak = Math.max(peak, peakOf(child.pid));
  }, 20);
  const status = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  clearInterval(timer);
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with status ${status}: ${errors}`);
  return { seconds: Number(process.hrtime.bigint() - start) / 1e9, cpu: cpuOfChildren() - before, peak };
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/**
 * What one run of a contestant gives: seconds on the clock, seconds of processors, and what else is known of it.
 * @typedef {{ seconds: number, cpu?: number, peak?: number, size?: number }} Run
 */

/** @typedef {{ seconds: number[], cpu: number[], peak: number, size: number }} Result all rounds of a contestant; bytes */

/** @typedef {{ name: string, run: () => Promise<Run> }} Contestant */

/**
 * Runs every contestant once per round, so that all of them see the same state of the machine.
 * @param {readonly Contestant[]} contestants
 * @param {number} rounds
 * @param {(text: string) => void} [onProgress]
 * @returns {Promise<Map<string, Result>>}
 */
export async function interleave(contestants, rounds, onProgress = () => undefined) {
  /** @type {Map<string, Result>} */
  const results = new Map(contestants.map(({ name }) => [name, { seconds: [], cpu: [], peak: 0, size: 0 }]));
  for (let round = 1; round <= rounds; round++) {
    const told = [];
    for (const contestant of contestants) {
      const { seconds, cpu = Number.NaN, peak = 0, size } = await contestant.run();
      const result = /** @type {Result} */ (results.get(contestant.name));
      result.seconds.push(seconds);
      result.cpu.push(cpu);
      result.peak = Math.max(result.peak, peak);
      result.size = size ?? result.size;
      told.push(`${contestant.name} ${seconds.toFixed(2)}`);
    }
    onProgress(`round ${round} of ${rounds}: ${told.join(", ")} s`);
  }
  return results;
}

/**
 * Does all of some bytes once per round, one part after the other, each part by all contestants in turn: so that also what changes
 * within seconds is the same for all.
 * @param {ReadonlyMap<string, (part: Uint8Array) => number | Promise<number>>} contestants each gives the size of its output
 * @param {Uint8Array} bytes
 * @param {number} partSize
 * @param {number} rounds
 * @param {(text: string) => void} [onProgress]
 * @returns {Promise<Map<string, Result>>} seconds and sizes of all parts together
 */
export async function interleaveParts(contestants, bytes, partSize, rounds, onProgress = () => undefined) {
  /** @type {Map<string, Result>} */
  const results = new Map([...contestants.keys()].map((name) => [name, { seconds: [], cpu: [], peak: 0, size: 0 }]));
  for (let round = 1; round <= rounds; round++) {
    const sums = new Map([...contestants.keys()].map((name) => [name, { seconds: 0, cpu: 0, size: 0 }]));
    for (let at = 0; at < bytes.byteLength; at += partSize) {
      const part = bytes.subarray(at, at + partSize);
      for (const [name, compress] of contestants) {
        const { seconds, cpu = Number.NaN, size = 0 } = await timed(() => compress(part));
        const sum = /** @type {{ seconds: number, cpu: number, size: number }} */ (sums.get(name));
        sum.seconds += seconds;
        sum.cpu += cpu;
        sum.size += size;
      }
    }
    const told = [];
    for (const [name, { seconds, cpu, size }] of sums) {
      const result = /** @type {Result} */ (results.get(name));
      result.seconds.push(seconds);
      result.cpu.push(cpu);
      result.size = size;
      told.push(`${name} ${seconds.toFixed(2)}`);
    }
    onProgress(`round ${round} of ${rounds}: ${told.join(", ")} s`);
  }
  return results;
}

/**
 * How many times as fast as a peer something was: the median over the rounds of what each round says, since both saw
 * the same machine only within a round.
 * @param {readonly number[]} ours seconds
 * @param {readonly number[]} peers seconds
 */
export const speedup = (ours, peers) => median(ours.map((seconds, round) => (peers[round] ?? Number.NaN) / seconds));

/**
 * Runs work in this process.
 * @param {() => number | Promise<number>} work gives the size of its output in bytes
 * @returns {Promise<Run>}
 */
export async function timed(work) {
  const before = process.cpuUsage();
  const start = performance.now();
  const size = await work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, cpu: (user + system) / 1e6, size };
}

/** Megabytes are 10^6 bytes everywhere. */
export const MB = 1e6;
