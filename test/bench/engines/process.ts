import { processHost } from "../../engines/hosts/process.ts";
import { type BenchArgument, measure, type Speeds } from "./measure.ts";

/** Measures in Node, Deno or Bun. */
export async function run(argument: BenchArgument): Promise<Speeds> {
  return await measure(processHost, argument);
}
