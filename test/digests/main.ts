import { parseArgs } from "node:util";
import { engines } from "../engines/index.ts";
import recorded from "../golden/digests.json" with { type: "json" };
import { type EngineReport, type Expectation, judge } from "./compare.ts";
import type { Facts } from "./export.ts";
import { runEngine } from "./run-engine.ts";
import { details, heading, row } from "./table.ts";

const MIB = 1024 * 1024;

/**
 * The command: exports the fixture in every engine, tells what came out, and compares.
 * @returns the exit status: 0 only if all that ran gave the same, and, with `SLIPWAY_REQUIRE_ALL=1`, all did run
 */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      full: { type: "boolean", default: false },
      large: { type: "string", default: "64" },
      engine: { type: "string", multiple: true },
    },
  });
  const wanted = values.engine === undefined ? engines : engines.filter(({ name }) => values.engine?.includes(name));
  const reports: EngineReport[] = [];
  const left: string[] = [];
  let failed = false;
  if (!values.full) say(heading);
  for (const engine of wanted) {
    if (engine.missing !== undefined) {
      left.push(`${engine.name} was left out: ${engine.missing} not there`);
      continue;
    }
    try {
      const made = await runEngine(engine, { large: Number(values.large) * MIB });
      for (const report of made) say(values.full ? details(report) : row(report));
      reports.push(...made);
    } catch (error) {
      failed = true;
      say(`${engine.name} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  for (const text of left) say(text);
  if (left.length > 0 && process.env.SLIPWAY_REQUIRE_ALL === "1") {
    failed = true;
    say("SLIPWAY_REQUIRE_ALL=1 forbids leaving any out");
  }
  const { equal, lines } = judge(reports, recordOf(`${values.large} MiB`));
  if (equal && failed) return 1;
  for (const text of lines) say(text);
  return equal ? 0 : 1;
}

function recordOf(name: string): Expectation | undefined {
  const facts = (recorded as Readonly<Record<string, Facts>>)[name];
  return facts && { source: `test/golden/digests.json, ${name}`, facts };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
