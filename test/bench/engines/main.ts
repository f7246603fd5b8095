import { engines } from "../../engines/index.ts";
import type { BenchArgument, Speeds } from "./measure.ts";

const ARGUMENT: BenchArgument = { size: 8 * 1024 * 1024, rounds: 3 };

/** What each column shows; the host's own store is the one that is not memory. */
const COLUMNS: readonly (readonly [title: string, names: RegExp])[] = [
  ["hash", /^hash$/],
  ["`crypto.subtle`", /^subtle$/],
  ["gzip", /^gzip$/],
  ["`CompressionStream`", /^CompressionStream$/],
  ["export, memory", /^export, memory$/],
  ["write / read, memory", /^(?:write|read), memory$/],
  ["own store", /^write, (?!memory)(.*)$/],
  ["export, own store", /^export, (?!memory)/],
  ["write / read, own store", /^(?:write|read), (?!memory)/],
];

/** Prints a table with a line for each engine that is there, as it is measured. @param say prints Markdown */
export async function benchEngines(say: (text: string) => void): Promise<void> {
  const { size, rounds } = ARGUMENT;
  say(`\n## Engines: MB/s of ${(size / 1e6).toFixed(1)} MB of text, noise and zeros, median of ${rounds}\n`);
  say(`| engine | version | ${COLUMNS.map(([title]) => title).join(" | ")} |`);
  say(`|---|---|${COLUMNS.map(() => "---|").join("")}`);
  const left: string[] = [];
  for (const engine of engines) {
    if (engine.missing !== undefined) {
      left.push(`${engine.name} was left out: ${engine.missing} not there`);
      continue;
    }
    const { version, value } = await engine.run(import.meta.dirname, { argument: ARGUMENT });
    const cells = COLUMNS.map(([, names]) => cell(value as Speeds, names));
    say(`| ${engine.name} | ${version} | ${cells.join(" | ")} |`);
  }
  for (const text of left) say(text);
}

/** The speeds of that name, or what the pattern finds in the name. */
function cell(speeds: Speeds, names: RegExp): string {
  const found = Object.entries(speeds).flatMap(([name, speed]) => {
    const match = names.exec(name);
    return match === null ? [] : [match[1] ?? speed.toFixed(speed < 10 ? 1 : 0)];
  });
  return found.length === 0 ? "—" : found.join(" / ");
}
