import { type WorkerEnvironment, workerHost } from "../../engines/hosts/worker.ts";
import { type ExchangeArgument, type ExchangeFacts, exchange } from "./exchange.ts";

/** In a Worker. */
export const run = (argument: ExchangeArgument, env: WorkerEnvironment): Promise<readonly ExchangeFacts[]> =>
  exchange(argument, workerHost(env));
