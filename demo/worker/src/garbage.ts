import { collectGarbage, type Digest, type ImageStore } from "slipway";
import type { R2Store } from "slipway/cloudflare";

const HOUR = 3600;

/** Removes all blobs that no image refers to and no build that is going on holds, and what killed Workers left. */
export async function collectAll(store: R2Store): Promise<void> {
  const { content, images, leases } = store;
  await collectGarbage({ content, leases, roots: () => targetsOf(images), abandoned: store.abandonedIngests(HOUR) });
  await store.tidy(HOUR);
}

/** Of these blobs, removes those that nothing needs. */
export async function collectAmong({ content, images, leases }: R2Store, among: Iterable<Digest>): Promise<void> {
  await collectGarbage({ content, leases, roots: () => targetsOf(images), among });
}

const targetsOf = async (images: ImageStore) => (await images.list()).map(({ target }) => target);
