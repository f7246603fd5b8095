import type { ByteRange } from "../bytes.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { OperationOptions } from "../progress.ts";
import { readRemoteBlob } from "./blob-reading.ts";
import { createTransport } from "./create-transport.ts";
import { hostReach } from "./private-host.ts";
import type { RepositoryContext } from "./repository-context.ts";

/** Addresses of one layer that are asked, of however many it names. */
const ADDRESSES_LIMIT = 8;

/**
 * The bytes of a layer that the registry does not have, from the addresses that its descriptor names: by https, without credentials,
 * and past the relay. Which of them is right is seen when the bytes are verified; the next one is tried only as long as none came.
 * @throws SlipwayError `UNSUPPORTED` if that is not allowed, or no address can be used
 */
export async function* readForeignLayer(
  { options, name }: RepositoryContext,
  { digest, size, urls = [] }: Descriptor,
  range: ByteRange | undefined,
  operation: OperationOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const doing = `fetch layer ${digest} of ${name}`;
  if (options.foreignLayers !== true) {
    throw new SlipwayError(
      "UNSUPPORTED",
      `Cannot ${doing}: it is a foreign layer, which the registry does not have; allow foreign layers to fetch it from ${urls.join(", ")}`,
    );
  }
  // An image may lead to strangers, but not into the network of who pulls it.
  const addresses = urls
    .filter((url) => URL.canParse(url))
    .map((url) => new URL(url))
    .filter(({ protocol, hostname }) => protocol === "https:" && hostReach(hostname) === "public");
  if (addresses.length === 0) {
    throw new SlipwayError(
      "UNSUPPORTED",
      `Cannot ${doing}: none of its addresses is a public one of https: ${urls.join(", ")}`,
    );
  }
  let failure: unknown;
  for (const url of addresses.slice(0, ADDRESSES_LIMIT)) {
    let begun = false;
    try {
      // Who is named by an image gets nothing of what is meant for registries.
      const transport = createTransport(url.host, {
        ...options,
        credentials: undefined,
        insecure: false,
        relay: undefined,
      });
      const blob = { transport, url: url.href, scopes: [], name: `layer ${digest} from ${url.host}`, size };
      for await (const chunk of readRemoteBlob(blob, range, operation)) {
        begun = true;
        yield chunk;
      }
      return;
    } catch (error) {
      operation.signal?.throwIfAborted();
      if (begun) throw error;
      failure ??= error;
    }
  }
  if (addresses.length <= ADDRESSES_LIMIT || !isSlipwayError(failure)) throw failure;
  const tried = `${ADDRESSES_LIMIT} of its ${addresses.length} addresses were tried`;
  throw new SlipwayError(failure.code, `${failure.message}; ${tried}`, { cause: failure });
}
