// Exports of a tree that was exported before, into the same store: nothing changed, or one file.
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { judge } from "./goals.js";
import { median, run } from "./measure.js";
import { heading, progress, table } from "./report.js";

/** @typedef {import("./set/index.js").Input} Input */

/** Milliseconds after which no clock of a filesystem takes a file that was just made for one that may still be written. */
const SETTLING = 3000;

/** @param {import("./main.js").Bench} bench */
export async function benchAgain({ set, cli, rounds }) {
  heading(`Export again into the same store, median of ${rounds}`);
  const rows = [];
  for (const name of /** @type {const} */ (["10,000 files", "small files"])) {
    const withChange = name === "10,000 files";
    const input = set.tree(name);
    const { path: tree, remove } = set.linkedCopy(name);
    try {
      await sleep(SETTLING);
      const { first, again, changed } = await measure({ cli, tree, work: `${tree}-store`, rounds, withChange, name });
      const share = (/** @type {number[]} */ all) => median(all.map((seconds, at) => seconds / (first[at] ?? 1)));
      const cell = (/** @type {number[]} */ all) =>
        all.length === 0 ? "—" : `${median(all).toFixed(2)} (${(share(all) * 100).toFixed(1)} %)`;
      const stat = await run("find", [tree, "-printf", "%s %T@\\n"]);
      rows.push([input.label, median(first).toFixed(2), cell(again), cell(changed), stat.seconds.toFixed(2)]);
      for (const [id, all, goal] of /** @type {const} */ ([
        ["unchanged", again, 0.05],
        ["changed", changed, 0.15],
      ])) {
        if (all.length === 0) continue;
        judge({
          id,
          input: input.label,
          ours: `${median(all).toFixed(2)} s`,
          peer: `the first export: ${median(first).toFixed(2)} s`,
          ratio: `${(share(all) * 100).toFixed(1)} %`,
          met: share(all) < goal,
        });
      }
    } finally {
      remove();
      rmSync(`${tree}-store`, { recursive: true, force: true });
    }
  }
  const idle = await run(process.execPath, [cli, "--version"]);
  table(["tree", "first, s", "nothing changed, s", "one file changed, s", "`find` looks at each file, s"], rows);
  progress(`the command line alone takes ${idle.seconds.toFixed(2)} s`);
}

/**
 * @param {{ cli: string, tree: string, work: string, rounds: number, withChange: boolean, name: string }} options
 */
async function measure({ cli, tree, work, rounds, withChange, name }) {
  const first = [];
  const again = [];
  const changed = [];
  const args = [cli, "build", tree, "-t", "bench:1", "--progress", "plain", "--store", work, "-o", "type=image"];
  const build = async () => (await run(process.execPath, args)).seconds;
  for (let round = 1; round <= rounds; round++) {
    rmSync(work, { recursive: true, force: true });
    first.push(await build());
    again.push(await build());
    if (withChange) {
      changeOneFile(tree, round);
      changed.push(await build());
    }
    const told = [first, again, changed].flatMap((all) => all.at(-1)?.toFixed(2) ?? []);
    progress(`again, ${name}, round ${round} of ${rounds}: ${told.join(", ")} s`);
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
