import { type CollectedGarbage, collectGarbage, type GarbageRoot, type Snapshotter } from "slipway";
import { snapshotContents } from "slipway/snapshots";
import { loadBase } from "./registries.ts";
import type { Stores } from "./stores.ts";

/**
 * Removes the blobs that neither an image nor a file needs. Nothing may be written to the working snapshot meanwhile, by this page or
 * another one.
 */
export async function removeUnused(stores: Stores, snapshots: Snapshotter): Promise<CollectedGarbage> {
  return await collectGarbage({ ...stores, roots: () => rootsOf(stores, snapshots) });
}

/**
 * Removes what a page has left that was closed while it built or wrote: what its leases protected, what it had begun to write.
 * Only for a page that knows that it is the only one: it holds the lock of `becomeOnlyPage` until it is gone, and its workers go with it.
 */
export async function removeLeftovers(stores: Stores, snapshots: Snapshotter): Promise<CollectedGarbage> {
  for (const id of await stores.leases.list()) await (await stores.leases.get(id)).release();
  const abandoned = stores.abandonedIngests(0);
  return await collectGarbage({ ...stores, roots: () => rootsOf(stores, snapshots), abandoned });
}

async function* rootsOf(stores: Stores, snapshots: Snapshotter): AsyncGenerator<GarbageRoot, void, undefined> {
  for (const { target } of await stores.images.list()) yield target;
  const base = await loadBase(stores);
  if (base !== undefined) yield base.descriptor;
  yield* snapshotContents(snapshots);
}
