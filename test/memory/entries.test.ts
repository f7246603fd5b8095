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

/** For each entry, and for blocks that are compressed, however many entries there are. */
const EACH = 300;
const FIXED = 10_000_000;

it.each([
  ["memory, tar", 40_000],
  ["memory, files", 40_000],
  ["base layer", 100_000],
])(
  "%s: an entry takes no more than 300 bytes",
  (name, entries) => {
    expect(bytesOf(name, entries)).toBeLessThan(EACH * entries + FIXED);
  },
  60_000,
);
