import { assertEqual, assertRejects } from "../../conformance.ts";
import type { Digest } from "../../oci/digest.ts";
import { readBlob, readWholeBlob } from "../read.ts";
import { assertBlob, blobDigests, collect, digestOfBytes, put, type StoreCase, sampleBytes } from "./support.ts";

/** Blobs that are there: reading, listing, labels, deleting. */
export const blobCases: readonly StoreCase[] = [
  {
    name: "reads any part of a blob",
    async run(store) {
      const bytes = sampleBytes(1, 300_000);
      const { digest } = await put(store, bytes);
      for (const [offset, length] of [
        [undefined, undefined],
        [0, 300_000],
        [0, 0],
        [0, 1],
        [299_999, 1],
        [300_000, 0],
        [65_535, 2],
        [65_536, 65_536],
        [1000, undefined],
        [undefined, 70_000],
        [300_000, undefined],
      ] as const) {
        const start = offset ?? 0;
        const part = await collect(store.open(digest, { offset, length }));
        assertEqual(
          part,
          bytes.subarray(start, length === undefined ? undefined : start + length),
          `${offset}+${length}`,
        );
      }
    },
  },
  {
    name: "refuses parts that leave the blob",
    async run(store) {
      const { digest } = await put(store, sampleBytes(2, 100));
      for (const [offset, length] of [
        [0, 101],
        [100, 1],
        [101, 0],
        [101, undefined],
        [-1, 2],
        [5, -1],
        [0.5, 1],
      ] as const) {
        await assertRejects(collect(store.open(digest, { offset, length })), "OUT_OF_RANGE", `${offset}+${length}`);
      }
    },
  },
  {
    name: "lets a reader stop early and several read at once",
    async run(store) {
      const bytes = sampleBytes(3, 500_000);
      const { digest } = await put(store, bytes);
      for await (const chunk of store.open(digest)) {
        assertEqual(chunk, bytes.subarray(0, chunk.byteLength), "first chunk");
        break;
      }
      const all = await Promise.all([1, 2, 3].map(() => collect(readBlob(store, { digest, size: 500_000 }))));
      for (const one of all) assertEqual(one, bytes, "content");
    },
  },
  {
    name: "hands out bytes that the reader may change",
    async run(store) {
      const bytes = sampleBytes(4, 1000);
      const { digest } = await put(store, bytes);
      for await (const chunk of store.open(digest)) chunk.fill(0);
      await assertBlob(store, bytes);
    },
  },
  {
    name: "gives the same bytes and errors where a blob is read whole, if it can be",
    async run(store) {
      for (const size of [0, 1, 1000, 65_536, 65_537, 300_000]) {
        const bytes = sampleBytes(9, size);
        const { digest } = await put(store, bytes);
        for (const limit of [size, size + 1, 1_000_000]) {
          const whole = await store.readWhole?.(digest, limit);
          if (whole === undefined) continue;
          assertEqual(whole, bytes, `${size} bytes, at most ${limit}`);
          whole.fill(0);
          assertEqual((await store.readWhole?.(digest, limit)) ?? bytes, bytes, `${size} bytes, read again`);
        }
        if (size > 0) assertEqual(await store.readWhole?.(digest, size - 1), undefined, `beyond ${size - 1} bytes`);
        assertEqual((await readWholeBlob(store, { digest, size }, 1_000_000)) ?? bytes, bytes, "verified");
      }
      if (store.readWhole === undefined) return;
      // As `async` functions do, so that it does not matter whether it throws at once.
      const read = async (digest: Digest): Promise<unknown> =>
        (await store.readWhole?.(digest, 1000)) ?? (await collect(store.open(digest)));
      await assertRejects(read(digestOfBytes(sampleBytes(10, 1))), "NOT_FOUND", "a blob that is not there");
      await assertRejects(read("sha256:abc"), "INVALID_DIGEST", "a digest that is none");
    },
  },
  {
    name: "lists all blobs once",
    async run(store) {
      assertEqual(await blobDigests(store), [], "an empty store");
      const blobs = [0, 1, 2, 3, 4].map((seed) => sampleBytes(seed, 10 + seed));
      for (const bytes of blobs) await put(store, bytes, { labels: { size: String(bytes.byteLength) } });
      assertEqual(await blobDigests(store), blobs.map((bytes) => digestOfBytes(bytes)).sort(), "digests");
      for await (const { size, labels } of store.list()) assertEqual(labels, { size: String(size) }, "labels");
    },
  },
  {
    name: "does not know blobs that are not there, nor digests that are none",
    async run(store) {
      const digest = digestOfBytes(sampleBytes(5, 1));
      await assertRejects(store.info(digest), "NOT_FOUND", "info");
      await assertRejects(store.delete(digest), "NOT_FOUND", "delete");
      await assertRejects(store.label(digest, { a: "b" }), "NOT_FOUND", "label");
      await assertRejects(collect(store.open(digest)), "NOT_FOUND", "open");
      for (const wrong of ["sha256:../../../../etc/passwd", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e"]) {
        const none = wrong as Digest;
        await assertRejects(store.info(none), "INVALID_DIGEST", `info of ${wrong}`);
        await assertRejects(store.delete(none), "INVALID_DIGEST", `delete of ${wrong}`);
        await assertRejects(store.label(none, {}), "INVALID_DIGEST", `label of ${wrong}`);
        await assertRejects(collect(store.open(none)), "INVALID_DIGEST", `open of ${wrong}`);
        await assertRejects(store.writer({ ref: "r", digest: none }), "INVALID_DIGEST", `writer of ${wrong}`);
      }
    },
  },
  {
    name: "adds, replaces and removes labels and leaves the others",
    async run(store) {
      const bytes = sampleBytes(6, 10);
      const { digest } = await put(store, bytes, { labels: { k1: "v1", k2: "v2", "slipway.dev/gc.root": "true" } });
      const changed = await store.label(digest, { k1: "newvalue", k2: undefined, k3: "v3" });
      const expected = { k1: "newvalue", k3: "v3", "slipway.dev/gc.root": "true" };
      assertEqual(changed, { digest, size: 10, labels: expected }, "returned info");
      await assertBlob(store, bytes, expected);
      await store.label(digest, { none: undefined, ["__proto__"]: "kept", ключ: "значение\n" });
      const { labels } = await store.info(digest);
      assertEqual(Object.entries(labels).length, 5, "labels");
      assertEqual(Object.getOwnPropertyDescriptor(labels, "__proto__")?.value, "kept", "a label named __proto__");
      assertEqual(labels.ключ, "значение\n", "a label in Cyrillic");
    },
  },
  {
    name: "deletes a blob with its labels, and can have it written again",
    async run(store) {
      const bytes = sampleBytes(7, 10);
      const { digest } = await put(store, bytes, { labels: { old: "yes" } });
      await put(store, sampleBytes(8, 10));
      await store.delete(digest);
      await assertRejects(store.info(digest), "NOT_FOUND", "info");
      await assertRejects(store.delete(digest), "NOT_FOUND", "second delete");
      assertEqual(await blobDigests(store), [digestOfBytes(sampleBytes(8, 10))], "what is left");
      await put(store, bytes);
      await assertBlob(store, bytes);
    },
  },
];
