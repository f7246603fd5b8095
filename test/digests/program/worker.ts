import { type WorkerEnvironment, workerHost } from "../../engines/hosts/worker.ts";
import { type DigestsArgument, reportStores, type StoreReport } from "./report.ts";

/** The digests in a Worker. */
export async function run(argument: DigestsArgument, environment: WorkerEnvironment): Promise<readonly StoreReport[]> {
  return await reportStores(workerHost(environment), argument);
}
