import { join } from "node:path";
import type { Engine } from "../engines/index.ts";
import type { EngineReport } from "./compare.ts";
import type { DigestsArgument, StoreReport } from "./program/report.ts";

const program = join(import.meta.dirname, "program");

/** Exports the fixture in an engine: a report for each kind of stores that it has. */
export async function runEngine(
  engine: Engine,
  argument: DigestsArgument,
  timeout?: number,
): Promise<readonly EngineReport[]> {
  const { version, value } = await engine.run(program, { argument, timeout });
  return (value as readonly StoreReport[]).map((report) => ({ engine: engine.name, version, ...report }));
}
