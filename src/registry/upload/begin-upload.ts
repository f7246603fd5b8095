import type { OperationOptions } from "../../progress.ts";
import type { UploadSource } from "../repository.ts";
import type { RegistryResponse } from "../transport.ts";
import { expectBlob } from "./blob-presence.ts";
import { DONE, pushScope, type UploadContext } from "./upload-context.ts";
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
  context: UploadContext,
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
  context: UploadContext,
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
 * Asks for an upload, with the digest: a registry that has the blob in a repository that this user may read can mount it, without
 * being told which (distribution-spec, end-11 without `from`). All others pass it by.
 */
export async function beginUpload(
  context: UploadContext,
  blob: Pick<UploadSource, "digest" | "size">,
  operation: OperationOptions,
): Promise<BegunUpload> {
  const { transport, name, path } = context;
  const doing = `upload blob ${name}@${blob.digest}`;
  const url = `/v2/${path}/blobs/uploads/`;
  const request = {
    method: "POST",
    scopes: [pushScope(context)],
    doing,
  } as const;
  const refusals = [400, 404, 405, 501];
  const anonymous = await transport.sendOnce(
    { ...request, url: `${url}?mount=${encodeURIComponent(blob.digest)}`, accept: [...DONE, ...refusals] },
    operation,
  );
  if (!refusals.includes(anonymous.status)) return await begun(context, blob, anonymous, doing, operation);
  await anonymous.cancel();
  return await begun(context, blob, await transport.sendOnce({ ...request, url }, operation), doing, operation);
}

async function begun(
  context: UploadContext,
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
