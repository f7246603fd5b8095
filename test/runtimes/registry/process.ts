import { processHost } from "../../engines/hosts/process.ts";
import { type ExchangeArgument, type ExchangeFacts, exchange } from "./exchange.ts";

/** In Node, Deno or Bun. */
export const run = (argument: ExchangeArgument): Promise<readonly ExchangeFacts[]> => exchange(argument, processHost);
