import { assert, assertEqual, assertRejects } from "../../conformance.ts";
import {
  assertBlob,
  blobDigests,
  collect,
  digestOfBytes,
  ingestRefs,
  put,
  type StoreCase,
  sampleBytes,
  withWriter,
} from "./support.ts";

/** Writing from beginning to end. */
export const writerCases: readonly StoreCase[] = [
  {
    name: "writes blobs with neither, either or both of size and digest known beforehand",
    async run(store) {
      const blobs = [256, 257, 258, 259].map((size, seed) => sampleBytes(seed, size));
      for (const [i, bytes] of blobs.entries()) {
        const size = i & 1 ? bytes.byteLength : undefined;
        const digest = i & 2 ? digestOfBytes(bytes) : undefined;
        await withWriter(await store.writer({ ref: `c${i}`, size, digest }), async (writer) => {
          for (let at = 0; at < bytes.byteLength; at += 32) await writer.write(bytes.subarray(at, at + 32));
          const info = await writer.commit({ labels: { number: String(i) } });
          assertEqual(info, { digest: digestOfBytes(bytes), size: bytes.byteLength, labels: { number: String(i) } });
          assertEqual(writer.digest(), digestOfBytes(bytes), "digest after commit");
        });
        await assertBlob(store, bytes, { number: String(i) });
      }
      assertEqual(await ingestRefs(store), [], "ingests afterwards");
    },
  },
  {
    name: "keeps five writers of different refs apart",
    async run(store) {
      const blobs = [1, 2, 3, 4, 5].map((seed) => sampleBytes(seed, 4096));
      const writers = await Promise.all(blobs.map((_, i) => store.writer({ ref: `w${i}` })));
      for (let at = 0; at < 4096; at += 512) {
        await Promise.all(
          writers.map((writer, i) => writer.write(blobs[i]?.subarray(at, at + 512) ?? new Uint8Array())),
        );
      }
      await Promise.all(writers.map((writer) => writer.commit()));
      await Promise.all(writers.map((writer) => writer.close()));
      for (const bytes of blobs) await assertBlob(store, bytes);
    },
  },
  {
    name: "writes the empty blob",
    async run(store) {
      await put(store, new Uint8Array());
      await assertBlob(store, new Uint8Array());
    },
  },
  {
    name: "writes a blob of some megabytes in uneven pieces",
    async run(store) {
      const bytes = sampleBytes(7, 3 * 1024 * 1024 + 17);
      await withWriter(await store.writer({ ref: "large" }), async (writer) => {
        let at = 0;
        for (let length = 1; at < bytes.byteLength; length = length * 3 + 1) {
          await writer.write(bytes.subarray(at, at + length));
          at += length;
        }
        await writer.commit();
      });
      await assertBlob(store, bytes);
    },
  },
  {
    name: "takes the bytes in: the caller may reuse the array after write",
    async run(store) {
      const buffer = new Uint8Array(100);
      await withWriter(await store.writer({ ref: "reused" }), async (writer) => {
        for (const value of [1, 2, 3]) await writer.write(buffer.fill(value));
        await writer.commit();
      });
      const expected = new Uint8Array(300).fill(1, 0, 100).fill(2, 100, 200).fill(3, 200);
      await assertBlob(store, expected);
    },
  },
  {
    name: "keeps the order of writes that are not waited for",
    async run(store) {
      const bytes = sampleBytes(8, 1000);
      await withWriter(await store.writer({ ref: "eager" }), async (writer) => {
        const writes: Promise<void>[] = [];
        for (let at = 0; at < 1000; at += 100) writes.push(writer.write(bytes.subarray(at, at + 100)));
        await Promise.all([...writes, writer.commit()]);
      });
      await assertBlob(store, bytes);
    },
  },
  {
    name: "reports status and digest as they grow",
    async run(store) {
      const bytes = sampleBytes(9, 256);
      const digest = digestOfBytes(bytes);
      await withWriter(await store.writer({ ref: "c1", size: 256, digest }), async (writer) => {
        let at = 0;
        for (const end of [0, 64, 192, 256]) {
          await writer.write(bytes.subarray(at, end));
          at = end;
          assertEqual(writer.status(), { ref: "c1", offset: end, total: 256, expected: digest }, "status");
          assertEqual(
            await store.status("c1"),
            { ref: "c1", offset: end, total: 256, expected: digest },
            "store's status",
          );
          assertEqual(writer.digest(), digestOfBytes(bytes.subarray(0, end)), "digest so far");
        }
        await writer.commit({ labels: { a: "b" } });
      });
      await assertBlob(store, bytes, { a: "b" });
      await assertRejects(store.status("c1"), "NOT_FOUND", "status after commit");
    },
  },
  {
    name: "shows nothing of a blob before its commit",
    async run(store) {
      const bytes = sampleBytes(10, 100);
      const digest = digestOfBytes(bytes);
      await withWriter(await store.writer({ ref: "hidden", digest }), async (writer) => {
        await writer.write(bytes);
        await assertRejects(store.info(digest), "NOT_FOUND", "info");
        await assertRejects(collect(store.open(digest)), "NOT_FOUND", "open");
        assertEqual(await blobDigests(store), [], "list");
        assertEqual(await ingestRefs(store), ["hidden"], "ingests");
        await writer.commit();
      });
      await assertBlob(store, bytes);
    },
  },
  {
    name: "lists ingests with what is known of them",
    async run(store) {
      const one = await store.writer({ ref: "one" });
      const two = await store.writer({ ref: "a/strange ref: Ünïcode, sha256:…/../x", size: 50 });
      await one.write(sampleBytes(1, 10));
      await two.write(sampleBytes(2, 20));
      const found = new Map<string, unknown>();
      for await (const status of store.statuses()) found.set(status.ref, status);
      assertEqual(
        found,
        new Map<string, unknown>([
          [one.ref, one.status()],
          [two.ref, two.status()],
        ]),
        "statuses",
      );
      await one.close();
      await two.close();
      assertEqual((await ingestRefs(store)).length, 2, "ingests after close");
    },
  },
  {
    name: "takes refs that differ only in case, or that are long, for different ones",
    async run(store) {
      const refs = ["ref", "Ref", "REF", `${"long/".repeat(200)}1`, `${"long/".repeat(200)}2`];
      const writers = await Promise.all(refs.map((ref) => store.writer({ ref })));
      for (const [i, writer] of writers.entries()) await writer.write(sampleBytes(i, i + 1));
      for (const [i, ref] of refs.entries()) assertEqual((await store.status(ref)).offset, i + 1, `offset of ${ref}`);
      for (const writer of writers) await writer.close();
      assertEqual(await ingestRefs(store), [...refs].sort(), "refs");
    },
  },
  {
    name: "refuses an empty ref and sizes that are none",
    async run(store) {
      await assertRejects(store.writer({ ref: "" }), "INVALID_ARGUMENT", "empty ref");
      for (const size of [-1, 0.5, Number.NaN, 2 ** 60]) {
        await assertRejects(store.writer({ ref: "r", size }), "INVALID_ARGUMENT", `size ${size}`);
      }
      assertEqual(await ingestRefs(store), [], "ingests");
    },
  },
  {
    name: "ends with the signal's reason",
    async run(store) {
      const controller = new AbortController();
      const reason = new Error("enough");
      const rejectsWithReason = async (call: Promise<unknown>, what: string): Promise<void> => {
        const error = await call.then(
          () => undefined,
          (error: unknown) => error,
        );
        assert(error === reason, `${what}: expected the signal's reason, got ${String(error)}`);
      };
      const writer = await store.writer({ ref: "cancelled", signal: controller.signal });
      await writer.write(sampleBytes(1, 10));
      controller.abort(reason);
      await rejectsWithReason(writer.write(sampleBytes(1, 10)), "write");
      await rejectsWithReason(writer.commit(), "commit");
      await writer.close();
      await rejectsWithReason(store.writer({ ref: "cancelled", signal: controller.signal }), "writer");
      assertEqual(await blobDigests(store), [], "blobs");
      assertEqual((await store.status("cancelled")).offset, 10, "offset");
    },
  },
];
