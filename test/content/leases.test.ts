import { describe, expect, it } from "vitest";
import { contentStoreConformance } from "../../src/content/conformance.ts";
import {
  type ContentStore,
  collectGarbage,
  createLeaseManager,
  createMemoryContentStore,
  type Lease,
  readBlob,
  underLease,
  withLease,
  withReferences,
  writeBlob,
} from "../../src/content/index.ts";
import { digestOf } from "../../src/hash/index.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { createRecords } from "./records.ts";
import { arrayOf, bytesOf } from "./support.ts";

const ONE: Digest = `sha256:${"1".repeat(64)}`;
const TWO: Digest = `sha256:${"2".repeat(64)}`;

describe("a lease", () => {
  it("protects what was added until it is released", async () => {
    const leases = createLeaseManager(createRecords());
    const lease = await leases.create("build-1");
    await lease.add(ONE);
    await lease.add(TWO);
    await lease.add(ONE);
    expect(await lease.digests()).toEqual([ONE, TWO]);
    expect(await leases.list()).toEqual(["build-1"]);
    expect(await leases.protectedDigests()).toEqual(new Set([ONE, TWO]));
    await lease.release();
    await lease.release();
    expect(await leases.list()).toEqual([]);
    expect(await leases.protectedDigests()).toEqual(new Set());
    await expect(lease.add(ONE)).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
  });

  it("has a name of its own unless it is given one, which must be new and harmless", async () => {
    const leases = createLeaseManager(createRecords());
    const ids = [(await leases.create()).id, (await leases.create()).id, (await leases.create("named")).id];
    expect(await leases.list()).toEqual(ids.sort());
    await expect(leases.create("named")).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    for (const id of ["", "a/b", "../x", ":collecting", "x".repeat(129), "ü"]) {
      await expect(leases.create(id)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
  });

  it("is found by another object over the same records", async () => {
    const records = createRecords();
    const lease = await createLeaseManager(records).create("shared");
    await lease.add(ONE);
    const other = createLeaseManager(records);
    expect(await other.protectedDigests()).toEqual(new Set([ONE]));
    const same = await other.get("shared");
    await same.add(TWO);
    expect(await lease.digests()).toEqual([ONE, TWO]);
    await expect(other.get("unknown")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(other.get("shared/x")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("expires where there is a clock, so that a killed process protects nothing for ever", async () => {
    let now = 1000;
    const leases = createLeaseManager(createRecords(), { now: () => now, lifetime: 60 });
    const lease = await leases.create("build");
    await lease.add(ONE);
    now = 1059;
    expect(await leases.protectedDigests()).toEqual(new Set([ONE]));
    now = 1060;
    expect(await leases.protectedDigests()).toEqual(new Set());
    expect(await leases.list()).toEqual([]);
    await expect(lease.add(TWO)).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    await leases.create("build");
    expect(await leases.protectedDigests()).toEqual(new Set());
  });

  it("keeps from a sweep what is marked, and removes the rest", async () => {
    const content = createMemoryContentStore();
    const leases = createLeaseManager(createRecords());
    const kept = await writeBlob(content, bytesOf("kept"));
    const garbage = await writeBlob(content, bytesOf("garbage"));
    const gone = { ...garbage, digest: ONE };
    expect(await leases.sweep(content, [kept, garbage, gone], async () => new Set([kept.digest]))).toEqual([garbage]);
    expect((await content.info(kept.digest)).size).toBe(4);
    await expect(content.info(garbage.digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("takes nothing in while a sweep marks and removes", async () => {
    const content = createMemoryContentStore();
    const leases = createLeaseManager(createRecords());
    const garbage = await writeBlob(content, bytesOf("garbage"));
    const lease = await leases.create();
    const order: string[] = [];
    await Promise.all([
      leases
        .sweep(content, [garbage], async () => {
          order.push("marking");
          await new Promise((resolve) => setTimeout(resolve, 10));
          return new Set();
        })
        .then(() => order.push("removed")),
      lease.add(garbage.digest).then(() => order.push("added")),
    ]);
    expect(order).toEqual(["marking", "removed", "added"]);
  });

  it("removes the records of leases that have expired with the next sweep", async () => {
    let now = 1000;
    const records = createRecords();
    const leases = createLeaseManager(records, { now: () => now, lifetime: 60 });
    await (await leases.create()).add(ONE);
    now = 2000;
    expect(await records.keys("")).toHaveLength(2);
    await leases.sweep(createMemoryContentStore(), [], async () => new Set());
    expect(await records.keys("")).toEqual([]);
  });

  it("ends a sweep with the signal's reason, and removes nothing more", async () => {
    const content = createMemoryContentStore();
    const leases = createLeaseManager(createRecords());
    const garbage = await writeBlob(content, bytesOf("garbage"));
    const reason = new Error("stop");
    const sweeping = leases.sweep(content, [garbage], async () => new Set(), AbortSignal.abort(reason));
    await expect(sweeping).rejects.toBe(reason);
    expect((await content.info(garbage.digest)).size).toBe(7);
  });

  it("takes a record that cannot be read for one without an end", async () => {
    const records = createRecords();
    await records.set("leases/odd", bytesOf("not JSON"));
    await records.set(`leases/odd/${ONE}`, bytesOf(""));
    await records.set("leases/odd/nonsense", bytesOf(""));
    await records.set(`leases/gone/${TWO}`, bytesOf("{}"));
    expect(await createLeaseManager(records).protectedDigests()).toEqual(new Set([ONE]));
  });
});

describe("withLease", () => {
  const recorder = (order: string[]): Pick<Lease, "add"> => ({
    async add(digest) {
      order.push(`lease ${digest}`);
    },
  });

  it("protects a blob before it is committed, and before the store is asked for it", async () => {
    const order: string[] = [];
    const inner = createMemoryContentStore();
    const store = withLease(inner, recorder(order));
    const bytes = bytesOf("content");
    const digest = digestOf(bytes);
    const writer = await store.writer({ ref: "r" });
    const writes = [writer.write(bytes.subarray(0, 3)), writer.write(bytes.subarray(3))];
    await Promise.all([...writes, writer.commit().then(() => order.push("committed"))]);
    await writer.close();
    expect(order).toEqual([`lease ${digest}`, "committed"]);
  });

  it("protects what is looked up or read before the store is asked, once", async () => {
    const inner = createMemoryContentStore();
    const { digest } = await writeBlob(inner, bytesOf("content"));
    const asked: ((store: ContentStore) => Promise<unknown>)[] = [
      (store) => store.info(digest),
      (store) => store.label(digest, { a: "b" }),
      (store) => arrayOf(store.open(digest)),
      async (store) => await store.readWhole?.(digest, 100),
      (store) => writeBlob(store, bytesOf("content"), { digest }),
    ];
    for (const ask of asked) {
      const order: string[] = [];
      const store = withLease(inner, recorder(order));
      await ask(store);
      await ask(store);
      expect(order).toEqual([`lease ${digest}`]);
    }
  });

  it("does not ask for what cannot be protected", async () => {
    const failure = new Error("no lease");
    const inner = createMemoryContentStore();
    const { digest } = await writeBlob(inner, bytesOf("content"));
    const store = withLease(inner, { add: () => Promise.reject(failure) });
    await expect(store.info(digest)).rejects.toBe(failure);
    await expect(arrayOf(store.open(digest))).rejects.toBe(failure);
    await expect(store.readWhole?.(digest, 100)).rejects.toBe(failure);
  });

  it("takes files by reference where the store does, and protects none of them", async () => {
    const order: string[] = [];
    const store = withLease(withReferences(createMemoryContentStore()), recorder(order));
    const bytes = bytesOf("lies elsewhere");
    const digest = digestOf(bytes);
    store.adopt(digest, {
      size: bytes.byteLength,
      async *open() {
        yield bytes;
      },
    });
    expect(await arrayOf(readBlob(store, { digest, size: bytes.byteLength }))).toEqual([bytes]);
    expect(order).toEqual([]);
  });

  it("commits nothing that it could not protect", async () => {
    const inner = createMemoryContentStore();
    const failure = new Error("no lease");
    const store = withLease(inner, { add: () => Promise.reject(failure) });
    await expect(writeBlob(store, bytesOf("content"))).rejects.toBe(failure);
    for await (const _ of inner.list()) expect.unreachable();
    for await (const _ of inner.statuses()) expect.unreachable();
  });

  const leased = async () => withLease(createMemoryContentStore(), await createLeaseManager(createRecords()).create());
  for (const { name, run } of contentStoreConformance(leased)) it(name, run);
});

describe("underLease", () => {
  it("protects what the work touches until it has ended", async () => {
    const content = createMemoryContentStore();
    const leases = createLeaseManager(createRecords());
    const bytes = bytesOf("content");
    const store = await underLease(leases, content, async (store) => {
      await writeBlob(store, bytes);
      expect([...(await leases.protectedDigests())]).toEqual([digestOf(bytes)]);
      return store;
    });
    expect(await leases.list()).toEqual([]);
    // What was given away with the result can still be read.
    expect((await store.info(digestOf(bytes))).size).toBe(7);
  });

  it("ends with the work's error, whatever comes of the release", async () => {
    const content = createMemoryContentStore();
    const failure = new Error("work");
    const records = createRecords();
    const leases = createLeaseManager({ ...records, delete: () => Promise.reject(new Error("release")) });
    await expect(underLease(leases, content, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await underLease(leases, content, async () => "done")).toBe("done");
  });

  it("fails where the lease has ended before the work has, so that nobody relies on what a collection may have removed", async () => {
    let now = 1000;
    const content = createMemoryContentStore();
    const leases = createLeaseManager(createRecords(), { now: () => now, lifetime: 60 });
    const work = async (store: ContentStore): Promise<Digest> => {
      const { digest } = await writeBlob(store, bytesOf("content"));
      now += 30;
      await collectGarbage({ content, leases, roots: () => [] });
      return digest;
    };
    await underLease(leases, content, work);
    await expect(
      underLease(leases, content, async (store) => {
        await work(store);
        await work(store);
      }),
    ).rejects.toMatchObject({ code: "FAILED_PRECONDITION", message: expect.stringMatching(/has expired/) as string });
  });
});
