import { SlipwayError } from "../../errors.ts";
import { toDigest } from "../../hash/digest.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { type Digest, digestAlgorithm, isDigest } from "../../oci/digest.ts";
import { parseIndex } from "../../oci/image-index.ts";
import { parseManifest } from "../../oci/manifest.ts";
import { isIndex, isManifest } from "../../oci/media-types.ts";
import { isTag } from "../../oci/reference.ts";
import type { OperationOptions } from "../../progress.ts";
import type { RepositoryContext } from "../repository-context.ts";
import { DONE, pushScope } from "../upload/push-request.ts";
import { addReferrer } from "./referrers-tag.ts";

/**
 * Puts a manifest or index under a tag or its digest. One that is about another (`subject`) is added to the list of that one's
 * referrers by hand where the registry does not say that it does so (distribution-spec, "Pushing Manifests with Subject").
 * @throws SlipwayError `INVALID_REFERENCE`, `DIGEST_MISMATCH`, `INVALID_RESPONSE`, `INVALID_DOCUMENT`, and as the transport
 */
export async function pushManifest(
  context: RepositoryContext,
  bytes: Uint8Array<ArrayBuffer>,
  mediaType: string,
  reference: string,
  operation: OperationOptions,
): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestFor(context, bytes, reference), size: bytes.byteLength };
  const about = subjectOf(bytes, mediaType, descriptor.digest);
  const confirmed = await putManifest(context, bytes, descriptor, reference, operation);
  if (about !== undefined && confirmed !== about.subject.digest) {
    const { subject, ...more } = about;
    await addReferrer(context, subject, { ...descriptor, ...more }, operation);
  }
  return descriptor;
}

/** @returns the subject's digest, if the registry lists its referrers by itself */
export async function putManifest(
  context: RepositoryContext,
  bytes: Uint8Array<ArrayBuffer>,
  { mediaType, digest }: Descriptor,
  reference: string,
  operation: OperationOptions,
): Promise<string | undefined> {
  const { transport, name, path } = context;
  const doing = `push manifest ${name}${isDigest(reference) ? "@" : ":"}${reference}`;
  const url = `/v2/${path}/manifests/${reference}`;
  const scopes = [pushScope(context)];
  const response = await transport.send(
    { method: "PUT", url, headers: { "Content-Type": mediaType }, body: bytes, scopes, accept: DONE, doing },
    operation,
  );
  await response.cancel();
  const said = response.headers.get("docker-content-digest");
  const subject = response.headers.get("oci-subject") ?? undefined;
  if (said === digest) return subject;
  if (isDigest(said) && digestAlgorithm(said) === digestAlgorithm(digest)) {
    throw new SlipwayError("DIGEST_MISMATCH", `Cannot ${doing}: the registry took it for ${said} instead of ${digest}`);
  }
  // A registry need not name the digest; then it must have the manifest by it.
  const head = await transport.send(
    {
      method: "HEAD",
      url: `/v2/${path}/manifests/${digest}`,
      headers: { Accept: mediaType },
      scopes,
      accept: [200, 404],
      doing,
    },
    operation,
  );
  await head.cancel();
  if (head.status === 200) return subject;
  throw new SlipwayError(
    "INVALID_RESPONSE",
    `Cannot ${doing}: the registry answers ${response.status}, but neither names its digest nor has it afterwards`,
  );
}

/** The digest of what is pushed, which is the reference if that is a digest. */
function digestFor({ hasher, name }: RepositoryContext, bytes: Uint8Array, reference: string): Digest {
  const wanted = isDigest(reference) ? reference : undefined;
  if (wanted === undefined && !isTag(reference)) {
    throw new SlipwayError(
      "INVALID_REFERENCE",
      `Cannot push manifest ${name}: ${JSON.stringify(reference.slice(0, 300))} is neither a tag nor a digest`,
    );
  }
  const algorithm = wanted === undefined ? "sha256" : digestAlgorithm(wanted);
  const engine = hasher(algorithm);
  engine.update(bytes);
  const digest = toDigest(algorithm, engine.digest());
  if (wanted === undefined || digest === wanted) return digest;
  throw new SlipwayError("DIGEST_MISMATCH", `Cannot push manifest ${name}@${wanted}: its digest is ${digest}`);
}

/** What a document is about, and what a list of referrers says of it. */
interface Referring extends Pick<Descriptor, "artifactType" | "annotations"> {
  readonly subject: Descriptor;
}

function subjectOf(bytes: Uint8Array, mediaType: string, digest: Digest): Referring | undefined {
  if (isManifest(mediaType)) {
    const { subject, annotations, artifactType, config } = parseManifest(bytes, `manifest ${digest}`, mediaType);
    return subject && { subject, artifactType: artifactType ?? config.mediaType, ...(annotations && { annotations }) };
  }
  if (!isIndex(mediaType)) return undefined;
  const { subject, annotations, artifactType } = parseIndex(bytes, `index ${digest}`, mediaType);
  return subject && { subject, ...(artifactType && { artifactType }), ...(annotations && { annotations }) };
}
