// The goals of performance, and what a run says of each.
import { availableParallelism } from "node:os";
import { tableOf } from "./report.js";

const cores = availableParallelism() === 1 ? "1 core" : `${availableParallelism()} cores`;

/** In the order of the table. */
const GOALS = /** @type {const} */ ({
  zlib: "gzip 6, one thread, against Node's zlib 6: 1.5 × as fast, size within +1 %",
  fflate: "gzip 6, one thread, against fflate 6: 2.5 × as fast, and smaller",
  pigz: "gzip 6, two threads, against `pigz -6 -p2`: 1.4 × as fast, size within +1.5 %",
  incompressible: "incompressible input, one thread, against Node's zlib 6: 4 × as fast",
  sha256: "SHA-256 in plain TypeScript against hash-wasm: faster",
  chromiumGzip: "gzip 6 in Chromium, one thread, against its `CompressionStream`: 1.7 × as fast, size within +1 %",
  tarGzip: `whole export, ${cores}, against \`tar \\| gzip -6\` and twice \`sha256sum\`: 2.5 × as fast`,
  builders: `whole export, ${cores}, against buildah and \`docker build\`: 2.5 × as fast`,
  umoci: "whole export at the level whose size is nearest to `umoci insert`: as fast",
  chromiumExport: "the same export in Chromium, against Node: at least 0.7 of its speed",
  unchanged: "export again, nothing changed: under 5 % of the first",
  changed: "export again, 1 file of 10,000 changed: under 15 % of the first",
  diff: "diff of two trees: grows with what differs, not with what is there",
  memory: "memory above idle, two workers, layer of 2 GiB: under 128 MB",
});

/** @typedef {keyof typeof GOALS} GoalID */

/**
 * @typedef {object} Verdict
 * @property {GoalID} id
 * @property {string} input what it was measured on, with its size
 * @property {string} ours with its unit
 * @property {string} peer its name and figure
 * @property {string} ratio ours beside the peer's, in speed and where it counts in size
 * @property {boolean} met
 */

/** @type {Map<GoalID, string[][]>} */
const rows = new Map();

/**
 * @param {GoalID} id
 * @param {string[]} cells
 */
function add(id, cells) {
  const known = rows.get(id) ?? [];
  rows.set(id, known);
  known.push(cells);
}

/** @param {Verdict} verdict */
export function judge({ id, input, ours, peer, ratio, met }) {
  add(id, [input, ours, peer, ratio, met ? "met" : "**not met**"]);
}

/**
 * For what this machine lacks.
 * @param {GoalID} id
 * @param {string} peer
 * @param {string} why
 */
export function leaveOut(id, peer, why) {
  add(id, ["", "", peer, "", `not measured: ${why}`]);
}

/**
 * Judges speeds on the same input in the same rounds.
 * @param {object} comparison
 * @param {GoalID} comparison.id
 * @param {string} comparison.input
 * @param {{ figure: string, size?: number | undefined }} comparison.ours
 * @param {{ name: string, figure: string, size?: number | undefined }} comparison.peer
 * @param {number} comparison.times how many times as fast as the peer
 * @param {number} comparison.atLeast
 * @param {number} [comparison.sizeAtMost] of the peer's
 */
export function judgeSpeed({ id, input, ours, peer, times, atLeast, sizeAtMost }) {
  let ratio = `${times.toFixed(2)} ×`;
  let met = times >= atLeast;
  if (ours.size !== undefined && peer.size !== undefined) {
    const size = ours.size / peer.size;
    ratio += `, size ${percentMore(size)}`;
    met &&= size <= (sizeAtMost ?? Number.POSITIVE_INFINITY);
  }
  judge({ id, input, ours: ours.figure, peer: `${peer.name}: ${peer.figure}`, ratio, met });
}

/** @param {number} ratio */
export const percentMore = (ratio) => `${ratio >= 1 ? "+" : "−"}${Math.abs((ratio - 1) * 100).toFixed(1)} %`;

/** Goals that were looked at, as a table of Markdown; undefined if there are none. */
export function goalTable() {
  const all = /** @type {GoalID[]} */ (Object.keys(GOALS)).flatMap((id) =>
    (rows.get(id) ?? []).map((cells, at) => [at === 0 ? GOALS[id] : "″", ...cells]),
  );
  if (all.length === 0) return undefined;
  return tableOf(["goal", "input", "Slipway", "peer", "Slipway beside the peer", "met?"], all);
}
