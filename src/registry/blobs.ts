import { SlipwayError } from "../errors.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import type { RemoteBlob } from "./blob-reading.ts";
import { contentRangeOf } from "./content-range.ts";
import { blobUrl, lengthOf, pullScope, type RepositoryContext } from "./repository-context.ts";

/** A blob of a repository, to be read. @param size if it is known */
export function blobOf(context: RepositoryContext, digest: Digest, size?: number): RemoteBlob {
  return {
    transport: context.transport,
    url: blobUrl(context, parseDigest(digest)),
    scopes: [pullScope(context)],
    name: `blob ${context.name}@${digest}`,
    size,
  };
}

/** Size of a blob by HEAD, or undefined if it is not there. Where HEAD does not tell, the first byte is asked for, and how many there are. */
export async function blobSize(
  context: RepositoryContext,
  digest: Digest,
  operation: OperationOptions,
): Promise<number | undefined> {
  const request = {
    url: blobUrl(context, parseDigest(digest)),
    scopes: [pullScope(context)],
    doing: `look for blob ${context.name}@${digest}`,
  };
  const head = await context.transport.send(
    { ...request, method: "HEAD", accept: [200, 400, 404, 405, 501] },
    operation,
  );
  await head.cancel();
  if (head.status === 404) return undefined;
  const told = head.status === 200 ? lengthOf(head.headers) : undefined;
  if (told !== undefined) return told;
  const headers = { Range: "bytes=0-0", "Accept-Encoding": "identity" };
  const got = await context.transport.send(
    { ...request, method: "GET", headers, accept: [200, 206, 404, 416] },
    operation,
  );
  await got.cancel();
  if (got.status === 404) return undefined;
  const size = got.status === 200 ? lengthOf(got.headers) : contentRangeOf(got.headers)?.total;
  if (size !== undefined) return size;
  throw new SlipwayError("INVALID_RESPONSE", `Cannot ${request.doing}: the registry does not say what size it has`);
}
