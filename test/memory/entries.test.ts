import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const script = join(import.meta.dirname, "../bench/entries-case.js");

/** What a case takes above what the process had, without the contents that a memory store has to hold. Needs `npm run build`. */
function bytesOf(name: string, entries: number): number {
  const printed = execFileSync(process.execPath, ["--expose-gc", script, name, String(entries)], { encoding: "utf8" });
  const { bytes, held } = JSON.parse(printed) as { readonly bytes: number; readonly held: number };
  return bytes - held;
}

/** For each entry; and besides, however many there are, for blocks that are compressed just when the memory is looked at. */
const EACH = 300;
const FIXED = 16_000_000;

/** How many blocks are under way when the memory is looked at is a matter of chance, which only ever adds: the least of some runs counts. */
const RUNS = 3;

it.each([
  ["memory, tar", 40_000],
  ["memory, files", 40_000],
  ["base layer", 100_000],
])(
  "%s: entries take no more than 300 bytes each and 16 MB besides",
  (name, entries) => {
    const limit = EACH * entries + FIXED;
    let least = Number.POSITIVE_INFINITY;
    for (let run = 0; run < RUNS && least >= limit; run++) least = Math.min(least, bytesOf(name, entries));
    expect(least).toBeLessThan(limit);
  },
  120_000,
);
