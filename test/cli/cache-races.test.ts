/** Two processes over one cache, of which the second acts exactly between two steps of the first. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type BuildCache, withBuildCache } from "../../src/cli/build-cache.ts";
import { type CachePlace, openCache } from "../../src/cli/cache-directory.ts";
import { shrinkCache } from "../../src/cli/cache-limit.ts";
import { readBlobBytes, writeBlob } from "../../src/content/index.ts";
import { createBlobRecords } from "../../src/exporter/blob-records.ts";
import { digestOf } from "../../src/hash/index.ts";
import type * as nodeRoom from "../../src/node/index.ts";
import type { DirectoryStore, openDirectoryStore } from "../../src/node/index.ts";
import { digestHex } from "../../src/oci/digest.ts";
import { bytesOf } from "../content/support.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Called when a store was opened, before its opener goes on. */
const between: { opened: (() => Promise<void>) | undefined } = { opened: undefined };

vi.mock("../../src/node/index.ts", async (original) => {
  const real = await original<typeof nodeRoom>();
  return {
    ...real,
    openDirectoryStore: async (...given: Parameters<typeof openDirectoryStore>): Promise<DirectoryStore> => {
      const store = await real.openDirectoryStore(...given);
      const act = between.opened;
      between.opened = undefined;
      await act?.();
      return store;
    },
  };
});

let place: CachePlace;
beforeEach(() => {
  between.opened = undefined;
  place = { directory: join(temporaryDirectory(), "cache"), asked: true };
});

const CONTENT = bytesOf("a layer");
const DIGEST = digestOf(CONTENT);
const LAYER = {
  descriptor: { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: DIGEST, size: CONTENT.byteLength },
  diffID: DIGEST,
  warnings: [],
};

const fail = (message: string): void => expect.unreachable(message);

const withCache = <T>(work: (cache: BuildCache) => Promise<T>): Promise<T> =>
  withBuildCache(place, { note: fail, warn: fail, repeatable: () => false }, async (cache) => {
    if (cache === undefined) throw new Error("no cache");
    return await work(cache);
  });

/** `slipway cache prune`, by another process. */
async function prune(): Promise<void> {
  const store = await openCache(place);
  await shrinkCache(store, 0);
  for (const key of await store.metadata.keys("")) await store.metadata.delete(key);
  await store.close();
}

const layerOfCache = async ({ stores }: BuildCache) =>
  await createBlobRecords(stores.metadata, stores.content).find("key");

beforeEach(async () => {
  await withCache(async ({ stores }) => {
    await writeBlob(stores.content, CONTENT);
    await createBlobRecords(stores.metadata, stores.content).record("key", LAYER);
  });
});

describe("a cache", () => {
  it("that two builds make at once is a cache for both", async () => {
    place = { ...place, directory: join(temporaryDirectory(), "fresh") };
    between.opened = async () => {
      const store = await openCache(place);
      await writeBlob(store.content, CONTENT);
      await store.close();
    };
    const store = await openCache(place);
    expect((await store.content.info(DIGEST)).size).toBe(CONTENT.byteLength);
    await store.close();
  });

  it("that is pruned after a build has found a layer in it keeps the layer until the build ends", async () => {
    await withCache(async (cache) => {
      expect(await layerOfCache(cache)).toEqual(LAYER);
      await prune();
      expect(await readBlobBytes(cache.stores.content, LAYER.descriptor)).toEqual(CONTENT);
    });
    await prune();
    expect(readdirSync(join(place.directory, "blobs/sha256"))).toEqual([]);
  });

  it("that is pruned before that has no such layer, and the build makes it anew", async () => {
    await withCache(async (cache) => {
      await prune();
      expect(await layerOfCache(cache)).toBeUndefined();
      await writeBlob(cache.stores.content, CONTENT);
      await prune();
      expect(await readBlobBytes(cache.stores.content, LAYER.descriptor)).toEqual(CONTENT);
    });
  });

  it("shrinks around what another build uses, though that notes it only at its end", async () => {
    await withCache(async (cache) => {
      await layerOfCache(cache);
      await withCache(async ({ stores }) => {
        await writeBlob(stores.content, bytesOf("another layer"));
      });
      const store = await openCache(place);
      expect(await shrinkCache(store, 1)).toBe("another layer".length);
      await store.close();
    });
    expect(await withCache(layerOfCache)).toEqual(LAYER);
  });

  it("with a damaged layer is mended, and one that was made anew meanwhile is found again", async () => {
    const file = join(place.directory, "blobs/sha256", digestHex(DIGEST));
    const damage = async (): Promise<void> => {
      const store = await openCache(place);
      await store.content.delete(DIGEST);
      await store.close();
      writeFileSync(file, bytesOf("damaged"));
    };
    await damage();
    const notes: string[] = [];
    const built = await withBuildCache(
      place,
      { note: (message) => notes.push(message), warn: fail, repeatable: () => true },
      async (cache) => {
        if (cache === undefined) return "anew";
        await readBlobBytes(cache.stores.content, LAYER.descriptor);
        return "from the cache";
      },
    );
    expect([built, notes]).toEqual(["anew", ["building anew without the cache: a layer in it is damaged"]]);
    expect(await withCache(layerOfCache)).toBeUndefined();
  });
});
