import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryRoot } from "../support/temporary.ts";
import { type StorePages, storePages } from "./support/pages.ts";

let pages: StorePages;
let page: Page;

beforeAll(async () => {
  pages = await storePages(temporaryRoot());
  page = await pages.open();
});
afterAll(async () => {
  await pages?.close();
});

describe("a database that is deleted under an open store", () => {
  it("ends the store with a clear error, tells its page, and can be made anew", async () => {
    const other = await pages.open();
    await page.evaluate(async () => {
      const store = await slipway.openIndexedDB("deleted", {
        onClosed(reason) {
          document.title = `closed: ${reason}`;
        },
      });
      await slipway.put(store.content, 1, 1000);
      Object.assign(globalThis, { store });
    });
    await other.evaluate(() => slipway.deleteIndexedDB("deleted"));
    expect(await page.title()).toBe("closed: deleted");
    const failures = await page.evaluate(async () => {
      const { store } = globalThis as unknown as { store: import("../../src/browser/index.ts").IndexedDBStore };
      const digest = slipway.digestOf(slipway.sampleBytes(1, 1000));
      return await Promise.all(
        [
          store.content.info(digest),
          store.content.writer({ ref: "r" }),
          store.images.list(),
          store.metadata.get("a"),
        ].map((call) => slipway.failureOf(call)),
      );
    });
    for (const failure of failures) {
      expect(failure).toMatch(
        /^FAILED_PRECONDITION: Cannot use database "deleted": another page deletes it; open it again/,
      );
    }
    expect(
      await page.evaluate(async () => {
        const { content } = await slipway.openIndexedDB("deleted");
        return (await slipway.all(content.list())).length;
      }),
    ).toBe(0);
    await other.close();
  });

  it("fails the writers that are at work, and no half of a blob comes to be", async () => {
    expect(
      await page.evaluate(async () => {
        const store = await slipway.openIndexedDB("deleted while written");
        const writer = await store.content.writer({ ref: "r" });
        await writer.write(slipway.sampleBytes(1, 5_000_000));
        await slipway.deleteIndexedDB("deleted while written");
        const failures = [await slipway.failureOf(writer.commit()), await slipway.failureOf(writer.close())];
        const { content } = await slipway.openIndexedDB("deleted while written");
        return [failures, await slipway.all(content.list()), await slipway.all(content.statuses())];
      }),
    ).toEqual([[expect.stringMatching(/^FAILED_PRECONDITION: /), "nothing"], [], []]);
  });

  it("is nothing to complain about where there is none", async () => {
    expect(
      await page.evaluate(async () => {
        await slipway.deleteIndexedDB("never there");
        return (await indexedDB.databases()).map(({ name }) => name).includes("never there");
      }),
    ).toBe(false);
  });
});

describe("a database that the browser closes by itself", () => {
  it("is opened again", async () => {
    expect(
      await page.evaluate(async () => {
        const opened: IDBDatabase[] = [];
        const open = IDBFactory.prototype.open;
        IDBFactory.prototype.open = function (...given) {
          const request = open.apply(this, given);
          request.addEventListener("success", () => opened.push(request.result));
          return request;
        };
        try {
          const { content, images } = await slipway.openIndexedDB("reopened");
          const digest = await slipway.put(content, 1, 1000);
          // With the event that says so, and before it comes.
          for (const database of opened.splice(0)) {
            database.close();
            database.dispatchEvent(new Event("close"));
          }
          const before = (await content.info(digest)).size;
          for (const database of opened.splice(0)) database.close();
          return [before, await images.list(), (await content.info(digest)).size];
        } finally {
          IDBFactory.prototype.open = open;
        }
      }),
    ).toEqual([1000, [], 1000]);
  });

  it("is not taken for the same when it was cleared and made anew", async () => {
    const session = await pages.context.newCDPSession(page);
    await page.evaluate(async () => {
      const store = await slipway.openIndexedDB("cleared", {
        onClosed(reason) {
          document.title = `closed: ${reason}`;
        },
      });
      await slipway.put(store.content, 1, 1000);
      Object.assign(globalThis, { store });
    });
    // As a user does in the browser's settings.
    await session.send("Storage.clearDataForOrigin", { origin: pages.origin, storageTypes: "indexeddb" });
    const failure = await page.evaluate(async () => {
      const { store } = globalThis as unknown as { store: import("../../src/browser/index.ts").IndexedDBStore };
      return await slipway.failureOf(slipway.all(store.content.list()));
    });
    expect(failure).toMatch(
      /^FAILED_PRECONDITION: Cannot use database "cleared": the browser has closed it and it was made anew/,
    );
    expect(await page.title()).toBe("closed: replaced");
  });
});

describe("a database of another version", () => {
  it("is brought to the newer one, step by step, with what it holds", async () => {
    expect(
      await page.evaluate(async () => {
        const store = await slipway.openIndexedDB("older");
        const digest = await slipway.put(store.content, 1, 1000);
        await store.close();
        const steps = [
          ...slipway.SCHEMA.steps,
          (_: IDBDatabase, transaction: IDBTransaction) => {
            const content = transaction.objectStore("content");
            content.openCursor(IDBKeyRange.bound(["blob"], ["blob", []])).onsuccess = ({ target }) => {
              const cursor = (target as IDBRequest<IDBCursorWithValue | null>).result;
              if (cursor === null) return;
              cursor.update({ ...cursor.value, labels: [...cursor.value.labels, ["upgraded", "yes"]] });
              cursor.continue();
            };
          },
          (database: IDBDatabase) => {
            database.createObjectStore("new in 3");
          },
        ];
        const upgraded = await slipway.Database.open("older", { steps });
        const record = await slipway.keyvalGet(upgraded.use("content"), ["blob", digest]);
        const added = await slipway.keyvalGet(upgraded.use("new in 3"), "x");
        await upgraded.close();
        const database = await slipway.rawDatabase("older");
        const { version } = database;
        database.close();
        return [(record as { labels: unknown }).labels, added, version];
      }),
    ).toEqual([[["upgraded", "yes"]], undefined, 3]);
  });

  it("stays as it was when a step fails", async () => {
    expect(
      await page.evaluate(async () => {
        const store = await slipway.openIndexedDB("step fails");
        const digest = await slipway.put(store.content, 1, 1000);
        await store.close();
        const steps = [
          ...slipway.SCHEMA.steps,
          (database: IDBDatabase) => {
            database.deleteObjectStore("content");
            throw new Error("no further");
          },
        ];
        const failure = await slipway.failureOf(slipway.Database.open("step fails", { steps }));
        const { content } = await slipway.openIndexedDB("step fails");
        return [failure, (await content.info(digest)).size];
      }),
    ).toEqual(['IO: Cannot open database "step fails": no further', 1000]);
  });

  it("that is newer is refused and left alone", async () => {
    expect(
      await page.evaluate(async () => {
        const steps = [...slipway.SCHEMA.steps, () => undefined];
        await (await slipway.Database.open("newer", { steps })).close();
        return await slipway.failureOf(slipway.openIndexedDB("newer"));
      }),
    ).toBe(
      'UNSUPPORTED: Cannot open database "newer": it has version 2, and this page\'s Slipway knows 1; reload the page to get a newer one',
    );
  });

  it("ends the stores of pages that know the older one only", async () => {
    expect(
      await page.evaluate(async () => {
        const reasons: string[] = [];
        const { content } = await slipway.openIndexedDB("given way", { onClosed: (reason) => reasons.push(reason) });
        const steps = [...slipway.SCHEMA.steps, () => undefined];
        await (await slipway.Database.open("given way", { steps })).close();
        return [reasons, await slipway.failureOf(slipway.all(content.list()))];
      }),
    ).toEqual([
      ["upgrade"],
      'FAILED_PRECONDITION: Cannot use database "given way": another page brings it to a newer version; reload this page',
    ]);
  });

  it("that another page holds and does not let go of is unavailable, and can be opened when it has", async () => {
    expect(
      await page.evaluate(async () => {
        await (await slipway.openIndexedDB("blocked")).close();
        const holder = await slipway.rawDatabase("blocked");
        const steps = [...slipway.SCHEMA.steps, () => undefined];
        const failures = [
          await slipway.failureOf(slipway.Database.open("blocked", { steps }, { patience: 200 })),
          // These stand behind that one, and are told nothing.
          await slipway.failureOf(slipway.Database.open("blocked", slipway.SCHEMA, { patience: 50 })),
          await slipway.failureOf(slipway.deleteDatabase("blocked", 50)),
        ];
        holder.close();
        const upgraded = await slipway.Database.open("blocked", { steps });
        await upgraded.close();
        return failures;
      }),
    ).toEqual([
      expect.stringMatching(
        /^UNAVAILABLE: Cannot open database "blocked": other pages have it open and do not give way/,
      ),
      expect.stringMatching(/^UNAVAILABLE: Cannot open database "blocked": other pages/),
      expect.stringMatching(/^UNAVAILABLE: Cannot delete database "blocked": other pages/),
    ]);
  });

  it("that is to be deleted and another page holds is deleted when that one lets go", async () => {
    expect(
      await page.evaluate(async () => {
        const store = await slipway.openIndexedDB("delete blocked");
        await slipway.put(store.content, 1, 1000);
        await store.close();
        const holder = await slipway.rawDatabase("delete blocked");
        const failure = await slipway.failureOf(slipway.deleteDatabase("delete blocked", 200));
        holder.close();
        const { content } = await slipway.openIndexedDB("delete blocked");
        return [failure, await slipway.all(content.list())];
      }),
    ).toEqual([
      'UNAVAILABLE: Cannot delete database "delete blocked": other pages have it open and do not give way; it is deleted as soon as they are closed',
      [],
    ]);
  });
});

describe("a database of somebody else", () => {
  it("is neither opened nor deleted, whatever its version", async () => {
    const found = await page.evaluate(async () => {
      const results: unknown[] = [];
      for (const version of [1, 7]) {
        const name = `foreign ${version}`;
        await new Promise<void>((resolve) => {
          const request = indexedDB.open(name, version);
          request.onupgradeneeded = () => request.result.createObjectStore("keyval").put("precious", "key");
          request.onsuccess = () => {
            request.result.close();
            resolve();
          };
        });
        const steps = [...slipway.SCHEMA.steps, () => undefined];
        results.push(
          await slipway.failureOf(slipway.openIndexedDB(name)),
          await slipway.failureOf(slipway.Database.open(name, { steps })),
          await slipway.failureOf(slipway.deleteIndexedDB(name)),
          await slipway.raw(name, "keyval", (store) => store.get("key")),
        );
      }
      return results;
    });
    const refused = expect.stringMatching(/^FAILED_PRECONDITION: .*was not made by Slipway; choose another name/);
    expect(found).toEqual([refused, refused, refused, "precious", refused, refused, refused, "precious"]);
  });

  it("has a name that is a name", async () => {
    expect(await page.evaluate(() => slipway.failureOf(slipway.openIndexedDB("")))).toMatch(/^INVALID_ARGUMENT: /);
  });

  it("is opened with amounts that are none neither", async () => {
    const failures = await page.evaluate(() =>
      Promise.all([
        slipway.failureOf(slipway.openIndexedDB("amounts", { staleAfter: -1 })),
        slipway.failureOf(slipway.openIndexedDB("amounts", { filesFrom: Number.NaN })),
      ]),
    );
    expect(failures[0]).toMatch(/^INVALID_ARGUMENT: .*staleAfter is -1/);
    expect(failures[1]).toMatch(/^INVALID_ARGUMENT: .*filesFrom is NaN/);
  });
});

describe("a store that was closed", () => {
  it("says so, and what was written is there when it is opened again", async () => {
    expect(
      await page.evaluate(async () => {
        const store = await slipway.openIndexedDB("closed");
        const digest = await slipway.put(store.content, 1, 1000);
        await store.close();
        await store.close();
        const again = await slipway.openIndexedDB("closed");
        return [await slipway.failureOf(store.content.info(digest)), (await again.content.info(digest)).size];
      }),
    ).toEqual(['FAILED_PRECONDITION: Cannot use database "closed": its store was closed', 1000]);
  });
});

describe("an ingest that is gone on with", () => {
  it("is not read and hashed again: the state of the hash is stored with its bytes", async () => {
    const found = await page.evaluate(async () => {
      const bytes = slipway.sampleBytes(1, 10_000_000);
      let hashed = 0;
      const hasher = Object.assign((algorithm: "sha256" | "sha512") => counting(slipway.pureHasher(algorithm)), {
        load: (algorithm: "sha256" | "sha512", state: Uint8Array) =>
          counting(slipway.pureHasher.load?.(algorithm, state) ?? slipway.pureHasher(algorithm)),
      });
      const counting = (inner: ReturnType<typeof slipway.pureHasher>): typeof inner => ({
        update(chunk) {
          hashed += chunk.byteLength;
          inner.update(chunk);
        },
        digest: () => inner.digest(),
        clone: () => inner.clone(),
        save: () => inner.save?.() ?? new Uint8Array(),
      });
      const { content } = await slipway.openIndexedDB("state", { hasher });
      const writer = await content.writer({ ref: "r" });
      for (let at = 0; at < 7_000_000; at += 70_000) await writer.write(bytes.subarray(at, at + 70_000));
      // Left as it is, as by a page that goes away; what was not stored yet is lost.
      const again = await slipway.openIndexedDB("state", { hasher, webLocks: false });
      hashed = 0;
      const next = await again.content.writer({ ref: "r" });
      const { offset } = next.status();
      const before = hashed;
      await next.write(bytes.subarray(offset));
      const { digest } = await next.commit();
      return { offset, before, hashed, right: digest === slipway.digestOf(bytes) };
    });
    expect(found.offset).toBeGreaterThan(4_000_000);
    expect(found).toMatchObject({ before: 0, hashed: 10_000_000 - found.offset, right: true });
  });
});

describe("a database that takes no Blobs", () => {
  it("keeps the parts as bytes", async () => {
    expect(
      await page.evaluate(async () => {
        const put = IDBObjectStore.prototype.put;
        IDBObjectStore.prototype.put = function (...given) {
          if (given[0] instanceof Blob) throw new DOMException("BlobURLs are not supported", "DataCloneError");
          return put.apply(this, given);
        };
        try {
          const { content } = await slipway.openIndexedDB("no blobs");
          const digest = await slipway.put(content, 1, 9_000_000);
          const parts = await slipway.raw("no blobs", "content", (store) =>
            store.getAll(IDBKeyRange.bound(["part"], ["part", []])),
          );
          const range = await slipway.bytesOf(content.open(digest, { offset: 4_000_000, length: 300_000 }));
          return [
            (await slipway.verifyAll(content)).length,
            parts?.every((part) => part instanceof Uint8Array),
            slipway.digestOf(range) ===
              slipway.digestOf(slipway.sampleBytes(1, 9_000_000).subarray(4_000_000, 4_300_000)),
          ];
        } finally {
          IDBObjectStore.prototype.put = put;
        }
      }),
    ).toEqual([1, true, true]);
  });
});

describe("records that were altered by hand", () => {
  it("of a blob's bytes make reading it fail", async () => {
    expect(
      await page.evaluate(async () => {
        const { content } = await slipway.openIndexedDB("altered");
        const results: string[] = [];
        for (const [seed, alter] of [
          (bytes: Uint8Array) => bytes.fill(7, 100, 101),
          (bytes: Uint8Array) => bytes.subarray(1),
          () => undefined,
        ].entries()) {
          const digest = await slipway.put(content, seed, 9_000_000);
          const { size } = await content.info(digest);
          const keys = await slipway.raw("altered", "content", (store) =>
            store.getAllKeys(IDBKeyRange.bound(["part"], ["part", []])),
          );
          const key = keys?.[1] ?? "";
          const part = await slipway.raw<Blob>("altered", "content", (store) => store.get(key));
          const altered = alter(new Uint8Array((await part?.arrayBuffer()) ?? []));
          await slipway.raw("altered", "content", (store) => {
            if (altered === undefined) store.delete(key);
            else store.put(new Blob([altered as Uint8Array<ArrayBuffer>]), key);
            return undefined;
          });
          results.push(await slipway.failureOf(slipway.all(slipway.readBlob(content, { digest, size }))));
          await content.delete(digest);
        }
        return results.map((result) => result.split(":")[0]);
      }),
    ).toEqual(["DIGEST_MISMATCH", "SIZE_MISMATCH", "SIZE_MISMATCH"]);
  });

  it("of other things are errors that name them", async () => {
    expect(
      await page.evaluate(async () => {
        const { content, metadata } = await slipway.openIndexedDB("damaged");
        const digest = slipway.digestOf(new Uint8Array());
        await slipway.raw("damaged", "content", (store) => store.put({ size: "many" }, ["blob", digest]));
        await slipway.raw("damaged", "content", (store) => store.put({ ref: 5 }, ["ingest", "r"]));
        await slipway.raw("damaged", "metadata", (store) => store.put("text", "a"));
        return [
          await slipway.failureOf(content.info(digest)),
          await slipway.failureOf(content.status("r")),
          await slipway.failureOf(metadata.get("a")),
        ];
      }),
    ).toEqual([
      expect.stringMatching(/^IO: Cannot use blob sha256:e3b0.*damaged/),
      expect.stringMatching(/^IO: Cannot use ingest r: .*damaged/),
      expect.stringMatching(/^IO: Cannot read record a: something else is in its place/),
    ]);
  });
});

describe("what the browser says of its storage", () => {
  it("are bytes in use and allowed", async () => {
    const estimate = await page.evaluate(() => slipway.storageEstimate());
    expect(estimate).toEqual({ usage: expect.any(Number), quota: expect.any(Number), persisted: expect.any(Boolean) });
    expect(estimate.quota).toBeGreaterThan(estimate.usage);
    expect(typeof (await page.evaluate(() => slipway.requestPersistentStorage()))).toBe("boolean");
  });

  it("is unknown on a page that has no storage manager", async () => {
    expect(
      await page.evaluate(async () => {
        const real = navigator.storage;
        Object.defineProperty(navigator, "storage", { configurable: true, value: undefined });
        try {
          return [await slipway.failureOf(slipway.storageEstimate()), await slipway.requestPersistentStorage()];
        } finally {
          Object.defineProperty(navigator, "storage", { configurable: true, value: real });
        }
      }),
    ).toEqual([expect.stringMatching(/^UNSUPPORTED: /), false]);
  });
});
