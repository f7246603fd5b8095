import { type WorkerEnvironment, workerHost } from "../../engines/hosts/worker.ts";
import { type BenchArgument, measure, type Speeds } from "./measure.ts";

/** Measures in a Worker, whose clock is only read after it was told something from outside. */
export async function run(argument: BenchArgument, environment: WorkerEnvironment): Promise<Speeds> {
  return await measure(workerHost(environment), argument);
}
