import { describe, expect, it } from "vitest";
import { openR2, type R2Store, type R2StoreOptions } from "../../src/cloudflare/index.ts";
import { collect, digestOfBytes, put, sampleBytes } from "../../src/content/conformance/support.ts";
import { contentStoreConformance } from "../../src/content/conformance.ts";
import {
  type ContentInfo,
  collectGarbage,
  type LeaseManager,
  readBlobBytes,
  withLease,
  writeBlob,
} from "../../src/content/index.ts";
import { imageStoreConformance } from "../../src/images/conformance.ts";
import type { Digest } from "../../src/oci/index.ts";
import { metadataStoreConformance } from "../../src/snapshots/conformance.ts";
import { StrictBucket, type StrictOptions } from "./strict/strict-bucket.ts";
import { VirtualTimers } from "./strict/virtual-timers.ts";

type Mark = Parameters<LeaseManager["sweep"]>[2];

const PART = 5 * 1024 * 1024;

class Fixture {
  readonly timers: VirtualTimers = new VirtualTimers();
  readonly bucket: StrictBucket;

  constructor(options: StrictOptions = {}) {
    this.bucket = new StrictBucket(this.timers, options);
  }

  /** Of another isolate each time. */
  open(options: R2StoreOptions = {}): R2Store {
    return openR2(this.bucket.binding(), { timers: this.timers, partSize: PART, ...options });
  }

  async info(store: R2Store, digest: Digest): Promise<ContentInfo | undefined> {
    return await store.content.info(digest).catch((error: { readonly code: string }) => {
      if (error.code !== "NOT_FOUND") throw error;
      return undefined;
    });
  }
}

const image = (name: string, bytes: Uint8Array) => ({
  name,
  target: { mediaType: "application/octet-stream", digest: digestOfBytes(bytes), size: bytes.byteLength },
});

for (const deletesCount of [true, false]) {
  describe(`a store in a bucket that refuses to be written to too often${deletesCount ? ", deletions too" : ""}`, () => {
    let fixture = new Fixture({ deletesCount });
    const fresh = (): R2Store => {
      fixture = new Fixture({ deletesCount });
      return fixture.open();
    };
    const reopen = async () => fixture.open().content;
    for (const { name, run } of contentStoreConformance(async () => fresh().content, { reopen })) it(name, run);
    for (const { name, run } of imageStoreConformance(async () => fresh().images)) it(name, run);
    for (const { name, run } of metadataStoreConformance(async () => fresh().metadata)) it(name, run);
  });
}

describe("leases in a bucket", () => {
  it("end, and begin again under the same id, with nothing of the old ones", async () => {
    const { bucket, timers, open } = bound(new Fixture());
    const [one, other] = [open(), open()];
    const bytes = sampleBytes(1, 100);
    const lease = await one.leases.create("mine");
    await lease.add(digestOfBytes(bytes));
    await expect(other.leases.create("mine")).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    await expect(other.leases.create("a/b")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    const same = await other.leases.get("mine");
    await same.add(digestOfBytes(bytes));
    const more = digestOfBytes(sampleBytes(2, 10));
    await same.add(more);
    expect(new Set(await lease.digests())).toEqual(new Set([digestOfBytes(bytes), more]));
    expect(await one.leases.list()).toEqual(["mine"]);
    await same.release();
    await expect(lease.add(digestOfBytes(sampleBytes(3, 10)))).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    expect(await one.leases.protectedDigests()).toEqual(new Set());
    const again = await one.leases.create("mine");
    expect(await again.digests()).toEqual([]);
    await again.add(more);
    await lease.release();
    expect(await other.leases.protectedDigests()).toEqual(new Set([more]));
    await again.release();
    await again.release();
    await expect(one.leases.get("mine")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await timers.sleep(7_200_000);
    await one.tidy(3600);
    expect(bucket.keys).toEqual([]);
  });

  it("end after a day, by the bucket's clock", async () => {
    const { bucket, timers, open } = bound(new Fixture());
    const store = open();
    const digest = digestOfBytes(sampleBytes(1, 100));
    const lease = await store.leases.create("old");
    await lease.add(digest);
    await (await store.leases.create()).add(digest);
    await timers.sleep(23 * 3_600_000);
    expect(await store.leases.protectedDigests()).toEqual(new Set([digest]));
    await timers.sleep(2 * 3_600_000);
    expect(await store.leases.protectedDigests()).toEqual(new Set());
    expect(await store.leases.list()).toEqual([]);
    await expect(lease.add(digestOfBytes(sampleBytes(2, 1)))).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    const again = await store.leases.create("old");
    expect(await again.digests()).toEqual([]);
    await again.release();
    await timers.sleep(3_600_001);
    await store.tidy(3600);
    await timers.sleep(3_600_001);
    await store.tidy(3600);
    expect(bucket.keys).toEqual([]);
  });
});

describe("a sweep of a bucket", () => {
  const everything: Mark = async () => new Set();

  it("removes what is not marked, keeps what is, and lets marking read what it is about to remove", async () => {
    const { bucket, open, info } = bound(new Fixture());
    const store = open();
    const blobs = [];
    for (const seed of [1, 2, 3, 4]) blobs.push(await put(store.content, sampleBytes(seed, seed * 20_000)));
    const [kept, gone, large, absent] = blobs as [ContentInfo, ContentInfo, ContentInfo, ContentInfo];
    await store.content.delete(absent.digest);
    const read: Uint8Array[] = [];
    const removed = await store.leases.sweep(store.content, blobs, async (view) => {
      for (const { digest } of [kept, gone, large]) {
        await view.info(digest);
        read.push(await readBlobBytes(view, { digest }));
      }
      await expect(view.info(absent.digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
      return new Set([kept.digest]);
    });
    expect(new Set(removed)).toEqual(new Set([gone, large]));
    expect(read.map(({ byteLength }) => byteLength)).toEqual([20_000, 40_000, 60_000]);
    for (const other of [store, open()]) {
      expect(await readBlobBytes(other.content, kept)).toEqual(sampleBytes(1, 20_000));
      expect(await info(other, gone.digest)).toBeUndefined();
      const listed = [];
      for await (const { digest } of other.content.list()) listed.push(digest);
      expect(listed).toEqual([kept.digest]);
    }
    expect(bucket.keys.filter((key) => key.startsWith("data/"))).toEqual([]);
    // What is gone can be written again, what stays can be labelled, deleted and swept again.
    await put(store.content, sampleBytes(2, 40_000));
    expect((await store.content.label(kept.digest, { a: "b" })).labels).toEqual({ a: "b" });
    expect((await store.leases.sweep(store.content, [kept, gone], everything)).length).toBe(2);
    expect(await info(store, kept.digest)).toBeUndefined();
  });

  it("has nobody told that a blob is there, or is not, before it has decided", async () => {
    for (const decision of ["kept", "removed", "failed"] as const) {
      const { open, info } = bound(new Fixture());
      const store = open();
      const bytes = sampleBytes(1, 700);
      const blob = await put(store.content, bytes);
      let begun = (): void => undefined;
      let decide = (): void => undefined;
      const marking = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const sweeping = store.leases.sweep(store.content, [blob], async () => {
        begun();
        await new Promise<void>((resolve) => {
          decide = resolve;
        });
        if (decision === "failed") throw new Error("no roots");
        return new Set(decision === "kept" ? [blob.digest] : []);
      });
      sweeping.catch(() => undefined);
      await marking;
      let told = 0;
      const asks = ["info", "open", "writer", "commit", "label", "delete"] as const;
      const answers = asks.map(async (ask) => {
        const { content } = open();
        const result = await {
          info: () => content.info(blob.digest),
          open: () => collect(content.open(blob.digest)),
          writer: () => content.writer({ ref: "r", digest: blob.digest }),
          commit: async () => {
            const writer = await content.writer({ ref: `r-${ask}` });
            await writer.write(bytes);
            return await writer.commit();
          },
          label: () => content.label(blob.digest, { a: "b" }),
          delete: async () => undefined,
        }
          [ask]()
          .then(
            () => "there",
            (error: { readonly code: string }) => error.code,
          );
        if (ask !== "delete") told++;
        return result;
      });
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
      expect(told).toBe(0);
      decide();
      const after = await Promise.all(answers);
      if (decision === "failed") await expect(sweeping).rejects.toThrow("no roots");
      else await sweeping;
      const [ofInfo, ofOpen, ofWriter, ofCommit] = after;
      if (decision === "removed") {
        // One of them makes it anew, and the others may see that.
        expect(ofCommit).toBe("there");
        expect(await info(open(), blob.digest)).toMatchObject({ size: 700 });
      } else {
        expect([ofInfo, ofOpen, ofWriter, ofCommit]).toEqual(["there", "there", "ALREADY_EXISTS", "ALREADY_EXISTS"]);
      }
    }
  });

  it("that was killed, or is too slow, removes nothing, whoever finds its marks", async () => {
    const { bucket, timers, open } = bound(new Fixture());
    const store = open();
    const bytes = sampleBytes(1, 700);
    const blob = await put(store.content, bytes);
    let resolve = (): void => undefined;
    const slow = store.leases.sweep(store.content, [blob], async () => {
      await new Promise<void>((done) => {
        resolve = done;
      });
      return new Set();
    });
    await timers.sleep(2000);
    const before = timers.now();
    expect(await readBlobBytes(open().content, blob)).toEqual(bytes);
    expect(timers.now() - before).toBeLessThan(25_000);
    resolve();
    await expect(slow).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await readBlobBytes(open().content, blob)).toEqual(bytes);
    await timers.sleep(3_700_000);
    await open().tidy(3600);
    expect(bucket.keys).toEqual([`blobs/${blob.digest.replace(":", "/")}`]);
    expect(await readBlobBytes(open().content, blob)).toEqual(bytes);
  });

  it("removes nothing if it is aborted before it has decided", async () => {
    const { open, info } = bound(new Fixture());
    const store = open();
    const blobs = [];
    for (let seed = 0; seed < 10; seed++) blobs.push(await put(store.content, sampleBytes(seed, 50)));
    const controller = new AbortController();
    const reason = new Error("stop");
    const marks: Mark[] = [
      async () => {
        controller.abort(reason);
        return new Set();
      },
      everything,
    ];
    for (const mark of marks) {
      await expect(store.leases.sweep(store.content, blobs, mark, controller.signal)).rejects.toBe(reason);
      for (const { digest } of blobs) expect(await info(open(), digest)).toBeDefined();
    }
  });

  it("removes each blob once where several are at work, and deletions too", async () => {
    const { open, info } = bound(new Fixture());
    const blobs = await Promise.all([...Array(40).keys()].map((seed) => put(open().content, sampleBytes(seed, 500))));
    const keep = new Set(blobs.slice(0, 5).map(({ digest }) => digest));
    const deleted = blobs.slice(5, 8);
    const sweeps = [0, 1, 2, 3].map(async (number) => {
      const store = open();
      const candidates = number % 2 === 0 ? blobs : [...blobs].reverse();
      return await store.leases.sweep(store.content, candidates, async () => keep);
    });
    const deletions = deleted.map(({ digest }) =>
      open()
        .content.delete(digest)
        .catch((error: { readonly code: string }) => expect(error.code).toBe("NOT_FOUND")),
    );
    const removed = (await Promise.all(sweeps)).flat().map(({ digest }) => digest);
    await Promise.all(deletions);
    expect(new Set(removed).size).toBe(removed.length);
    expect(removed.length).toBeGreaterThanOrEqual(blobs.length - keep.size - deleted.length);
    for (const { digest } of blobs) expect((await info(open(), digest)) !== undefined).toBe(keep.has(digest));
  });

  it("collects hundreds at a time, and little is left of them after an hour", async () => {
    const { bucket, timers, open } = bound(new Fixture({ pageSize: 70 }));
    const store = open();
    for (let seed = 0; seed < 250; seed++) await put(store.content, sampleBytes(seed, 100 + seed));
    const before = timers.now();
    const { removed } = await collectGarbage({ content: store.content, leases: store.leases, roots: () => [] });
    expect(removed.length).toBe(250);
    expect(timers.now() - before).toBeLessThan(10_000);
    for (let hours = 0; hours < 3; hours++) {
      await timers.sleep(3_700_000);
      await open().tidy(3600);
    }
    expect(bucket.keys).toEqual([]);
  });

  it("costs no more for what was collected before", async () => {
    const { bucket, open } = bound(new Fixture());
    const callsOfOne = async (seed: number): Promise<number> => {
      const store = open();
      await put(store.content, sampleBytes(seed, 100));
      const before = bucket.calls.length;
      await collectGarbage({ content: store.content, leases: store.leases, roots: () => [] });
      await store.tidy(3600);
      return bucket.calls.length - before;
    };
    await callsOfOne(0);
    const second = await callsOfOne(1);
    for (let seed = 2; seed < 30; seed++) await callsOfOne(seed);
    expect(await callsOfOne(30)).toBe(second);
  });

  it("loses nothing of builders that come and go, whatever R2 does", async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const faults = seed % 3 === 0 ? {} : { faults: { seed, fails: 0.02, losesAnswer: 0.02, slow: 0.005 } };
      const { timers, open } = bound(new Fixture({ deletesCount: seed % 2 === 0, ...faults }));
      const random = randomOf(seed);
      const begin = timers.now();
      let refused = 0;
      let verified = 0;
      const unlessRefused = async (work: () => Promise<void>): Promise<boolean> => {
        try {
          await work();
          return true;
        } catch (error) {
          refused++;
          expect(["UNAVAILABLE", "IO", "ALREADY_EXISTS"]).toContain((error as { readonly code: string }).code);
          return false;
        }
      };
      const builder = async (number: number): Promise<void> => {
        for (let round = 0; round < 5; round++) {
          await timers.sleep(30_000 * round + random() * 2000 - (timers.now() - begin));
          const store = open();
          const name = `image-${number}-${round}`;
          // What one builder wants anew has just become garbage of another's.
          const bytes = sampleBytes(Math.floor(random() * 4), random() < 0.5 ? 400 : 40_000);
          const digest = digestOfBytes(bytes);
          const isNamed = await unlessRefused(async () => {
            const lease = await store.leases.create();
            await writeBlob(withLease(store.content, lease), bytes, { digest, size: bytes.byteLength });
            await timers.sleep(random() * 300);
            await store.images.create(image(name, bytes));
            await lease.release().catch(() => undefined);
          });
          for (const wait of [0, 1000, 3000]) {
            await timers.sleep(wait * random());
            if (!isNamed) continue;
            const found = await readBlobBytes(open({ attempts: 10 }).content, { digest });
            expect([seed, digestOfBytes(found)]).toEqual([seed, digest]);
            verified++;
          }
          await unlessRefused(async () => {
            await store.images.delete(name).catch((error: { readonly code: string }) => {
              if (error.code !== "NOT_FOUND") throw error;
            });
            const roots = async () => (await store.images.list()).map(({ target }) => target);
            await collectGarbage({ content: store.content, leases: store.leases, roots });
            if (number % 2 === 0) await store.tidy(60);
          });
        }
      };
      await Promise.all([...Array(12).keys()].map(builder));
      expect(verified).toBeGreaterThan(100);
      if (seed % 3 === 0) expect(refused).toBe(0);
    }
  });
});

/** Numbers from 0 to 1, the same ones for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("calls to a bucket", () => {
  it("by ten who write to one key all get through", async () => {
    const { timers, open } = bound(new Fixture());
    const before = timers.now();
    const bytes = [...Array(10).keys()].map((seed) => sampleBytes(seed, 100));
    await Promise.all(bytes.map((value) => open().metadata.set("key", value)));
    expect(timers.now() - before).toBeLessThan(40_000);
    expect(bytes).toContainEqual(await open().metadata.get("key"));
  });

  it("of a bucket that is busy for good end with UNAVAILABLE, of one that fails with IO", async () => {
    for (const [code, wanted] of [
      [10058, "UNAVAILABLE"],
      [10043, "UNAVAILABLE"],
      [10001, "IO"],
      [10002, "IO"],
    ] as const) {
      const fixture = new Fixture();
      const bucket = { ...fixture.bucket.binding(), put: () => Promise.reject(new Error(`put: Sorry. (${code})`)) };
      const store = openR2(bucket, { timers: fixture.timers });
      await expect(store.metadata.set("key", new Uint8Array(1))).rejects.toMatchObject({ code: wanted });
    }
  });

  it("are counted, by what they cost", async () => {
    const store = new Fixture().open();
    await writeBlob(store.content, sampleBytes(1, 2 * PART + 10));
    await store.images.list();
    await store.content.delete(digestOfBytes(sampleBytes(1, 2 * PART + 10)));
    const { byKind, ...sums } = store.calls();
    expect(byKind).toEqual({
      head: 0,
      get: 1,
      put: 2,
      delete: 1,
      list: 1,
      createMultipartUpload: 1,
      uploadPart: 3,
      completeMultipartUpload: 1,
      abortMultipartUpload: 0,
    });
    expect(sums).toEqual({ classA: 8, classB: 1, free: 1, total: 10 });
  });

  it("are six at a time, and no more than allowed, but for giving back what is held", async () => {
    const fixture = new Fixture();
    const store = fixture.open({ callLimit: 100 });
    const lease = await store.leases.create();
    const write = (seed: number) => put(withLease(store.content, lease), sampleBytes(seed, 10));
    await Promise.all([...Array(12).keys()].map(write));
    let failure: unknown;
    for (let seed = 20; failure === undefined && seed < 60; seed++) {
      await write(seed).catch((error: unknown) => {
        failure = error;
      });
    }
    expect(failure).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      message: expect.stringMatching(/^Cannot .*: this store has made 90 calls to R2, and its callLimit is 100$/),
    });
    expect(fixture.bucket.mostOpen).toBe(6);
    await lease.release();
    expect(fixture.bucket.keys.filter((key) => key.startsWith("leases/"))).toEqual([]);
    expect(store.calls().total).toBeLessThanOrEqual(100);
  });
});

/** With its methods bound, to be taken apart. */
function bound(fixture: Fixture) {
  const { bucket, timers } = fixture;
  return {
    bucket,
    timers,
    open: (options?: R2StoreOptions) => fixture.open(options),
    info: (store: R2Store, digest: Digest) => fixture.info(store, digest),
  };
}
