import { pageHost } from "../../engines/hosts/page.ts";
import { type BenchArgument, measure, type Speeds } from "./measure.ts";

/** Measures in a page. */
export async function run(argument: BenchArgument): Promise<Speeds> {
  return await measure(pageHost, argument);
}
