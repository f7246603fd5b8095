import { describe, expect, it } from "vitest";
import { collect, digestOfBytes, put, sampleBytes } from "../../src/content/conformance/support.ts";
import {
  type ContentStore,
  createMemoryContentStore,
  type PackingContentStore,
  readBlobBytes,
  withPacks,
  writeBlob,
} from "../../src/content/index.ts";

const all = async <T>(items: AsyncIterable<T>): Promise<readonly T[]> => {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
};

function fixture(): { readonly store: ContentStore; readonly packs: PackingContentStore } {
  const store = createMemoryContentStore();
  return { store, packs: withPacks(store, { memory: 0 }) };
}

describe("a store with packs", () => {
  it("writes many blobs as one, and reads each of them, and parts", async () => {
    const { store, packs } = fixture();
    const blobs = Array.from({ length: 50 }, (_, i) => sampleBytes(i, i * 9_000));
    for (const bytes of blobs) await put(packs, bytes);
    for (const bytes of [...blobs].reverse()) {
      const digest = digestOfBytes(bytes);
      expect((await readBlobBytes(packs, { digest, size: bytes.byteLength })).byteLength).toBe(bytes.byteLength);
      expect(await packs.unpacked.info(digest)).toEqual({ digest, size: bytes.byteLength, labels: {} });
      if (bytes.byteLength > 20) {
        expect(await collect(packs.open(digest, { offset: 7, length: 11 }))).toEqual(bytes.subarray(7, 18));
      }
    }
    expect((await all(store.list())).length).toBe(1);
    expect((await all(packs.list())).length).toBe(51);
  });

  it("opens another pack after the first was read", async () => {
    const { store, packs } = fixture();
    const [one, two] = [sampleBytes(1, 1000), sampleBytes(2, 1000)];
    await put(packs, one);
    await readBlobBytes(packs, { digest: digestOfBytes(one) });
    await put(packs, two);
    expect(await readBlobBytes(packs, { digest: digestOfBytes(two) })).toEqual(two);
    expect((await all(store.list())).length).toBe(2);
  });

  it("knows what it has packed, by its labels, too", async () => {
    const { packs } = fixture();
    const bytes = sampleBytes(1, 100);
    const digest = digestOfBytes(bytes);
    await put(packs, bytes, { labels: { a: "b" } });
    await expect(put(packs, bytes)).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    await expect(packs.writer({ ref: "r", digest })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    expect(await writeBlob(packs, bytes, { labels: { c: "d" } })).toMatchObject({ labels: { a: "b", c: "d" } });
    await packs.delete(digest);
    await expect(packs.info(digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("refuses content of another size or digest, and shows nothing of it", async () => {
    const { packs } = fixture();
    const [one, two] = [sampleBytes(1, 1000), sampleBytes(2, 1000)];
    await expect(writeBlob(packs, one, { size: 999 })).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    await expect(writeBlob(packs, one, { digest: digestOfBytes(two) })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
    expect(await all(packs.list())).toEqual([]);
    expect(await writeBlob(packs, two)).toMatchObject({ digest: digestOfBytes(two) });
    expect(await readBlobBytes(packs, { digest: digestOfBytes(two) })).toEqual(two);
  });

  it("makes blobs of their own of what is written at the same time, or past the packs", async () => {
    const { store, packs } = fixture();
    const [one, two, three] = [sampleBytes(1, 1000), sampleBytes(2, 2000), sampleBytes(3, 3000)];
    const first = await packs.writer({ ref: "one" });
    const second = await packs.writer({ ref: "two" });
    await first.write(one.subarray(0, 500));
    await second.write(two);
    await first.write(one.subarray(500));
    await second.commit();
    await first.commit();
    await first.close();
    await put(packs.unpacked, three);
    for (const bytes of [one, two, three]) {
      expect(await readBlobBytes(packs, { digest: digestOfBytes(bytes) })).toEqual(bytes);
    }
    const own = (await all(store.list())).map(({ digest }) => digest);
    expect([own.includes(digestOfBytes(two)), own.includes(digestOfBytes(three))]).toEqual([true, true]);
    expect(own.includes(digestOfBytes(one))).toBe(false);
  });

  it("leaves nothing when it is discarded, read or not", async () => {
    for (const isRead of [false, true]) {
      const { store, packs } = fixture();
      const bytes = sampleBytes(1, 1000);
      await put(packs, bytes);
      if (isRead) await readBlobBytes(packs, { digest: digestOfBytes(bytes) });
      await packs.discard();
      expect([await all(store.list()), await all(store.statuses()), await all(packs.list())]).toEqual([[], [], []]);
    }
  });

  it("asks the store for nothing while there is little, and writes it once there is more", async () => {
    const inner = createMemoryContentStore();
    const packs = withPacks(inner, { memory: 10_000 });
    const blobs = [0, 1, 2, 3].map((seed) => sampleBytes(seed, seed === 0 ? 0 : 3000));
    for (const bytes of blobs) {
      await put(packs, bytes);
      expect(await collect(packs.open(digestOfBytes(bytes)))).toEqual(bytes);
    }
    expect([await all(inner.list()), await all(inner.statuses())]).toEqual([[], []]);
    const last = sampleBytes(9, 3000);
    await put(packs, last);
    for (const bytes of [...blobs, last]) {
      const digest = digestOfBytes(bytes);
      expect(await readBlobBytes(packs, { digest, size: bytes.byteLength })).toEqual(bytes);
      if (bytes.byteLength > 0)
        expect(await collect(packs.open(digest, { offset: 5, length: 9 }))).toEqual(bytes.subarray(5, 14));
    }
    expect((await all(inner.list())).length).toBe(1);
    await packs.discard();
    expect([await all(inner.list()), await all(inner.statuses())]).toEqual([[], []]);
  });

  it("finds it out if a pack is not what it was", async () => {
    const { store, packs } = fixture();
    const bytes = sampleBytes(1, 1000);
    await put(packs, bytes);
    await readBlobBytes(packs, { digest: digestOfBytes(bytes) });
    for (const { digest } of await all(store.list())) await store.delete(digest);
    const zeroed: ContentStore = {
      ...store,
      writer: (options) => store.writer(options),
      async *open(_digest, range) {
        yield new Uint8Array(range?.length ?? 0);
      },
    };
    const other = withPacks(zeroed, { memory: 0 });
    await put(other, bytes);
    await expect(readBlobBytes(other, { digest: digestOfBytes(bytes) })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
  });
});
