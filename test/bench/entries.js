// node test/bench/entries.js [ENTRIES] [CASE]…: the memory that an entry takes while files are added, committed and exported, and a base
// layer is applied, above what the process has before, and without the contents that a memory store has to hold. Two runs of each case:
// in one the garbage is collected before each look, so that what is counted is needed (heapUsed + arrayBuffers); the other is left alone,
// for its resident set and its time. Linux only.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { say } from "./report.js";

const CASES = [
  "memory, tar",
  "memory, files",
  "memory, directory",
  "directory store, tar",
  "directory store, packed tar",
  "directory store, directory by reference",
  "directory store, tree read again",
  "base layer",
];

/**
 * @param {string} name
 * @param {number} entries
 * @param {string[]} flags
 * @returns {{ readonly bytes: number, readonly held: number, readonly seconds: number }}
 */
function run(name, entries, flags) {
  const script = join(import.meta.dirname, "entries-case.js");
  return JSON.parse(execFileSync(process.execPath, [...flags, script, name, String(entries)], { encoding: "utf8" }));
}

/** Prints a table. @param {number} entries @param {readonly string[]} names */
export function entryMemory(entries = 100_000, names = CASES) {
  say(`\n## Memory for each of ${entries} entries, without contents\n`);
  say("| store, source | heapUsed + arrayBuffers, bytes | RSS, bytes | seconds |");
  say("|---|---|---|---|");
  for (const name of names) {
    const count = name === "base layer" ? 4 * entries : entries;
    const exact = run(name, count, ["--expose-gc"]);
    const whole = run(name, count, []);
    const each = ({ bytes, held }) => ((bytes - held) / count).toFixed(0);
    say(
      `| ${name}${count === entries ? "" : `, ${count}`} | ${each(exact)} | ${each(whole)} | ${whole.seconds.toFixed(1)} |`,
    );
  }
}

if (process.argv[1] === import.meta.filename) {
  const [entries = "100000", ...names] = process.argv.slice(2);
  entryMemory(Number(entries), names.length > 0 ? names : CASES);
}
