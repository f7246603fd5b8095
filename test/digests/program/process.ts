import { processHost } from "../../engines/hosts/process.ts";
import { type DigestsArgument, reportStores, type StoreReport } from "./report.ts";

/** The digests in Node, Deno or Bun. */
export async function run(argument: DigestsArgument): Promise<readonly StoreReport[]> {
  return await reportStores(processHost, argument);
}
