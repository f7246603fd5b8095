// What a run prints: Markdown on stdout, kept for a file too, and on stderr what is being done.
import { writeFileSync } from "node:fs";

/** @type {string[]} */
const printed = [];

/**
 * Prints Markdown.
 * @param {string} text
 */
export function say(text) {
  printed.push(text);
  process.stdout.write(`${text}\n`);
}

/** @param {string} title */
export const heading = (title) => say(`\n## ${title}\n`);

/**
 * Prints a table.
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
export function table(head, rows) {
  say(tableOf(head, rows));
}

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
export function tableOf(head, rows) {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

const start = performance.now();

/** Seconds since the start of this run. */
export const elapsed = () => (performance.now() - start) / 1000;

/**
 * Tells what runs, on stderr.
 * @param {string} text
 */
export function progress(text) {
  process.stderr.write(`[${elapsed().toFixed(0).padStart(4)} s] ${text}\n`);
}

/**
 * Writes what was printed into a file.
 * @param {string} path
 * @param {string} [first] what comes before all else
 */
export function writeMarkdown(path, first = "") {
  writeFileSync(path, `${[first, ...printed].join("\n").trim()}\n`);
}
