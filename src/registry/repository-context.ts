import { readAll } from "../bytes.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { toDigest } from "../hash/index.ts";
import { type Digest, type DigestAlgorithm, isDigest } from "../oci/digest.ts";
import type { RegistryOptions } from "./registry.ts";
import type { RegistryRequest, RegistryResponse, RegistryTransport, RetryingOptions } from "./transport.ts";

/** One repository, for those who talk to it. */
export interface RepositoryContext {
  readonly transport: RegistryTransport;
  /** `docker.io/library/alpine`. */
  readonly name: string;
  /** At its registry: `library/alpine`. */
  readonly path: string;
  readonly hasher: HasherFactory;
  /** What the client works with. */
  readonly options: RegistryOptions;
}

/** What reading needs leave for. */
export const pullScope = ({ path }: RepositoryContext): string => `repository:${path}:pull`;

/** `NAME:TAG` or `NAME@DIGEST`, for messages. */
export const shownReference = ({ name }: RepositoryContext, reference: string): string =>
  name + (isDigest(reference) ? "@" : ":") + reference;

export const manifestUrl = ({ path }: RepositoryContext, reference: string): string =>
  `/v2/${path}/manifests/${reference}`;

export const blobUrl = ({ path }: RepositoryContext, digest: Digest): string => `/v2/${path}/blobs/${digest}`;

export function computedDigest(
  { hasher }: Pick<RepositoryContext, "hasher">,
  algorithm: DigestAlgorithm,
  bytes: Uint8Array,
): Digest {
  const state = hasher(algorithm);
  state.update(bytes);
  return toDigest(algorithm, state.digest());
}

/** A small answer with its whole body. */
export interface ReadResponse {
  readonly response: RegistryResponse;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Sends a request and reads the answer whole; both again if the connection is cut in between. */
export async function sendAndRead(
  { transport }: Pick<RepositoryContext, "transport">,
  request: RegistryRequest,
  limit: number,
  operation: RetryingOptions,
): Promise<ReadResponse> {
  return await transport.retry(
    request.doing,
    async () => {
      const response = await transport.sendOnce(request, operation);
      return { response, bytes: await readAll(response.body, limit, `what was answered to "${request.doing}"`) };
    },
    operation,
  );
}

/** A length in bytes that a header says; undefined if it is absent or says something else. */
export function lengthOf(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  // What is encoded for the way has another length than what arrives.
  if (text === null || !/^[0-9]{1,15}$/.test(text) || (headers.get("content-encoding") ?? "identity") !== "identity") {
    return undefined;
  }
  return Number(text);
}

/** A media type without its parameters. */
export function mediaTypeOf(headers: Headers): string | undefined {
  const type = headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  return type === "" ? undefined : type;
}
