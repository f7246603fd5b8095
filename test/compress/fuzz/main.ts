import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { DeflateLevel } from "../../../src/compress/deflate/index.ts";
import type { Random } from "../support/recipes.ts";
import { type FuzzTotals, fuzz } from "./run.ts";

const ALL_LEVELS: readonly DeflateLevel[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** Every so many minutes it tells what was done so far. */
const TELL = 5;

/**
 * The command: fuzzes for some time and tells what was done.
 * @returns the exit status: 0 only if nothing went wrong
 */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "1" },
      seed: { type: "string", default: "1" },
      first: { type: "string", default: "0" },
      count: { type: "string", default: "Infinity" },
      level: { type: "string", multiple: true },
      most: { type: "string", default: "600000" },
      tree: { type: "string", default: "node_modules" },
    },
  });
  const seed = Number(values.seed);
  const files = filesOf(values.tree);
  const start = Date.now();
  const minutes = (): number => (Date.now() - start) / 60_000;
  let told = 0;
  const { totals, failure } = await fuzz({
    seed,
    first: Number(values.first),
    levels:
      values.level === undefined ? ALL_LEVELS : ALL_LEVELS.filter((level) => values.level?.includes(String(level))),
    most: Number(values.most),
    realPiece: (random, most) => pieceOf(random, files, most),
    more(done, totals) {
      if (minutes() >= told + TELL) {
        told += TELL;
        say(`${table(totals)}\n${told} min: ${done} inputs\n`);
      }
      return done < Number(values.count) && minutes() < Number(values.minutes);
    },
  });
  say(table(totals));
  if (failure === undefined) return 0;
  say(`case ${failure.number} failed at level ${failure.level}: ${failure.what}`);
  say(`again: node test/compress/fuzz/main.js --seed ${seed} --first ${failure.number} --count 1`);
  return 1;
}

/** Files of a tree, in an order that does not depend on the file system. */
function filesOf(tree: string): readonly string[] {
  return readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function pieceOf(random: Random, files: readonly string[], most: number): Uint8Array | undefined {
  const path = files[random.below(files.length)];
  if (path === undefined) return undefined;
  const { size } = statSync(path);
  const from = random.below(3) === 0 ? random.below(size + 1) : 0;
  const piece = new Uint8Array(Math.min(size - from, 1 + random.below(most)));
  const file = openSync(path, "r");
  try {
    readSync(file, piece, 0, piece.byteLength, from);
  } finally {
    closeSync(file);
  }
  return piece;
}

function table(totals: ReadonlyMap<DeflateLevel, FuzzTotals>): string {
  const lines = [
    "| level | inputs | MB | deflated to | stored | fixed | dynamic | literals | matches |",
    `|${"---|".repeat(9)}`,
  ];
  for (const [level, sum] of [...totals].sort(([a], [b]) => a - b)) {
    const { inputs, size, deflated, stored, fixed, dynamic, literals, matches } = sum;
    const share = `${((100 * deflated) / size).toFixed(1)} %`;
    lines.push(
      `| ${[level, inputs, (size / 1e6).toFixed(0), share, stored, fixed, dynamic, literals, matches].join(" | ")} |`,
    );
  }
  return lines.join("\n");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
