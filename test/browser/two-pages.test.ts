import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryRoot } from "../support/temporary.ts";
import { type StorePages, storePages } from "./support/pages.ts";

let pages: StorePages;
let one: Page;
let other: Page;

beforeAll(async () => {
  pages = await storePages(temporaryRoot());
  one = await pages.open();
  other = await pages.open();
});
afterAll(async () => {
  await pages?.close();
});

/** Calls the same function in both pages at once. */
function both<A, T>(call: (argument: A & { readonly page: number }) => Promise<T>, argument: A): Promise<[T, T]> {
  // The types of `evaluate` unwrap handles, of which there are none here.
  const evaluate = (page: Page, number: number) =>
    page.evaluate(call as (argument: unknown) => Promise<T>, { ...argument, page: number });
  return Promise.all([evaluate(one, 0), evaluate(other, 1)]);
}

describe.each([
  ["with Web Locks", true],
  ["without Web Locks", false],
])("two pages over one database %s", (label, webLocks) => {
  const options = (name: string) => ({ name: `${name} ${label}`, webLocks });

  it("commit the same blobs at once: each is there once, and whole", async () => {
    const digests = await both(async ({ name, webLocks }) => {
      const { content } = await slipway.openIndexedDB(name, { webLocks });
      const committed: string[] = [];
      for (let seed = 0; seed < 10; seed++) committed.push(await slipway.put(content, seed, 300_000 + seed));
      return committed.sort();
    }, options("same"));
    expect(digests[0]).toEqual(digests[1]);
    expect(
      await both(async ({ name, webLocks }) => {
        const store = await slipway.openIndexedDB(name, { webLocks });
        return [
          await slipway.verifyAll(store.content),
          await slipway.all(store.content.statuses()),
          await slipway.orphans(name),
        ];
      }, options("same")),
    ).toEqual([
      [digests[0], [], []],
      [digests[0], [], []],
    ]);
  });

  it("commit different blobs at once: all are there", async () => {
    const digests = await both(async ({ name, webLocks, page }) => {
      const { content } = await slipway.openIndexedDB(name, { webLocks });
      const seeds = Array.from({ length: 12 }, (_, seed) => 100 * (page + 1) + seed);
      return await Promise.all(seeds.map((seed) => slipway.put(content, seed, (5_000_000 / (1 + (seed % 7))) | 0)));
    }, options("different"));
    const found = await one.evaluate(async ({ name, webLocks }) => {
      const store = await slipway.openIndexedDB(name, { webLocks });
      return await slipway.verifyAll(store.content);
    }, options("different"));
    expect(found).toEqual(digests.flat().sort());
  });

  it("let one writer hold a ref, until its page is closed or crashes", { timeout: 120_000 }, async () => {
    const given = options("held");
    const holds = async ({ name, webLocks }: typeof given): Promise<string> => {
      const store = await slipway.openIndexedDB(name, { webLocks });
      return await slipway.failureOf(
        (async () => {
          const writer = await store.content.writer({ ref: "r" });
          await writer.write(slipway.sampleBytes(1, 3_000_000));
        })(),
      );
    };
    for (const end of webLocks ? ["close", "crash"] : ["crash"]) {
      const holder = await pages.open();
      expect(await holder.evaluate(holds, given)).toBe("nothing");
      expect(await one.evaluate(holds, given)).toMatch(/^UNAVAILABLE: .*another writer holds it/);
      if (end === "close") {
        await holder.close();
      } else {
        const crashed = new Promise((resolve) => holder.once("crash", resolve));
        const session = await pages.context.newCDPSession(holder);
        session.send("Page.crash").catch(() => undefined);
        await crashed;
      }
      // Records that nobody renews any more expire after a while.
      await expect
        .poll(
          () =>
            one.evaluate(async ({ name, webLocks }) => {
              const store = await slipway.openIndexedDB(name, { webLocks });
              return await slipway.failureOf(store.content.abort("r"));
            }, given),
          { timeout: 40_000, interval: 250 },
        )
        .toBe("nothing");
    }
  });

  it("exporting the same snapshot make its layer once", async () => {
    const given = options("export");
    await one.evaluate(async ({ name, webLocks }) => {
      const store = await slipway.openIndexedDB(name, { webLocks });
      const snapshots = slipway.createSnapshotter(store);
      const work = await snapshots.prepare("work");
      for (let i = 0; i < 8; i++) await work.writeFile(`/file-${i}`, slipway.sampleBytes(i, 700_000));
      await snapshots.commit("base", "work");
    }, given);
    const made = await both(async ({ name, webLocks }) => {
      const store = await slipway.openIndexedDB(name, { webLocks });
      const cached: boolean[] = [];
      const snapshots = slipway.createSnapshotter(store);
      const { content, images, metadata, flights } = store;
      const watched: typeof flights = {
        async do(key, work, operation) {
          const layer = await flights.do(key, work, operation);
          cached.push(layer.cached);
          return layer;
        },
      };
      const exporter = slipway.createExporter({ content, images, metadata, snapshots, flights: watched });
      const image = await exporter.resolve({ compression: "gzip" }).export(await snapshots.get("base"));
      return { cached, digest: image.digest };
    }, given);
    expect(made[0].digest).toBe(made[1].digest);
    expect(made.flatMap(({ cached }) => cached).sort()).toEqual([false, true]);
  });

  it("waits for the other's layer no longer than its caller does", async () => {
    const given = options("flight");
    await one.evaluate(async ({ name, webLocks }) => {
      const { flights } = await slipway.openIndexedDB(name, { webLocks });
      const begun = new Promise<void>((resolve) => {
        flights
          .do("key", () => {
            resolve();
            return new Promise(() => undefined);
          })
          .catch(() => undefined);
      });
      await begun;
    }, given);
    expect(
      await other.evaluate(async ({ name, webLocks }) => {
        const { flights } = await slipway.openIndexedDB(name, { webLocks });
        const controller = new AbortController();
        let ran = false;
        const waiting = flights.do(
          "key",
          async () => {
            ran = true;
            throw new Error("not to be run");
          },
          { signal: controller.signal },
        );
        setTimeout(() => controller.abort(new Error("no longer")), 300);
        return [await slipway.failureOf(waiting), ran];
      }, given),
    ).toEqual(["Error: no longer", false]);
  });

  it("respect each other's leases", async () => {
    const given = options("leases");
    const digest = await one.evaluate(async ({ name, webLocks }) => {
      const { content, leases } = await slipway.openIndexedDB(name, { webLocks });
      const digest = await slipway.put(content, 1, 1000);
      await (await leases.create("mine")).add(digest);
      return digest;
    }, given);
    expect(
      await other.evaluate(async ({ name, webLocks }) => {
        const { leases, content } = await slipway.openIndexedDB(name, { webLocks });
        const removed = await slipway.collectGarbage({ content, leases, roots: () => [] });
        return [removed.removed.length, [...(await leases.protectedDigests())]];
      }, given),
    ).toEqual([0, [digest]]);
  });

  it("create leases at once and lose none", async () => {
    const given = options("many leases");
    await both(async ({ name, webLocks, page }) => {
      const { leases } = await slipway.openIndexedDB(name, { webLocks });
      await Promise.all(Array.from({ length: 10 }, (_, i) => leases.create(`lease-${page}-${i}`)));
    }, given);
    expect(
      await one.evaluate(async ({ name, webLocks }) => {
        const { leases } = await slipway.openIndexedDB(name, { webLocks });
        return (await leases.list()).length;
      }, given),
    ).toBe(20);
  });
});

describe("a collection that slept until its lock was another page's", () => {
  it("removes nothing any more: what the other was told is there stays there", async () => {
    const found = await one.evaluate(async (name) => {
      const sleeper = await slipway.openIndexedDB(name, { webLocks: false });
      const other = await slipway.openIndexedDB(name, { webLocks: false });
      const digests = [await slipway.put(sleeper.content, 1, 1000), await slipway.put(sleeper.content, 2, 3_000_000)];
      let marks = 0;
      const sweeping = slipway.collectGarbage({
        content: sleeper.content,
        leases: sleeper.leases,
        roots: async () => {
          // The second time no lease can take in a blob; it sleeps until that is over, and wakes up before it deletes.
          if (++marks < 2) return [];
          await slipway.raw(name, "slipway", (store) => store.put({ owner: "nobody", until: 0 }, "lock/leases"));
          const lease = await other.leases.create("other");
          for (const digest of digests) await lease.add(digest);
          for (const digest of digests) await other.content.info(digest);
          return [];
        },
      });
      const failure = await slipway.failureOf(sweeping);
      const kept = await slipway.verifyAll(other.content);
      await (await other.leases.get("other")).release();
      // Awake again, it does its work.
      const { removed } = await slipway.collectGarbage({
        content: sleeper.content,
        leases: sleeper.leases,
        roots: () => [],
      });
      return { failure, kept, digests: digests.sort(), removed: removed.length, orphans: await slipway.orphans(name) };
    }, "slept in a sweep");
    expect(found.failure).toMatch(/^UNAVAILABLE: .*another page took the lock leases over while this one slept/);
    expect(found.kept).toEqual(found.digests);
    expect([found.removed, found.orphans]).toEqual([2, []]);
  });
});

describe("a writer that lost its ref", () => {
  it("can neither write nor commit, and does not spoil the ingest of the one who took it over", async () => {
    const name = "taken over";
    const found = await one.evaluate(async (name) => {
      const first = await slipway.openIndexedDB(name, { webLocks: false });
      const second = await slipway.openIndexedDB(name, { webLocks: false });
      const bytes = slipway.sampleBytes(1, 5_000_000);
      const sleeper = await first.content.writer({ ref: "r" });
      await sleeper.write(bytes.subarray(0, 4_500_000));
      // As if it had slept until its lock was over.
      await slipway.raw(name, "slipway", (store) => store.put({ owner: "nobody", until: 0 }, "lock/ingest:r"));
      const writer = await second.content.writer({ ref: "r" });
      const { offset } = writer.status();
      const failures = [
        await slipway.failureOf(sleeper.commit()),
        await slipway.failureOf(sleeper.write(bytes)),
        await slipway.failureOf(sleeper.close()),
      ];
      await writer.write(bytes.subarray(offset));
      const { digest } = await writer.commit();
      return {
        failures,
        right: digest === slipway.digestOf(bytes),
        all: await slipway.verifyAll(first.content),
        orphans: await slipway.orphans(name),
      };
    }, name);
    expect(found.failures[0]).toMatch(/^UNAVAILABLE: .*another writer took its ingest over/);
    expect(found.failures[1]).toMatch(/^UNAVAILABLE: .*another writer took its ingest over/);
    expect(found.failures[2]).toBe("nothing");
    expect([found.right, found.all.length, found.orphans]).toEqual([true, 1, []]);
  });
});
