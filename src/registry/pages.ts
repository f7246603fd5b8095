import { SlipwayError } from "../errors.ts";
import type { OperationOptions } from "../progress.ts";
import { nextLink } from "./link-header.ts";
import { type ReadResponse, type RepositoryContext, sendAndRead } from "./repository-context.ts";
import type { RegistryRequest } from "./transport.ts";

/** Bytes of one page of a list. */
export const PAGE_LIMIT: number = 4 * 1024 * 1024;
/** Bytes of all its pages, */
const LIST_LIMIT = 64 * 1024 * 1024;
/** and how many these may be. */
const PAGES_LIMIT = 2000;

/**
 * The pages of a list, one after the other, as each names the next: distribution-spec `spec.md#listing-tags`. A registry that sends in
 * circles, elsewhere or without an end is left.
 * @throws SlipwayError `INVALID_RESPONSE`, `SIZE_MISMATCH`
 */
export async function* pagesOf(
  context: RepositoryContext,
  request: RegistryRequest,
  operation: OperationOptions,
): AsyncGenerator<ReadResponse, void, undefined> {
  const refuse = (reason: string): SlipwayError =>
    new SlipwayError("INVALID_RESPONSE", `Cannot ${request.doing}: ${reason}`);
  const seen = new Set<string>();
  let size = 0;
  for (let url: string | undefined = request.url; url !== undefined; ) {
    if (seen.has(url)) throw refuse("the registry names a page as the next that was read before");
    if (seen.size >= PAGES_LIMIT) throw refuse(`the registry names more than ${PAGES_LIMIT} pages`);
    seen.add(url);
    const page: ReadResponse = await sendAndRead(context, { ...request, url }, PAGE_LIMIT, operation);
    size += page.bytes.byteLength;
    if (size > LIST_LIMIT) throw refuse(`its pages have more than ${LIST_LIMIT} bytes`);
    yield page;
    url = nextLink(page.response, url, context.transport.registry, refuse);
  }
}
