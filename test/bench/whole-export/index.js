// Whole exports of one tree by several tools, in turn.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { judgeSpeed, leaveOut, percentMore } from "../goals.js";
import { interleave, MB, median, speedup } from "../measure.js";
import { heading, progress, say, table } from "../report.js";
import { inputOf } from "../set/index.js";
import { buildah, slipway, tarPipe, umoci } from "./contestants.js";
import { docker } from "./docker.js";
import { profileOf } from "./profile.js";

/** @typedef {import("./contestants.js").Tool} Tool */

const OURS = "slipway build, level 6";
const TAR_GZIP = "`tar \\| gzip -6`, 2 × `sha256sum`";
const TAR_PIGZ = "`tar \\| pigz -6 -p2`, 2 × `sha256sum`";

/** @param {import("../main.js").Bench} bench */
export async function benchExport({ set, cli, rounds, tree: given, profile }) {
  const tree = given === undefined ? set.tree("node_modules") : inputOf("the given tree", given);
  const work = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  /** @type {Tool[]} */
  const tools = [];
  try {
    heading(`Whole export of ${tree.label}, median of ${rounds}`);
    const place = { cli, tree: tree.path, work };
    tools.push(slipway({ ...place, name: OURS }));
    tools.push(tarPipe({ ...place, name: TAR_GZIP, compress: "gzip -6" }));
    tools.push(tarPipe({ ...place, name: TAR_PIGZ, compress: "pigz -6 -p2" }));
    const inserting = umoci(place);
    tools.push(inserting);
    const level = inserting.missing === undefined ? await nearestLevel(inserting, place) : undefined;
    const nearest = level === undefined || level === 6 ? OURS : `slipway build, level ${level}`;
    if (level !== undefined && nearest !== OURS) tools.push(slipway({ ...place, name: nearest, level }));
    tools.push(buildah(place));
    tools.push(...(await docker(place)));
    for (const { name, missing } of tools) if (missing !== undefined) say(`${name} is left out: no ${missing}\n`);

    const present = tools.filter(({ missing }) => missing === undefined);
    const results = await interleave(present, rounds, (text) => progress(`export, ${text}`));
    const ours = /** @type {import("../measure.js").Result} */ (results.get(OURS));
    table(
      [
        "",
        "seconds",
        "MB/s of input",
        "output MB",
        "output of the input",
        "processor seconds",
        "peak memory MB",
        "time beside Slipway",
      ],
      [...results].map(([name, result]) => [
        name,
        median(result.seconds).toFixed(2),
        (tree.bytes / MB / median(result.seconds)).toFixed(1),
        (result.size / MB).toFixed(1),
        (result.size / tree.bytes).toFixed(4),
        inDaemon(name, median(result.cpu).toFixed(2)),
        inDaemon(name, (result.peak / MB).toFixed(0)),
        `${speedup(ours.seconds, result.seconds).toFixed(2)} ×`,
      ]),
    );
    const speed = (/** @type {number[]} */ seconds) => `${(tree.bytes / MB / median(seconds)).toFixed(1)} MB/s`;
    /**
     * @param {import("../goals.js").GoalID} id
     * @param {string} peer
     * @param {number} atLeast
     * @param {string} [own]
     */
    const compare = (id, peer, atLeast, own = OURS) => {
      const mine = results.get(own) ?? ours;
      const other = results.get(peer);
      if (other === undefined) {
        return leaveOut(id, peer, `no ${tools.find(({ name }) => name === peer)?.missing} on this machine`);
      }
      judgeSpeed({
        id,
        input: own === OURS ? tree.label : `${tree.label}, ${own.replace("slipway build, ", "")}`,
        ours: { figure: speed(mine.seconds), size: mine.size },
        // A size without compression says nothing.
        peer: { name: peer, figure: speed(other.seconds), size: other.size < tree.bytes ? other.size : undefined },
        times: speedup(mine.seconds, other.seconds),
        atLeast,
      });
    };
    compare("tarGzip", TAR_GZIP, 2.5);
    for (const { name } of tools.slice(tools.findIndex((tool) => tool.name.startsWith("buildah")))) {
      compare("builders", name, 2.5);
    }
    compare("umoci", inserting.name, 1, nearest);
    if (profile) await printProfile(place);
  } finally {
    for (const { close } of tools) await close?.();
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * A figure that does not tell what a client's daemon takes.
 * @param {string} name
 * @param {string} figure
 */
const inDaemon = (name, figure) => (name.startsWith("docker") ? "in the daemon" : figure);

/**
 * The level whose output is nearest in size to that of a tool.
 * @param {Tool} tool
 * @param {{ cli: string, tree: string, work: string }} place
 */
async function nearestLevel(tool, place) {
  const wanted = (await tool.run()).size ?? Number.NaN;
  let best = { level: 6, distance: Number.POSITIVE_INFINITY };
  const told = [];
  for (let level = 6; level >= 1; level--) {
    const size = (await slipway({ ...place, name: "", level }).run()).size ?? Number.NaN;
    const distance = Math.abs(size - wanted);
    told.push(`${level} ${percentMore(size / wanted)}`);
    if (distance < best.distance) best = { level, distance };
    // Lower levels are larger still.
    if (size > wanted && level < 6) break;
  }
  say(`Sizes by level, beside ${tool.name}: ${told.join(", ")}. The nearest is level ${best.level}.\n`);
  return best.level;
}

/** @param {{ cli: string, tree: string, work: string }} place */
async function printProfile(place) {
  progress("export, with the profiler of V8");
  const directory = join(place.work, "profiles");
  await slipway({ ...place, name: "", nodeArgs: ["--cpu-prof", `--cpu-prof-dir=${directory}`] }).run();
  for (const file of readdirSync(directory).sort()) {
    const { milliseconds, rows } = profileOf(JSON.parse(readFileSync(join(directory, file), "utf8")));
    say(`\nWhere a thread spent its ${(milliseconds / 1000).toFixed(1)} s at work:\n`);
    table(["function", "share"], rows);
  }
}
