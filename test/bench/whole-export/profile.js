// What a profile of V8 says, in short.

/**
 * @typedef {object} CpuProfile
 * @property {readonly { id: number, callFrame: { functionName: string, url: string, lineNumber: number } }[]} nodes
 * @property {readonly number[]} samples ids of nodes
 * @property {readonly number[]} timeDeltas microseconds
 */

/** Time that is nobody's work. */
const IDLE = /^\((?:idle|program|root)\)$/;

/**
 * The functions in which a thread itself spent most of its time.
 * @param {CpuProfile} profile
 * @param {number} [count]
 * @returns {{ milliseconds: number, rows: string[][] }} time at work, and names with their shares of it
 */
export function profileOf({ nodes, samples, timeDeltas }, count = 15) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  /** @type {Map<string, number>} */
  const times = new Map();
  let total = 0;
  for (const [at, id] of samples.entries()) {
    const frame = frames.get(id);
    if (frame === undefined || IDLE.test(frame.functionName)) continue;
    const file = frame.url.replace(/^.*\/(?=(?:dist|node_modules)\/)/, "");
    const name = `\`${frame.functionName || "anonymous"}\`${file === "" ? "" : ` ${file}:${frame.lineNumber + 1}`}`;
    const time = timeDeltas[at] ?? 0;
    times.set(name, (times.get(name) ?? 0) + time);
    total += time;
  }
  const rows = [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, time]) => [name, `${((time / total) * 100).toFixed(1)} %`]);
  return { milliseconds: total / 1000, rows };
}
