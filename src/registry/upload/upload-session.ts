import { SlipwayError } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import type { OperationOptions } from "../../progress.ts";
import type { RepositoryContext } from "../repository-context.ts";
import type { RegistryResponse } from "../transport.ts";
import { DONE, pushScope } from "./push-request.ts";
import { pathAt, uploadLocation } from "./upload-location.ts";
import { uploadedBytes } from "./upload-range.ts";

/** An upload that the registry has begun. */
export interface UploadSession {
  /** Where it goes on. */
  readonly url: string;
  /** The same as path and query, if it is at the registry's own origin. */
  readonly path: string | undefined;
  /** Bytes that the registry has. */
  readonly offset: number;
  /** Bytes that every chunk but the last must have. */
  readonly minimumChunk: number;
  /** Whether it has bytes of which only the registry knows where they came from. */
  readonly resumed: boolean;
}

/** What became of asking for an upload. */
export type BegunUpload = { readonly kind: "mounted" } | { readonly kind: "session"; readonly session: UploadSession };

/** The upload that an answer to POST begins. @throws SlipwayError `INVALID_RESPONSE` without a usable `Location` */
export function sessionOf(response: RegistryResponse, doing: string): UploadSession {
  const url = uploadLocation(response, doing);
  if (url === undefined) {
    throw new SlipwayError("INVALID_RESPONSE", `Cannot ${doing}: the registry does not say where to (no Location)`);
  }
  return {
    url,
    path: pathAt(url, response.url),
    offset: 0,
    minimumChunk: minimumChunkOf(response.headers),
    resumed: false,
  };
}

/** `OCI-Chunk-Min-Length`. What is no number of bytes, or an absurd one, is passed by. */
function minimumChunkOf(headers: Headers): number {
  const text = headers.get("oci-chunk-min-length") ?? "";
  return /^[0-9]{1,10}$/.test(text) ? Number(text) : 0;
}

/**
 * The session after an answer of the registry about it.
 * @param offset what it has if the answer does not say
 */
export function advancedSession(
  session: UploadSession,
  response: RegistryResponse,
  offset: number,
  doing: string,
): UploadSession {
  const before = new URL(session.url, response.url).href;
  const url = uploadLocation(response, doing) ?? before;
  // What has once gone elsewhere is not the registry's own again.
  const path = session.path === undefined ? undefined : pathAt(url, before);
  return { ...session, url, path, offset: uploadedBytes(response.headers) ?? offset };
}

/**
 * Asks the registry how much of an upload it has.
 * @returns undefined if it does not know the upload (any more), or does not say
 */
export async function uploadStatus(
  context: RepositoryContext,
  session: UploadSession,
  digest: Digest,
  operation: OperationOptions,
): Promise<UploadSession | undefined> {
  const doing = `ask for the upload of blob ${context.name}@${digest}`;
  const response = await context.transport.sendOnce(
    {
      method: "GET",
      url: session.url,
      scopes: [pushScope(context)],
      // Whatever a registry says about an address that is no upload (any more), a new one can begin.
      accept: [...DONE, 400, 403, 404, 405, 409, 410, 416, 501],
      doing,
    },
    operation,
  );
  await response.cancel();
  if (!DONE.includes(response.status) || uploadedBytes(response.headers) === undefined) return undefined;
  return { ...advancedSession(session, response, 0, doing), resumed: true };
}

/** How long a registry is waited for that is told to forget an upload, milliseconds. */
const CANCEL_PATIENCE = 5_000;

/** Tells the registry to forget an upload. It does so by itself some day, so whatever goes wrong here is no matter. */
export async function cancelUpload(context: RepositoryContext, session: UploadSession, digest: Digest): Promise<void> {
  try {
    const response = await context.transport.sendOnce(
      {
        method: "DELETE",
        url: session.url,
        scopes: [pushScope(context)],
        doing: `cancel the upload of blob ${context.name}@${digest}`,
      },
      // Not the caller's signal: that may be what ended the upload.
      { signal: AbortSignal.timeout(CANCEL_PATIENCE) },
    );
    await response.cancel();
  } catch {
    // As said above.
  }
}
