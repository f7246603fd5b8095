import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blobSource, bytesSource } from "../../src/bytes.ts";
import { sampleBytes } from "../../src/content/conformance/support.ts";
import { copyBlob, createMemoryContentStore, readBlobBytes, writeBlob } from "../../src/content/index.ts";
import { digestOf } from "../../src/hash/index.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { arrayOf, bytesOf, corruptStore } from "./support.ts";

const BYTES = sampleBytes(1, 5000);
const DIGEST = digestOf(BYTES);

async function* failingAfter(bytes: Uint8Array, error: unknown): AsyncGenerator<Uint8Array> {
  yield bytes;
  throw error;
}

describe("writeBlob", () => {
  it("takes bytes, iterables, streams, blobs and sources that can be opened again", async () => {
    for (const source of [
      BYTES,
      [BYTES.subarray(0, 100), BYTES.subarray(100)],
      new Blob([BYTES.slice()]).stream(),
      blobSource(new Blob([BYTES.slice()])),
      bytesSource(BYTES),
    ]) {
      const store = createMemoryContentStore();
      const info = await writeBlob(store, source, { labels: { a: "b" } });
      expect(info).toEqual({ digest: DIGEST, size: BYTES.byteLength, labels: { a: "b" } });
      expect(await readBlobBytes(store, info)).toEqual(BYTES);
    }
  });

  it("gives the same digest however the bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 })), async (chunks) => {
        const store = createMemoryContentStore();
        const info = await writeBlob(store, chunks);
        expect(await readBlobBytes(store, info)).toEqual(new Uint8Array(chunks.flatMap((chunk) => [...chunk])));
      }),
      { numRuns: 50 },
    );
  });

  it("succeeds if the store has the blob, whether that is known before or at the commit, and sets the labels", async () => {
    const store = createMemoryContentStore();
    await writeBlob(store, BYTES, { labels: { first: "1" } });
    await writeBlob(store, BYTES, { labels: { second: "2" } });
    const info = await writeBlob(store, BYTES, { digest: DIGEST, labels: { third: "3" } });
    expect(info.labels).toEqual({ first: "1", second: "2", third: "3" });
    expect(await arrayOf(store.statuses())).toEqual([]);
  });

  it("lets go of a stream that it need not read", async () => {
    const store = createMemoryContentStore();
    await writeBlob(store, BYTES);
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      cancel() {
        cancelled = true;
      },
    });
    await writeBlob(store, stream, { digest: DIGEST });
    expect(cancelled).toBe(true);
  });

  it("refuses a size that the blob in the store does not have", async () => {
    const store = createMemoryContentStore();
    await writeBlob(store, BYTES);
    await expect(writeBlob(store, BYTES, { digest: DIGEST, size: 1 })).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  });

  it("leaves nothing behind when its source fails or its content is not the expected", async () => {
    const store = createMemoryContentStore();
    const failure = new Error("the source failed");
    await expect(writeBlob(store, failingAfter(BYTES, failure))).rejects.toBe(failure);
    await expect(writeBlob(store, failingAfter(BYTES, failure), { digest: DIGEST })).rejects.toBe(failure);
    await expect(writeBlob(store, bytesOf("other"), { digest: DIGEST })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
    for (const size of [4999, 5001]) {
      await expect(writeBlob(store, BYTES, { size })).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    }
    expect(await arrayOf(store.statuses())).toEqual([]);
    expect(await arrayOf(store.list())).toEqual([]);
  });

  it("keeps what it has under a ref that the caller chose, and goes on from there", async () => {
    const store = createMemoryContentStore();
    const options = { ref: "layer 1", digest: DIGEST, size: 5000 };
    const failure = new Error("the connection broke");
    await expect(writeBlob(store, failingAfter(BYTES.subarray(0, 3000), failure), options)).rejects.toBe(failure);
    expect(await store.status("layer 1")).toMatchObject({ offset: 3000 });
    let asked: unknown;
    const source = bytesSource(BYTES);
    await writeBlob(
      store,
      {
        size: source.size,
        open(range) {
          asked = range;
          return source.open(range);
        },
      },
      options,
    );
    expect(asked).toEqual({ offset: 3000 });
    expect(await readBlobBytes(store, { digest: DIGEST })).toEqual(BYTES);
  });

  it("keeps a part that is shorter than expected, but none that cannot become the blob", async () => {
    const store = createMemoryContentStore();
    const options = { ref: "r", digest: DIGEST, size: 5000 };
    await expect(writeBlob(store, BYTES.subarray(0, 10), options)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    expect(await store.status("r")).toMatchObject({ offset: 10 });
    await expect(writeBlob(store, sampleBytes(2, 5000), options)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    await expect(store.status("r")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(writeBlob(store, new Uint8Array(6000), options)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    expect(await store.status("r")).toMatchObject({ offset: 0 });
  });

  it("starts over by itself if what was left does not fit and the source can be read again", async () => {
    const store = createMemoryContentStore();
    const writer = await store.writer({ ref: "r", digest: DIGEST });
    await writer.write(new Uint8Array(100));
    await writer.close();
    const info = await writeBlob(store, bytesSource(BYTES), { ref: "r", digest: DIGEST });
    expect(await readBlobBytes(store, info)).toEqual(BYTES);
  });

  it("does not take a part left under the ref for its own if it does not know the digest", async () => {
    const store = createMemoryContentStore();
    const writer = await store.writer({ ref: "r" });
    await writer.write(new Uint8Array(100));
    await writer.close();
    expect((await writeBlob(store, BYTES, { ref: "r" })).digest).toBe(DIGEST);
  });

  it("writes the same content twice at once", async () => {
    const store = createMemoryContentStore();
    const written = await Promise.all([1, 2, 3].map(() => writeBlob(store, BYTES, { digest: DIGEST })));
    expect(new Set(written.map(({ digest }) => digest))).toEqual(new Set([DIGEST]));
    expect(await arrayOf(store.statuses())).toEqual([]);
  });

  it("refuses a ref that another writer holds", async () => {
    const store = createMemoryContentStore();
    const writer = await store.writer({ ref: "r" });
    await expect(writeBlob(store, BYTES, { ref: "r" })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await writer.close();
  });

  it("ends with the signal's reason, also while its source hangs", async () => {
    const store = createMemoryContentStore();
    const reason = new Error("enough");
    for (const ref of [undefined, "kept"]) {
      const controller = new AbortController();
      const hanging = async function* () {
        yield BYTES.subarray(0, 100);
        setTimeout(() => controller.abort(reason));
        await new Promise(() => undefined);
      };
      await expect(writeBlob(store, hanging(), { ref, signal: controller.signal })).rejects.toBe(reason);
    }
    expect((await arrayOf(store.statuses())).map(({ ref }) => ref)).toEqual(["kept"]);
    await expect(writeBlob(store, BYTES, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("copyBlob", () => {
  it("copies bytes, and labels if they are given", async () => {
    const [from, to] = [createMemoryContentStore(), createMemoryContentStore()];
    const info = await writeBlob(from, BYTES);
    expect(await copyBlob(from, to, info, { labels: { a: "b" } })).toEqual({ ...info, labels: { a: "b" } });
    expect(await readBlobBytes(to, info)).toEqual(BYTES);
  });

  it("goes on where an earlier copy stopped", async () => {
    const [from, to] = [createMemoryContentStore(), createMemoryContentStore()];
    const info = await writeBlob(from, BYTES);
    const writer = await to.writer({ ref: "copy", digest: info.digest });
    await writer.write(BYTES.subarray(0, 4000));
    await writer.close();
    await copyBlob(from, to, info, { ref: "copy" });
    expect(await readBlobBytes(to, info)).toEqual(BYTES);
  });

  it("copies no corrupt blob", async () => {
    const { store: from, corrupt } = corruptStore();
    const to = createMemoryContentStore();
    const info = await writeBlob(from, BYTES);
    corrupt(info.digest, sampleBytes(9, 5000));
    await expect(copyBlob(from, to, info)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    corrupt(info.digest, new Uint8Array(5001));
    await expect(copyBlob(from, to, info)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    expect(await arrayOf(to.list())).toEqual([]);
    expect(await arrayOf(to.statuses())).toEqual([]);
  });

  it("says that the blob is not there", async () => {
    const digest: Digest = DIGEST;
    const [from, to] = [createMemoryContentStore(), createMemoryContentStore()];
    await expect(copyBlob(from, to, { digest })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(copyBlob(from, to, { digest, size: 5000 })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
