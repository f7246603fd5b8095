import { DOCUMENT_LIMIT } from "../content/read.ts";
import { SlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestAlgorithm, isDigest } from "../oci/digest.ts";
import { type Index, parseIndex } from "../oci/image-index.ts";
import { detectDocument } from "../oci/kind.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import { DOCKER_TYPES, isIndex, isManifest, OCI_TYPES } from "../oci/media-types.ts";
import { isTag } from "../oci/reference.ts";
import type { OperationOptions } from "../progress.ts";
import type { FetchedManifest } from "./repository.ts";
import {
  computedDigest,
  lengthOf,
  manifestUrl,
  mediaTypeOf,
  pullScope,
  type RepositoryContext,
  sendAndRead,
  shownReference,
} from "./repository-context.ts";
import type { RegistryRequest } from "./transport.ts";

/** All documents that Slipway can read: a registry gives others, or makes others of them, only to who does not ask for these. */
const ACCEPT = [OCI_TYPES.manifest, OCI_TYPES.index, DOCKER_TYPES.manifest, DOCKER_TYPES.index].join(", ");

/** Docker's manifests of before 2016. */
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;

/** A manifest or index that was fetched and read. */
export interface ReadManifest extends FetchedManifest {
  readonly document:
    | { readonly kind: "manifest"; readonly manifest: Manifest }
    | { readonly kind: "index"; readonly index: Index };
}

/**
 * What a tag or digest stands for, by HEAD. Where the registry does not answer to that, or not all that is needed, the document is
 * fetched: some know HEAD not at all (405), some not for every manifest (404), and an answer without a body does not say what is wrong.
 */
export async function resolveManifest(
  context: RepositoryContext,
  reference: string,
  operation: OperationOptions,
): Promise<Descriptor> {
  const request = requestFor(context, reference, "HEAD");
  const response = await context.transport.send({ ...request, accept: [200, 400, 404, 405, 406, 501] }, operation);
  await response.cancel();
  if (response.status === 200) {
    const { headers } = response;
    const digest = answeredDigest(headers, reference, request.doing);
    const mediaType = mediaTypeOf(headers);
    refuseSchema1(mediaType, request.doing);
    const size = lengthOf(headers);
    if (digest !== undefined && size !== undefined && mediaType !== undefined && isDocument(mediaType)) {
      if (size <= DOCUMENT_LIMIT) return { mediaType, digest, size };
      throw new SlipwayError(
        "SIZE_MISMATCH",
        `Cannot ${request.doing}: it has ${size} bytes, and a document has at most ${DOCUMENT_LIMIT}`,
      );
    }
  }
  return (await fetchManifest(context, reference, operation)).descriptor;
}

/** A manifest or index: at most 4 MiB, its digest the one that was asked for and the one that the registry says, and no document that could be read as both. */
export async function fetchManifest(
  context: RepositoryContext,
  reference: string,
  operation: OperationOptions,
): Promise<ReadManifest> {
  const request = requestFor(context, reference, "GET");
  const { response, bytes } = await sendAndRead(context, request, DOCUMENT_LIMIT, operation);
  const { headers } = response;
  const expected = answeredDigest(headers, reference, request.doing);
  const digest = computedDigest(context, expected === undefined ? "sha256" : digestAlgorithm(expected), bytes);
  if (expected !== undefined && digest !== expected) {
    throw new SlipwayError(
      "DIGEST_MISMATCH",
      `Cannot ${request.doing}: what the registry sent has digest ${digest} instead of ${expected}`,
    );
  }
  const mediaType = mediaTypeOf(headers);
  refuseSchema1(mediaType, request.doing);
  const said = mediaType !== undefined && isDocument(mediaType) ? mediaType : undefined;
  const what = `manifest ${shownReference(context, reference)}`;
  const kind = said === undefined ? detectDocument(bytes, what) : isIndex(said) ? "index" : "manifest";
  const size = bytes.byteLength;
  if (kind === "index") {
    const index = parseIndex(bytes, what, said);
    const descriptor = { mediaType: said ?? index.mediaType ?? OCI_TYPES.index, digest, size };
    return { descriptor, bytes, document: { kind, index } };
  }
  const manifest = parseManifest(bytes, what, said);
  const descriptor = { mediaType: said ?? manifest.mediaType ?? OCI_TYPES.manifest, digest, size };
  return { descriptor, bytes, document: { kind, manifest } };
}

/** @throws SlipwayError `INVALID_REFERENCE` unless it is a tag or a digest, before it becomes part of an address */
export function checkReference(context: RepositoryContext, reference: string): string {
  if (isDigest(reference) || isTag(reference)) return reference;
  throw new SlipwayError(
    "INVALID_REFERENCE",
    `Cannot use ${JSON.stringify(reference.slice(0, 300))} of ${context.name}: it is neither a tag nor a digest`,
  );
}

function requestFor(context: RepositoryContext, reference: string, method: "GET" | "HEAD"): RegistryRequest {
  checkReference(context, reference);
  return {
    method,
    url: manifestUrl(context, reference),
    headers: { Accept: ACCEPT },
    scopes: [pullScope(context)],
    doing: `${method === "GET" ? "fetch manifest" : "resolve"} ${shownReference(context, reference)}`,
  };
}

/** The digest that the answer must have: the one that was asked for, and the one that the registry says, which must be the same. */
function answeredDigest(headers: Headers, reference: string, doing: string): Digest | undefined {
  const asked = isDigest(reference) ? reference : undefined;
  const said = headers.get("docker-content-digest");
  if (said === null) return asked;
  if (!isDigest(said)) {
    throw new SlipwayError(
      "INVALID_RESPONSE",
      `Cannot ${doing}: the registry calls it ${JSON.stringify(said.slice(0, 300))}, which is no digest`,
    );
  }
  if (asked === undefined || said === asked) return said;
  // By another algorithm it may be the same content; that is seen when it is read.
  if (digestAlgorithm(said) !== digestAlgorithm(asked)) return asked;
  throw new SlipwayError("DIGEST_MISMATCH", `Cannot ${doing}: the registry answers with ${said}`);
}

function refuseSchema1(mediaType: string | undefined, doing: string): void {
  if (mediaType === undefined || !SCHEMA_1.test(mediaType)) return;
  throw new SlipwayError(
    "UNSUPPORTED",
    `Cannot ${doing}: it is a Docker schema 1 manifest, the format of before 2016; push the image again with a newer client`,
  );
}

const isDocument = (mediaType: string): boolean => isManifest(mediaType) || isIndex(mediaType);
