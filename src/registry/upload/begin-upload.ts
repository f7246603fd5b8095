import type { OperationOptions } from "../../progress.ts";
import type { UploadSource } from "../repository.ts";
import type { RepositoryContext } from "../repository-context.ts";
import type { RegistryResponse } from "../transport.ts";
import { expectBlob } from "./blob-presence.ts";
import { DONE, pushScope } from "./push-request.ts";
import type { UploadManners } from "./upload-manners.ts";
import { type BegunUpload, cancelUpload, sessionOf, type UploadSession } from "./upload-session.ts";

/** How many repositories are tried: each costs a request, and if the first few have lost a blob, all may have. */
const CANDIDATES = 3;

/** A mount from another repository, or an upload that the registry began in place of it. */
export type MountedBlob =
  | { readonly kind: "mounted"; readonly from: string }
  | { readonly kind: "session"; readonly session: UploadSession }
  | { readonly kind: "none" };

/**
 * Mounts a blob from one of the repositories that are said to have it. No failure counts, other than that of the signal: what
 * cannot be mounted is uploaded. A registry that does not mount begins an upload instead, which is not wasted.
 */
export async function mountBlob(
  context: RepositoryContext,
  blob: Pick<UploadSource, "digest" | "size">,
  repositories: readonly string[],
  operation: OperationOptions,
): Promise<MountedBlob> {
  let session: UploadSession | undefined;
  const candidates = [...new Set(repositories)].filter((repository) => repository !== context.path);
  for (const from of candidates.slice(0, CANDIDATES)) {
    operation.signal?.throwIfAborted();
    const begun = await mountFrom(context, blob, from, operation).catch(() => undefined);
    if (begun === undefined) continue;
    if (session !== undefined) await cancelUpload(context, session, blob.digest);
    if (begun.kind === "mounted") return { kind: "mounted", from };
    session = begun.session;
  }
  operation.signal?.throwIfAborted();
  return session === undefined ? { kind: "none" } : { kind: "session", session };
}

async function mountFrom(
  context: RepositoryContext,
  blob: Pick<UploadSource, "digest" | "size">,
  from: string,
  operation: OperationOptions,
): Promise<BegunUpload> {
  const { transport, name, path } = context;
  const doing = `mount blob ${name}@${blob.digest} from ${from}`;
  const response = await transport.sendOnce(
    {
      method: "POST",
      url: `/v2/${path}/blobs/uploads/?mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(from)}`,
      scopes: [pushScope(context), `repository:${from}:pull`],
      accept: [201, 202],
      doing,
    },
    operation,
  );
  return await begun(context, blob, response, doing, operation);
}

/**
 * Asks for an upload, with the digest: a registry that has the blob in a repository that this user may read can mount it without
 * being told which (distribution-spec, end-11 without `from`). Most pass it by; one that takes offence is asked without it.
 */
export async function beginUpload(
  context: RepositoryContext,
  blob: Pick<UploadSource, "digest" | "size">,
  manners: Pick<UploadManners, "refusesAnonymousMounts">,
  operation: OperationOptions,
): Promise<BegunUpload> {
  const { transport, name, path } = context;
  const doing = `upload blob ${name}@${blob.digest}`;
  const begin = async (query: string): Promise<BegunUpload> => {
    const url = `/v2/${path}/blobs/uploads/${query}`;
    const scopes = [pushScope(context)];
    const response = await transport.sendOnce({ method: "POST", url, scopes, accept: DONE, doing }, operation);
    return await begun(context, blob, response, doing, operation);
  };
  if (!manners.refusesAnonymousMounts) {
    try {
      return await begin(`?mount=${encodeURIComponent(blob.digest)}`);
    } catch {
      operation.signal?.throwIfAborted();
      manners.refusesAnonymousMounts = true;
    }
  }
  return await begin("");
}

async function begun(
  context: RepositoryContext,
  blob: Pick<UploadSource, "digest" | "size">,
  response: RegistryResponse,
  doing: string,
  operation: OperationOptions,
): Promise<BegunUpload> {
  await response.cancel();
  if (response.status !== 201) return { kind: "session", session: sessionOf(response, doing) };
  await expectBlob(context, blob, response, doing, operation);
  return { kind: "mounted" };
}
