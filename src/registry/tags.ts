import { SlipwayError } from "../errors.ts";
import { isTag } from "../oci/reference.ts";
import type { OperationOptions } from "../progress.ts";
import { pagesOf } from "./pages.ts";
import { pullScope, type RepositoryContext } from "./repository-context.ts";

/** Tags of one page: as many as registries give at most; they may give fewer. */
const PAGE = 1000;

/** The tags of a repository, in the registry's order. distribution-spec `spec.md#listing-tags`. */
export async function* listTags(
  context: RepositoryContext,
  operation: OperationOptions,
): AsyncGenerator<string, void, undefined> {
  const request = {
    method: "GET",
    url: `/v2/${context.path}/tags/list?n=${PAGE}`,
    headers: { Accept: "application/json" },
    scopes: [pullScope(context)],
    doing: `list the tags of ${context.name}`,
  } as const;
  for await (const { bytes } of pagesOf(context, request, operation)) {
    for (const tag of tagsIn(bytes, request.doing)) {
      operation.signal?.throwIfAborted();
      yield tag;
    }
  }
}

function tagsIn(bytes: Uint8Array, doing: string): readonly string[] {
  const refuse = (reason: string, cause?: unknown): SlipwayError =>
    new SlipwayError("INVALID_RESPONSE", `Cannot ${doing}: ${reason}`, { cause });
  let page: unknown;
  try {
    page = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refuse("what the registry answers is no JSON", cause);
  }
  const list: unknown = typeof page === "object" && page !== null && "tags" in page ? page.tags : undefined;
  // A repository that has lost its last tag has null.
  if (list === null) return [];
  if (!Array.isArray(list)) throw refuse("the registry answers without a list of tags");
  return list.map((tag: unknown) => {
    if (typeof tag === "string" && isTag(tag)) return tag;
    const shown = typeof tag === "string" ? JSON.stringify(tag.slice(0, 300)) : "something else than text";
    throw refuse(`the registry lists ${shown}, which is no tag`);
  });
}
