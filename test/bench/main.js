// Measures Slipway beside other tools on the same inputs, in turn, in the same run, and says which goals are met. Nothing is asserted.
//   npm run bench [-- [--rounds N] [--quick] [--profile] [--markdown FILE] [--tree DIR] [PART]…]
// PART: gzip, hash, chromium, export, again, diff, memory, which make the table of goals and are the default; chain, engines, worker,
// registry; `all` for all of them. --quick: one round on small inputs, to see that it works; the figures mean nothing then.
// --profile: also where an export's time goes. --tree: what is exported, default the node_modules of the set (see set/).
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { benchAgain } from "./again.js";
import { benchChain } from "./chain.js";
import { benchChromium } from "./chromium.js";
import { benchDiff } from "./diff.js";
import { benchEngines } from "./engines.js";
import { goalTable } from "./goals.js";
import { benchGzip } from "./gzip.js";
import { benchHash } from "./hash.js";
import { describeMachine } from "./machine.js";
import { benchMemory } from "./memory.js";
import { benchRegistry } from "./registry.js";
import { elapsed, heading, progress, say, writeMarkdown } from "./report.js";
import { BenchSet } from "./set/index.js";
import { benchExport } from "./whole-export/index.js";

/**
 * What a part is given.
 * @typedef {object} Bench
 * @property {BenchSet} set
 * @property {string} cli path of the command line
 * @property {number} rounds
 * @property {boolean} quick
 * @property {boolean} profile
 * @property {string | undefined} tree
 * @property {boolean} named whether somebody asked for this part, so that it may look further than the goals
 */

/** @type {Readonly<Record<string, (bench: Bench) => Promise<void>>>} */
const GOAL_PARTS = {
  gzip: benchGzip,
  hash: benchHash,
  chromium: benchChromium,
  export: benchExport,
  again: benchAgain,
  diff: benchDiff,
  memory: benchMemory,
};

/** @type {Readonly<Record<string, (bench: Bench) => Promise<void>>>} */
const OTHER_PARTS = {
  chain: () => benchChain(),
  engines: () => benchEngines(),
  worker: async () => (await import("./worker-memory.js")).workerMemory(),
  registry: ({ rounds }) => benchRegistry(rounds),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tree: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    markdown: { type: "string" },
  },
});
const { quick, profile, tree, markdown } = values;
const rounds = Number(values.rounds ?? (quick ? 1 : 5));
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds takes a whole number from 1 on");

const parts = { ...GOAL_PARTS, ...OTHER_PARTS };
const unknown = positionals.find((name) => name !== "all" && !Object.hasOwn(parts, name));
if (unknown !== undefined) {
  throw new Error(`${unknown} is no part: choose among ${Object.keys(parts).join(", ")}, all`);
}
const wanted = positionals.includes("all") ? Object.keys(parts) : positionals;

const cli = resolve(join(import.meta.dirname, "../../dist/cli/main.js"));
/** @type {Bench} */
const bench = { set: new BenchSet({ quick, cli }), cli, rounds, quick, profile, tree, named: wanted.length > 0 };
const machine = describeMachine();
for (const line of machine) say(line);
for (const [name, run] of Object.entries(wanted.length === 0 ? GOAL_PARTS : parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  progress(name);
  try {
    await run(bench);
  } catch (error) {
    // The figures of the others are worth having all the same.
    process.exitCode = 1;
    say(`\nThe part ${name} failed: ${error instanceof Error ? error.message : error}`);
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  }
}
const goals = goalTable();
if (goals !== undefined) {
  heading("Goals");
  say(goals);
}
say(
  `\nMedians of ${rounds} interleaved rounds; a ratio is the median of the rounds' own ratios. MB are 10^6 bytes. ${elapsed().toFixed(0)} s in all.`,
);
if (markdown !== undefined) writeMarkdown(markdown);
