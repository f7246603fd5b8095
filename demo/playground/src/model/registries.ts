import { copy, type Descriptor, type OperationOptions, type Platform, storeTarget, withLease } from "slipway";
import { formatReference, parseReference } from "slipway/oci";
import { createRegistry, type Registry } from "slipway/registry";
import type { Stores } from "./stores.ts";

/** How a registry is reached. User and password are in memory only. */
export interface RegistryAccess {
  /** Address of a relay, for registries that let no page read their answers. Empty: none. */
  readonly relay: string;
  /** Empty: anonymous. */
  readonly username: string;
  readonly password: string;
}

/** An image that the playground's images begin with. Its blobs are in the store. */
export interface Base {
  /** Normalised. */
  readonly name: string;
  /** Manifest or index. */
  readonly descriptor: Descriptor;
}

/** Credentials are for the registry of one reference, and no other that it may lead to. */
function openRegistry({ metadata }: Stores, reference: string, access: RegistryAccess): Registry {
  const { domain } = parseReference(reference);
  const { relay, username, password } = access;
  return createRegistry({
    metadata,
    relay: relay === "" ? undefined : relay,
    credentials: (registry) => (registry === domain && username !== "" ? { username, password } : undefined),
  });
}

/**
 * Takes an image into the store, to build on it.
 * @param platforms those that are built for; of an index only they are taken
 */
export async function pullBase(
  stores: Stores,
  reference: string,
  access: RegistryAccess,
  platforms: readonly Platform[],
  options: OperationOptions,
): Promise<Base> {
  const name = formatReference(parseReference(reference));
  const lease = await stores.leases.create();
  try {
    const [only] = platforms;
    const target = storeTarget({ images: stores.images, content: withLease(stores.content, lease) }, name);
    const { descriptor } = await copy(openRegistry(stores, reference, access).source(reference), target, {
      ...options,
      ...(platforms.length === 1 && only !== undefined ? { platform: only } : { platforms }),
    });
    const base = { name, descriptor };
    await saveBase(stores, base);
    return base;
  } finally {
    await lease.release();
  }
}

/** Pushes an image of the store. What is interrupted goes on from there, also after the page was closed. */
export async function pushImage(
  stores: Stores,
  descriptor: Descriptor,
  reference: string,
  access: RegistryAccess,
  options: OperationOptions,
): Promise<{ readonly name: string; readonly digest: string; readonly uploadedBytes: number }> {
  const { content } = stores;
  const registry = openRegistry(stores, reference, access);
  const { name, descriptor: pushed, uploadedBytes } = await registry.push({ content, descriptor }, reference, options);
  return { name, digest: pushed.digest, uploadedBytes };
}

const BASE = "playground/base";
const RELAY = "playground/relay";

/** The image that is built on, if there is one. */
export async function loadBase({ metadata }: Stores): Promise<Base | undefined> {
  const record = await metadata.get(BASE);
  return record === undefined ? undefined : (JSON.parse(new TextDecoder().decode(record)) as Base);
}

/** Remembers it. Undefined: images begin with nothing. */
export async function saveBase({ metadata }: Stores, base: Base | undefined): Promise<void> {
  if (base === undefined) await metadata.delete(BASE);
  else await metadata.set(BASE, new TextEncoder().encode(JSON.stringify(base)));
}

/** The relay that was used last. */
export async function loadRelay({ metadata }: Stores): Promise<string> {
  const record = await metadata.get(RELAY);
  return record === undefined ? "" : new TextDecoder().decode(record);
}

export async function saveRelay({ metadata }: Stores, relay: string): Promise<void> {
  await metadata.set(RELAY, new TextEncoder().encode(relay));
}
