import { SlipwayError } from "../errors.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import { checkReference } from "./manifests.ts";
import { blobUrl, manifestUrl, type RepositoryContext, shownReference } from "./repository-context.ts";

/** Deletes a manifest with its tags, or a tag alone. distribution-spec `spec.md#content-management`. */
export async function deleteManifest(
  context: RepositoryContext,
  reference: string,
  operation: OperationOptions,
): Promise<void> {
  checkReference(context, reference);
  await remove(context, manifestUrl(context, reference), `delete ${shownReference(context, reference)}`, operation);
}

export async function deleteBlob(
  context: RepositoryContext,
  digest: Digest,
  operation: OperationOptions,
): Promise<void> {
  const url = blobUrl(context, parseDigest(digest));
  await remove(context, url, `delete blob ${context.name}@${digest}`, operation);
}

async function remove(
  context: RepositoryContext,
  url: string,
  doing: string,
  operation: OperationOptions,
): Promise<void> {
  const response = await context.transport.send(
    {
      method: "DELETE",
      url,
      scopes: [`repository:${context.path}:delete`],
      accept: [200, 202, 204, 405, 501],
      doing,
    },
    operation,
  );
  await response.cancel();
  if (response.status < 300) return;
  throw new SlipwayError(
    "UNSUPPORTED",
    `Cannot ${doing}: the registry has deletion switched off (docker-registry: set storage.delete.enabled)`,
  );
}
