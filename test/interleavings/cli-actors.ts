import { join } from "node:path";
import { withBuildCache } from "../../src/cli/build-cache.ts";
import { type AfterFailure, type BuildStores, withBuildStore } from "../../src/cli/build-store.ts";
import { type CachePlace, openCache } from "../../src/cli/cache-directory.ts";
import { shrinkCache } from "../../src/cli/cache-limit.ts";
import type { ExportedImage } from "../../src/exporter/index.ts";
import { build } from "../../src/frontend/index.ts";
import { openDirectoryStore } from "../../src/node/index.ts";
import type { ActorOf } from "./actors.ts";
import { type Part, wholeImage } from "./scenario.ts";

const buildOf = (stores: BuildStores, name: string | undefined, text: string): Promise<ExportedImage> =>
  build({ ...stores, files: { "/file": text }, options: { name, compression: "uncompressed" } });

/** The reason why a command failed that was to fail. */
class Stop extends Error {}

/** `slipway build` into the store. */
export const builds =
  (name: string, text: string = name): ActorOf =>
  async ({ world, journal }) => {
    const report = journal.begin();
    const { digest } = await withBuildStore(world.path, (stores) => buildOf(stores, name, text));
    report(name, digest);
  };

/** `slipway build` that fails when the image has its name already, as where it cannot be pushed; what it did is undone. */
export const buildsInVain =
  (name: string, text: string = name, afterFailure: AfterFailure = "undo"): ActorOf =>
  async ({ world }) => {
    await failing(world.path, name, text, afterFailure);
  };

async function failing(
  path: string | undefined,
  name: string,
  text: string,
  afterFailure: AfterFailure,
): Promise<void> {
  const stop = new Stop("failed");
  await withBuildStore(
    path,
    async (stores) => {
      await buildOf(stores, name, text);
      throw stop;
    },
    afterFailure,
  ).catch((error: unknown) => {
    if (error !== stop) throw error;
  });
}

/** Where there is nothing yet. */
const freshPath = ({ world }: Part): string => join(world.path ?? "", "..", "fresh");

/** `slipway build` into a store that is not there yet. */
export const buildsAfresh =
  (name: string, text: string = name): ActorOf =>
  async (part) => {
    await withBuildStore(freshPath(part), (stores) => buildOf(stores, name, text));
  };

/** The same, failing: the store is removed, unless another process uses it. */
export const buildsAfreshInVain =
  (name: string, text: string = name): ActorOf =>
  (part) =>
    failing(freshPath(part), name, text, "undo");

/** Whether that name is there in the new store, and whole. */
export const isThereAfresh =
  (name: string) =>
  async (part: Part): Promise<string | undefined> => {
    try {
      const stores = await openDirectoryStore(freshPath(part), { create: false });
      await wholeImage(stores, (await stores.images.get(name)).target);
      await stores.close();
      return undefined;
    } catch (error) {
      return `${name} is lost: ${error instanceof Error ? error.message : String(error)}`;
    }
  };

const placeOf = (part: Part): CachePlace => ({
  directory: join(part.world.path ?? "", "..", "cache"),
  asked: true,
});

/** The cache that earlier builds have left. */
export const hasCache =
  (text: string): ActorOf =>
  async (part) => {
    const store = await openCache(placeOf(part));
    await buildOf(store, undefined, text);
    await store.close();
  };

/** `slipway build` into an archive: what it is made of lies in the cache, and is whole until it is written. */
export const buildsInCache =
  (text: string): ActorOf =>
  async (part) => {
    await withBuildCache(
      placeOf(part),
      {
        note: (message) => {
          throw new Error(message);
        },
        warn: (message) => {
          throw new Error(message);
        },
        repeatable: () => false,
      },
      async (cache) => {
        if (cache === undefined) throw new Error("There is no cache");
        const { descriptor } = await buildOf(cache.stores, undefined, text);
        await wholeImage(cache.stores, descriptor);
      },
    );
  };

/** `slipway cache prune`. */
export const prunesCache: ActorOf = async (part) => {
  const store = await openCache(placeOf(part));
  await shrinkCache(store, 0);
  await store.close();
};

/** What a cache has when nobody uses it and it was pruned: nothing. */
export const isEmptyCache = async (part: Part): Promise<string | undefined> => {
  await prunesCache(part);
  const store = await openCache(placeOf(part));
  const left: string[] = await store.leases.list().then((ids) => ids.map((id) => `lease ${id}`));
  for await (const { digest } of store.content.list()) left.push(digest);
  for await (const { ref } of store.content.statuses()) left.push(`ingest ${ref}`);
  await store.close();
  return left.length === 0 ? undefined : `the cache still has ${left.join(", ")}`;
};
