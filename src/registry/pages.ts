import { SlipwayError } from "../errors.ts";
import type { OperationOptions } from "../progress.ts";
import { nextLink } from "./link-header.ts";
import { type ReadResponse, type RepositoryContext, sendAndRead } from "./repository-context.ts";
import type { RegistryRequest } from "./transport.ts";

const MIB = 1024 * 1024;
/** Bytes of one page of a list: 4 MiB. */
export const PAGE_LIMIT: number = 4 * MIB;
/** MiB of all its pages. */
const LIST_LIMIT = 64;
/** How many pages a list may have: two million tags, where pages are as large as registries make them. */
const PAGES_LIMIT = 2000;

/**
 * The pages of a list, one after the other, as each names the next: distribution-spec `spec.md#listing-tags`. A registry that sends in
 * circles, elsewhere or without an end is left: after 2000 pages, 64 MiB, or ten times the patience that waiting for all of them took.
 * @throws SlipwayError `INVALID_RESPONSE`, `SIZE_MISMATCH`
 */
export async function* pagesOf(
  context: RepositoryContext,
  request: RegistryRequest,
  operation: OperationOptions,
): AsyncGenerator<ReadResponse, void, undefined> {
  const { registry } = context.transport;
  const refuse = (reason: string): SlipwayError =>
    new SlipwayError("INVALID_RESPONSE", `Cannot ${request.doing}: ${reason}`);
  const endless = (limit: string): SlipwayError =>
    refuse(`${registry} goes on after ${limit}, the most that a list may have; whoever runs it can see why`);
  const waits = { milliseconds: 0 };
  const seen = new Set<string>();
  let size = 0;
  for (let url: string | undefined = request.url; url !== undefined; ) {
    if (seen.has(url)) throw refuse(`${registry} names a page as the next that was read before`);
    if (seen.size >= PAGES_LIMIT) throw endless(`${PAGES_LIMIT} pages`);
    seen.add(url);
    const page: ReadResponse = await sendAndRead(context, { ...request, url }, PAGE_LIMIT, { ...operation, waits });
    size += page.bytes.byteLength;
    if (size > LIST_LIMIT * MIB) throw endless(`${LIST_LIMIT} MiB`);
    yield page;
    url = nextLink(page.response, url, registry, refuse);
  }
}
