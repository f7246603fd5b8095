import { pageHost } from "../../engines/hosts/page.ts";
import { type DigestsArgument, reportStores, type StoreReport } from "./report.ts";

/** The digests in a page. */
export async function run(argument: DigestsArgument): Promise<readonly StoreReport[]> {
  return await reportStores(pageHost, argument);
}
