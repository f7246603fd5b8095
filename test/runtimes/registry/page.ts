import { pageHost } from "../../engines/hosts/page.ts";
import { type ExchangeArgument, type ExchangeFacts, exchange } from "./exchange.ts";

/** In a page. */
export const run = (argument: ExchangeArgument): Promise<readonly ExchangeFacts[]> => exchange(argument, pageHost);
