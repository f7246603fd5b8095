import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryRoot } from "../support/temporary.ts";
import { type StorePages, storePages } from "./support/pages.ts";

let pages: StorePages;

beforeAll(async () => {
  pages = await storePages(temporaryRoot());
});
afterAll(async () => {
  await pages?.close();
});

describe.each([
  ["with Web Locks", true],
  ["without Web Locks", false],
])("two pages over one database %s", (label, webLocks) => {
  it("lose no image where one builds, and the other deletes and collects", async () => {
    const [builder, collector] = [await pages.open(), await pages.open()];
    const given = { name: `collections ${label}`, webLocks, milliseconds: 6000 };
    const [built, collections] = await Promise.all([
      builder.evaluate(async ({ name, webLocks, milliseconds }) => {
        const store = await slipway.openIndexedDB(name, { webLocks, durable: false });
        const names: string[] = [];
        const end = Date.now() + milliseconds;
        for (let round = 0; Date.now() < end; round++) {
          const image = `example.org/${round % 3 === 2 ? "old" : "new"}:${round}`;
          // Every other image is the same as one that is deleted.
          const text = round % 2 === 0 ? `${round}` : `shared ${round % 5}`;
          await slipway.build({ ...store, files: { "/f": text }, options: { name: image } });
          if (round % 3 !== 2) names.push(image);
        }
        await store.close();
        return names;
      }, given),
      collector.evaluate(async ({ name, webLocks, milliseconds }) => {
        const store = await slipway.openIndexedDB(name, { webLocks, durable: false });
        const { content, images, leases } = store;
        const end = Date.now() + milliseconds;
        let collections = 0;
        for (; Date.now() < end; collections++) {
          for (const image of await images.list()) {
            if (image.name.startsWith("example.org/old")) await images.delete(image.name);
          }
          await slipway.collectGarbage({
            content,
            leases,
            roots: async () => (await images.list()).map(({ target }) => target),
          });
        }
        await store.close();
        return collections;
      }, given),
    ]);
    const broken = await collector.evaluate(
      async ({ name, webLocks, names }) => {
        const store = await slipway.openIndexedDB(name, { webLocks });
        const broken: string[] = [];
        for (const image of names) {
          const failure = await slipway.failureOf(
            (async () => {
              const { target } = await store.images.get(image);
              const manifest = JSON.parse(new TextDecoder().decode(await slipway.readBlobBytes(store.content, target)));
              for (const part of [manifest.config, ...manifest.layers]) {
                for await (const _ of slipway.readBlob(store.content, part));
              }
            })(),
          );
          if (failure !== "nothing") broken.push(`${image}: ${failure}`);
        }
        await store.close();
        return broken;
      },
      { ...given, names: built },
    );
    console.log(`two pages ${label}: built ${built.length} beside ${collections} collections, broken ${broken.length}`);
    expect(broken).toEqual([]);
    expect(built.length).toBeGreaterThan(2);
    expect(collections).toBeGreaterThan(2);
    await builder.close();
    await collector.close();
  });
});
