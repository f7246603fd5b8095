import { type BuildBase, type ContentStore, storeTarget } from "slipway";
import { readGraph } from "slipway/archive";
import type { R2Store } from "slipway/cloudflare";
import { parsePlatform, parseReference } from "slipway/oci";
import { createRegistry } from "slipway/registry";
import { choosePlatform } from "slipway/transfer";
import { HttpError } from "./http.ts";
import { bodyLimit, type Env, registriesOf } from "./settings.ts";

/**
 * Brings an image of a registry into the bucket, to build on. Its layers stream, and those that are there are not read again.
 * @param content where it goes
 * @throws HttpError 403 for a registry that is not among those of `REGISTRIES`, 413 for an image that is too large
 */
export async function pullBase(
  from: string,
  platform: string,
  env: Env,
  { images, metadata }: R2Store,
  content: ContentStore,
  signal: AbortSignal,
): Promise<BuildBase> {
  const { domain } = parseReference(from);
  if (!registriesOf(env).includes(domain)) {
    throw new HttpError(403, "DENIED", `Cannot build on ${from}: ${domain} is not among this Worker's REGISTRIES`);
  }
  const source = createRegistry({ metadata }).source(from);
  const found = await choosePlatform(await source.resolve({ signal }), parsePlatform(platform), { signal });
  const { documents, layers } = await readGraph(found.content, found.descriptor, { signal });
  const size = [...documents, ...layers].reduce((sum, blob) => sum + blob.size, 0);
  if (size > bodyLimit(env)) {
    throw new HttpError(
      413,
      "SIZE_INVALID",
      `Cannot build on ${from}: it has ${size} bytes, more than this Worker takes`,
    );
  }
  // Without a name: only what is built on it has one.
  const { descriptor } = await storeTarget({ content, images }).write({ ...found, names: [] }, { signal });
  return { descriptor };
}
