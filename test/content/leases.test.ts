import { describe, expect, it } from "vitest";
import { contentStoreConformance } from "../../src/content/conformance.ts";
import {
  createLeaseManager,
  createMemoryContentStore,
  type Lease,
  withLease,
  writeBlob,
} from "../../src/content/index.ts";
import { digestOf } from "../../src/hash/index.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { createRecords } from "./records.ts";
import { bytesOf } from "./support.ts";

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

  it("released while a collection runs protects until that is over", async () => {
    const leases = createLeaseManager(createRecords());
    const lease = await leases.create();
    await lease.add(ONE);
    await leases.collecting(async () => {
      await lease.release();
      expect(await leases.protectedDigests()).toEqual(new Set([ONE]));
      expect(await leases.list()).toEqual([]);
      expect(await leases.unlessProtected(ONE, async () => expect.unreachable())).toBe(false);
    });
    expect(await leases.protectedDigests()).toEqual(new Set());
  });

  it("survives a collection that was killed", async () => {
    const records = createRecords();
    await records.set("leases/:collecting", bytesOf("{}"));
    const leases = createLeaseManager(records);
    const lease = await leases.create();
    await lease.add(ONE);
    await lease.release();
    await leases.collecting(async () => expect(await leases.protectedDigests()).toEqual(new Set()));
    expect(await records.keys("")).toEqual([]);
  });

  it("waits with adding until a removal has ended", async () => {
    const leases = createLeaseManager(createRecords());
    const lease = await leases.create();
    const order: string[] = [];
    await Promise.all([
      leases.unlessProtected(ONE, async () => {
        order.push("removing");
        await new Promise((resolve) => setTimeout(resolve, 10));
        order.push("removed");
      }),
      lease.add(ONE).then(() => order.push("added")),
    ]);
    expect(order).toEqual(["removing", "removed", "added"]);
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
    await writeBlob(store, bytes, { digest });
    await writeBlob(store, bytes);
    expect(order).toEqual([`lease ${digest}`, "committed", `lease ${digest}`, `lease ${digest}`]);
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
