// How the time of a diff grows with the number of entries, and with the number of those that differ.
import { createMemoryContentStore, writeBlob } from "slipway/content";
import { compareTrees, createDiffer } from "slipway/diff";
import { createSnapshotter } from "slipway/snapshots";
import { judge } from "./goals.js";
import { median } from "./measure.js";
import { heading, progress, table } from "./report.js";

/** Entries of each directory. */
const FANOUT = 10;

const DIFFERING = [1, 100];

/** A measurement takes at least so many milliseconds, if need be by doing the same again. */
const LEAST = 50;

/** @typedef {import("slipway/snapshots").Tree} Tree */

/**
 * The path of a file in directories of ten entries each.
 * @param {number} at
 * @param {number} digits
 */
const pathOf = (at, digits) => `/${[...String(at).padStart(digits, "0")].join("/")}`;

/** @param {import("./main.js").Bench} bench */
export async function benchDiff({ rounds, quick }) {
  const sizes = quick ? [1_000, 10_000] : [1_000, 10_000, 100_000, 1_000_000];
  heading(`Diff of two trees of n files, of which k differ, ten entries in each directory, median of ${rounds}`);
  const rows = [];
  /** @type {Map<string, number>} milliseconds of making the layer by `n k` */
  const layers = new Map();
  for (const n of sizes) {
    progress(`diff, ${n.toLocaleString("en")} entries`);
    const { content, lower, uppers } = await makeTrees(n);
    const differ = createDiffer({ content });
    for (const [k, upper] of uppers) {
      let changes = 0;
      const compare = await millisecondsOf(rounds, () => {
        changes = 0;
        for (const _ of compareTrees(lower, upper)) changes++;
      });
      const layer = await millisecondsOf(rounds, async () => {
        const { descriptor } = await differ.compare(lower, upper);
        await content.delete(descriptor.digest);
      });
      layers.set(`${n} ${k}`, layer);
      rows.push([n.toLocaleString("en"), String(k), String(changes), compare.toFixed(3), layer.toFixed(3)]);
    }
  }
  table(["n", "k", "changes told", "comparing, ms", "comparing and making the layer, ms"], rows);
  const least = sizes[0] ?? 0;
  const most = sizes.at(-1) ?? 0;
  for (const k of DIFFERING) {
    const few = layers.get(`${least} ${k}`) ?? Number.NaN;
    const many = layers.get(`${most} ${k}`) ?? Number.NaN;
    judge({
      id: "diff",
      input: `${k} of ${most.toLocaleString("en")} entries differ`,
      ours: `${many.toFixed(2)} ms`,
      peer: `${k} of ${least.toLocaleString("en")}: ${few.toFixed(2)} ms`,
      ratio: `${(many / few).toFixed(1)} × the time, ${(most / least).toLocaleString("en")} × the entries`,
      // The way to a file is longer in a deeper tree; ten times as long is no way to grow with the number of entries.
      met: many / few < 10,
    });
  }
}

/**
 * @param {number} n
 * @returns {Promise<{ content: import("slipway/content").ContentStore, lower: Tree, uppers: Map<number, Tree> }>} uppers by k
 */
async function makeTrees(n) {
  const content = createMemoryContentStore();
  const snapshots = createSnapshotter({ content });
  const [before, after] = await Promise.all(
    ["before\n", "after it\n"].map(async (text) => {
      const { digest, size } = await writeBlob(content, [new TextEncoder().encode(text)]);
      return { digest, size };
    }),
  );
  if (before === undefined || after === undefined) throw new Error("contents are missing");
  const digits = String(n - 1).length;
  const base = await snapshots.prepare("base");
  for (let at = 0; at < n; at++) {
    const path = pathOf(at, digits);
    if (at % FANOUT === 0) await base.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await base.writeFile(path, before);
  }
  const lower = await base.tree();
  await snapshots.commit("lower", "base");
  /** @type {Map<number, Tree>} */
  const uppers = new Map();
  for (const k of DIFFERING) {
    const work = await snapshots.prepare(`work ${k}`, "lower");
    for (let i = 0; i < k; i++) await work.writeFile(pathOf(Math.floor(((i + 0.5) * n) / k), digits), after);
    uppers.set(k, await work.tree());
  }
  return { content, lower, uppers };
}

/**
 * @param {number} rounds
 * @param {() => void | Promise<void>} work
 */
async function millisecondsOf(rounds, work) {
  const found = [];
  for (let round = 0; round <= rounds; round++) {
    const start = performance.now();
    let count = 0;
    for (; count === 0 || performance.now() - start < LEAST; count++) await work();
    // The first round compiles.
    if (round > 0) found.push((performance.now() - start) / count);
  }
  return median(found);
}
