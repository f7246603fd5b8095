import { SlipwayError } from "../../errors.ts";
import { toDigest } from "../../hash/digest.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { type Digest, digestAlgorithm, digestHex } from "../../oci/digest.ts";
import { type Index, parseIndex, serialiseIndex } from "../../oci/image-index.ts";
import { DOCUMENT_LIMIT } from "../../oci/json/parse.ts";
import { OCI_TYPES } from "../../oci/media-types.ts";
import type { OperationOptions } from "../../progress.ts";
import type { RepositoryContext } from "../repository-context.ts";
import { pushScope } from "../upload/push-request.ts";
import { putManifest } from "./push-manifest.ts";

/** The tag under which referrers of a digest are listed where a registry has no API for them: `sha256-HEX`, at most 64 digits. */
export function referrersTag(subject: Digest): string {
  return `${digestAlgorithm(subject)}-${digestHex(subject).slice(0, 64)}`;
}

/**
 * Lists that are just being changed, by transport: one after the other, as a registry has no way to change one in one step. Two programs that
 * add to one list at once can lose one of the two entries, as with every client that the distribution-spec has in mind; no content is lost.
 */
const changing = new WeakMap<object, Map<string, Promise<unknown>>>();

/**
 * Adds a manifest to the list of another's referrers (distribution-spec, "Referrers Tag Schema").
 * @throws SlipwayError `INVALID_DOCUMENT` if something else than a list is there
 */
export async function addReferrer(
  context: RepositoryContext,
  subject: Descriptor,
  referrer: Descriptor,
  operation: OperationOptions,
): Promise<void> {
  const tag = referrersTag(subject.digest);
  const queue = changing.get(context.transport) ?? new Map<string, Promise<unknown>>();
  changing.set(context.transport, queue);
  const key = `${context.path}:${tag}`;
  const before = queue.get(key) ?? Promise.resolve();
  const turn = before.then(() => changeList(context, tag, referrer, operation));
  const settled = turn.catch(() => undefined);
  queue.set(key, settled);
  try {
    await turn;
  } finally {
    if (queue.get(key) === settled) queue.delete(key);
  }
}

async function changeList(
  context: RepositoryContext,
  tag: string,
  referrer: Descriptor,
  operation: OperationOptions,
): Promise<void> {
  operation.signal?.throwIfAborted();
  const list = await fetchList(context, tag, operation);
  if (list.manifests.some(({ digest }) => digest === referrer.digest)) return;
  const bytes = serialiseIndex({ ...list, manifests: [...list.manifests, referrer] });
  if (bytes.byteLength > DOCUMENT_LIMIT) {
    const reason = `the list would have ${bytes.byteLength} bytes, and a document has at most ${DOCUMENT_LIMIT}; delete what nobody needs`;
    throw new SlipwayError("SIZE_MISMATCH", `Cannot add a referrer to ${context.name}:${tag}: ${reason}`);
  }
  const engine = context.hasher("sha256");
  engine.update(bytes);
  const digest = toDigest("sha256", engine.digest());
  await putManifest(context, bytes, { mediaType: OCI_TYPES.index, digest, size: bytes.byteLength }, tag, operation);
}

async function fetchList(context: RepositoryContext, tag: string, operation: OperationOptions): Promise<Index> {
  const { transport, name, path } = context;
  const doing = `fetch referrers ${name}:${tag}`;
  return await transport.retry(
    doing,
    async () => {
      const response = await transport.sendOnce(
        {
          method: "GET",
          url: `/v2/${path}/manifests/${tag}`,
          headers: { Accept: OCI_TYPES.index },
          scopes: [pushScope(context)],
          accept: [200, 404],
          doing,
        },
        operation,
      );
      if (response.status === 404) {
        await response.cancel();
        return { schemaVersion: 2, mediaType: OCI_TYPES.index, manifests: [] };
      }
      const bytes = await response.bytes(DOCUMENT_LIMIT);
      const said = response.headers.get("docker-content-digest");
      const engine = context.hasher("sha256");
      engine.update(bytes);
      const digest = toDigest("sha256", engine.digest());
      if (said?.startsWith("sha256:") && said !== digest) {
        throw new SlipwayError("DIGEST_MISMATCH", `Cannot ${doing}: it has digest ${digest} instead of ${said}`);
      }
      return parseIndex(bytes, `referrers ${name}:${tag}`);
    },
    operation,
  );
}
