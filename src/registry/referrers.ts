import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestAlgorithm, digestHex, parseDigest } from "../oci/digest.ts";
import { parseIndex } from "../oci/image-index.ts";
import { OCI_TYPES } from "../oci/media-types.ts";
import type { OperationOptions } from "../progress.ts";
import { fetchManifest } from "./manifests.ts";
import { pagesOf } from "./pages.ts";
import { mediaTypeOf, pullScope, type RepositoryContext } from "./repository-context.ts";

/** Referrers of one manifest: more than any has, and few enough for memory. */
const REFERRERS_LIMIT = 20_000;

/**
 * What refers to a manifest by its `subject`. distribution-spec `spec.md#listing-referrers`; registries without that API answer with 404
 * (some with another refusal, or with a page of their own), and have the same list under the fallback tag if somebody keeps it.
 */
export async function listReferrers(
  context: RepositoryContext,
  digest: Digest,
  artifactType: string | undefined,
  operation: OperationOptions,
): Promise<readonly Descriptor[]> {
  const filter = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
  const request = {
    method: "GET",
    url: `/v2/${context.path}/referrers/${parseDigest(digest)}${filter}`,
    headers: { Accept: OCI_TYPES.index },
    scopes: [pullScope(context)],
    accept: [200, 400, 404, 405, 406, 501],
    doing: `list the referrers of ${context.name}@${digest}`,
  } as const;
  const limit = (count: number): void => {
    if (count <= REFERRERS_LIMIT) return;
    const { registry } = context.transport;
    const reason = `${registry} names more than ${REFERRERS_LIMIT} referrers, the most that are read; delete what nobody needs`;
    throw new SlipwayError("INVALID_RESPONSE", `Cannot ${request.doing}: ${reason}`);
  };
  const found: Descriptor[] = [];
  for await (const { response, bytes } of pagesOf(context, request, operation)) {
    if (response.status !== 200 || !mayBeIndex(mediaTypeOf(response.headers))) {
      const listed = await byFallbackTag(context, digest, operation);
      limit(listed.length);
      return wanted(listed, artifactType);
    }
    const { manifests } = parseIndex(bytes, `the referrers of ${context.name}@${digest}`);
    limit(found.length + manifests.length);
    found.push(...manifests);
  }
  return wanted(found, artifactType);
}

/** The tag under which clients keep the referrers of a manifest where the registry does not: `sha256-HEX`. */
export function referrersTag(digest: Digest): string {
  return `${digestAlgorithm(digest).slice(0, 32)}-${digestHex(digest).slice(0, 64)}`;
}

/** Whether it can be the answer of the API; what knows no such path may have a page for people there. */
const mayBeIndex = (mediaType: string | undefined): boolean =>
  mediaType === undefined || mediaType === OCI_TYPES.index || mediaType === "application/json";

async function byFallbackTag(
  context: RepositoryContext,
  digest: Digest,
  operation: OperationOptions,
): Promise<readonly Descriptor[]> {
  const tag = referrersTag(digest);
  try {
    const { document } = await fetchManifest(context, tag, operation);
    if (document.kind === "index") return document.index.manifests;
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND")) return [];
    throw error;
  }
  throw new SlipwayError(
    "INVALID_RESPONSE",
    `Cannot list the referrers of ${context.name}@${digest}: the tag ${tag} is no index`,
  );
}

/** Filtered here in any case: `OCI-Filters-Applied` says whether the registry did, and doing it twice changes nothing. */
function wanted(descriptors: readonly Descriptor[], artifactType: string | undefined): readonly Descriptor[] {
  return artifactType === undefined ? descriptors : descriptors.filter((each) => each.artifactType === artifactType);
}
