// Exports of a tree that was exported before: nothing changed, or one file.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { judge } from "./goals.js";
import { median, run } from "./measure.js";
import { heading, progress, say, table } from "./report.js";

/** Milliseconds after which no clock of a filesystem takes a file that was just made for one that may still be written. */
const SETTLING = 3000;

/**
 * Trees, and where their images go. What a build keeps for the next one is there in both cases.
 * @type {readonly { name: import("./set/index.js").TreeName, to: "store" | "archive" }[]}
 */
const CASES = [
  { name: "10,000 files", to: "store" },
  { name: "10,000 files", to: "archive" },
  { name: "small files", to: "store" },
];

/** @param {import("./main.js").Bench} bench */
export async function benchAgain({ set, cli, rounds }) {
  heading(`Export again, median of ${rounds}`);
  const rows = [];
  for (const { name, to } of CASES) {
    const input = set.tree(name);
    const { path: tree, remove } = set.linkedCopy(name);
    try {
      await sleep(SETTLING);
      const withChange = name === "10,000 files";
      const { first, again, changed } = await measure({ cli, tree, to, rounds, withChange, label: `${name}, ${to}` });
      const share = (/** @type {number[]} */ all) => median(all.map((seconds, at) => seconds / (first[at] ?? 1)));
      const cell = (/** @type {number[]} */ all) =>
        all.length === 0 ? "—" : `${median(all).toFixed(2)} (${(share(all) * 100).toFixed(1)} %)`;
      const stat = await run("find", [tree, "-printf", "%s %T@\n"]);
      rows.push([input.label, to, median(first).toFixed(2), cell(again), cell(changed), stat.seconds.toFixed(2)]);
      for (const [id, all, goal] of /** @type {const} */ ([
        ["unchanged", again, 0.05],
        ["changed", changed, 0.15],
      ])) {
        if (all.length === 0) continue;
        judge({
          id,
          input: `${input.label}, into ${to === "store" ? "a store" : "a new archive"}`,
          ours: `${median(all).toFixed(2)} s`,
          peer: `the first export: ${median(first).toFixed(2)} s`,
          ratio: `${(share(all) * 100).toFixed(1)} %`,
          met: share(all) < goal,
        });
      }
    } finally {
      remove();
    }
  }
  table(["tree", "into", "first, s", "nothing changed, s", "one file changed, s", "`find` alone, s"], rows);
  const { seconds } = await run(process.execPath, [cli, "--version"]);
  say(`\nOf each, ${seconds.toFixed(2)} s are the start of the command line.`);
}

/**
 * @param {{ cli: string, tree: string, to: "store" | "archive", rounds: number, withChange: boolean, label: string }} options
 */
async function measure({ cli, tree, to, rounds, withChange, label }) {
  const first = [];
  const again = [];
  const changed = [];
  const kept = `${tree}-kept`;
  const archive = `${tree}.tar`;
  const output = to === "store" ? ["type=image", "--store", join(kept, "store")] : [`type=oci,dest=${archive}`];
  const args = ["build", tree, "-t", "bench:1", "--progress", "plain", "--cache-dir", join(kept, "cache")];
  const build = async () => {
    rmSync(archive, { force: true });
    return (await run(process.execPath, [cli, ...args, "-o", ...output])).seconds;
  };
  for (let round = 1; round <= rounds; round++) {
    rmSync(kept, { recursive: true, force: true });
    mkdirSync(kept);
    first.push(await build());
    again.push(await build());
    if (withChange) {
      changeOneFile(tree, round);
      changed.push(await build());
    }
    const told = [first, again, changed].flatMap((all) => all.at(-1)?.toFixed(2) ?? []);
    progress(`again, ${label}, round ${round} of ${rounds}: ${told.join(", ")} s`);
  }
  return { first, again, changed };
}

/**
 * Another line at the end of one file in the midst of the tree. It is replaced, since it is a hard link to a file of the set.
 * @param {string} tree
 * @param {number} round
 */
function changeOneFile(tree, round) {
  const files = readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".js"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const file = files[files.length >> 1] ?? "";
  writeFileSync(`${file}.new`, Buffer.concat([readFileSync(file), Buffer.from(`// round ${round}\n`)]));
  renameSync(`${file}.new`, file);
}
