import { SlipwayError } from "../../errors.ts";
import { type Digest, digestAlgorithm, isDigest } from "../../oci/digest.ts";
import type { OperationOptions } from "../../progress.ts";
import type { RepositoryContext } from "../repository-context.ts";
import { lengthOf } from "../repository-context.ts";
import type { RegistryResponse } from "../transport.ts";
import { pushScope } from "./push-request.ts";

/** What is looked for. */
interface Blob {
  readonly digest: Digest;
  readonly size: number;
}

/**
 * Whether the repository has a blob. A registry that does not tell is sent it: it takes what it has once more.
 * @throws SlipwayError `SIZE_MISMATCH` if it has it with another size than it is to be pushed with
 */
export async function hasBlob(
  context: RepositoryContext,
  { digest, size }: Blob,
  operation: OperationOptions,
): Promise<boolean> {
  const response = await context.transport.send(
    {
      method: "HEAD",
      url: `/v2/${context.path}/blobs/${digest}`,
      scopes: [pushScope(context)],
      accept: [200, 400, 403, 404, 405, 501],
      doing: `look for blob ${context.name}@${digest}`,
    },
    operation,
  );
  await response.cancel();
  if (response.status !== 200) return false;
  const there = lengthOf(response.headers);
  // Some say 0 of everything, as an answer to HEAD has no body.
  if (there === undefined || there === 0 || there === size) return true;
  throw new SlipwayError(
    "SIZE_MISMATCH",
    `Cannot push blob ${context.name}@${digest}: the registry has it with ${there} bytes instead of ${size}`,
  );
}

/**
 * Checks that an answer means that the registry has the blob now: it names its digest, or else it is asked whether it has it.
 * @throws SlipwayError `DIGEST_MISMATCH` if it took it for another, `INVALID_RESPONSE` if it does not have it
 */
export async function expectBlob(
  context: RepositoryContext,
  blob: Blob,
  response: RegistryResponse,
  doing: string,
  operation: OperationOptions,
): Promise<void> {
  const said = response.headers.get("docker-content-digest");
  if (said === blob.digest) return;
  if (isDigest(said) && digestAlgorithm(said) === digestAlgorithm(blob.digest)) {
    throw new SlipwayError("DIGEST_MISMATCH", `Cannot ${doing}: the registry took it for ${said}`);
  }
  if (await hasBlob(context, blob, operation)) return;
  throw new SlipwayError(
    "INVALID_RESPONSE",
    `Cannot ${doing}: the registry answers ${response.status}, but neither names its digest nor has it afterwards`,
  );
}
