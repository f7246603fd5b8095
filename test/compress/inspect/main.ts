import { readFileSync } from "node:fs";
import { type DeflateBlock, readMember } from "../support/deflate-reader.ts";

/** The command: a table for each file, all of which must be as Slipway writes them. */
export function main(paths: readonly string[]): void {
  for (const path of paths) {
    const member = readFileSync(path);
    const { blocks } = readMember(member, { independent: false });
    process.stdout.write(`${path}, ${member.byteLength} bytes\n${table(blocks)}\n`);
  }
}

const COLUMNS = [
  "size",
  "literals",
  "matches",
  "matchBytes",
  "headerBits",
  "literalBits",
  "matchBits",
  "storedBits",
] as const satisfies readonly (keyof DeflateBlock)[];

function table(blocks: readonly DeflateBlock[]): string {
  const lines: string[][] = [["type", "blocks", ...COLUMNS]];
  for (const type of ["stored", "fixed", "dynamic"] as const) {
    const those = blocks.filter((block) => block.type === type);
    const sums = COLUMNS.map((column) => those.reduce((sum, block) => sum + block[column], 0));
    lines.push([type, those.length, ...sums].map(String));
  }
  return lines.map((line) => line.map((text) => text.padStart(13)).join("")).join("\n");
}
