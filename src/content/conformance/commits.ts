import { assert, assertEqual, assertRejects } from "../../conformance.ts";
import {
  assertBlob,
  blobDigests,
  digestOfBytes,
  ingestRefs,
  put,
  type StoreCase,
  sampleBytes,
  withWriter,
} from "./support.ts";

/** What a commit takes and refuses, and the state it leaves. */
export const commitCases: readonly StoreCase[] = [
  {
    name: "says already exists at commit, with and without an expected digest, and the ingest is gone",
    async run(store) {
      const bytes = sampleBytes(1, 256);
      const { digest } = await put(store, bytes, { labels: { first: "yes" } });
      for (const expected of [digest, undefined]) {
        await withWriter(await store.writer({ ref: "again" }), async (writer) => {
          await writer.write(bytes);
          await assertRejects(
            writer.commit({ size: 256, digest: expected, labels: { second: "yes" } }),
            "ALREADY_EXISTS",
            "commit",
          );
          await assertRejects(writer.write(bytes), "FAILED_PRECONDITION", "write after commit");
        });
        assertEqual(await ingestRefs(store), [], "ingests");
      }
      await assertBlob(store, bytes, { first: "yes" });
    },
  },
  {
    name: "says already exists when a writer is opened for a blob that is there",
    async run(store) {
      const { digest } = await put(store, sampleBytes(2, 10));
      await assertRejects(store.writer({ ref: "r", digest }), "ALREADY_EXISTS", "writer");
      assertEqual(await ingestRefs(store), [], "ingests");
    },
  },
  {
    name: "lets one of two writers of the same content commit and tells the other that it exists",
    async run(store) {
      const bytes = sampleBytes(3, 5000);
      const digest = digestOfBytes(bytes);
      const writers = await Promise.all(["a", "b"].map((ref) => store.writer({ ref, digest })));
      for (const writer of writers) await writer.write(bytes);
      const results = await Promise.allSettled(writers.map((writer) => writer.commit()));
      for (const writer of writers) await writer.close();
      const failures = results.filter((result) => result.status === "rejected");
      assertEqual(failures.length, 1, "commits that failed");
      await assertRejects(Promise.reject(failures[0]?.reason), "ALREADY_EXISTS", "the second commit");
      await assertBlob(store, bytes);
      assertEqual(await ingestRefs(store), [], "ingests");
    },
  },
  {
    name: "refuses content of another digest, names both, and keeps the ingest",
    async run(store) {
      const bytes = sampleBytes(4, 100);
      const other = digestOfBytes(sampleBytes(5, 100));
      await withWriter(await store.writer({ ref: "r" }), async (writer) => {
        await writer.write(bytes);
        const error = await assertRejects(writer.commit({ size: 100, digest: other }), "DIGEST_MISMATCH", "commit");
        for (const digest of [other, digestOfBytes(bytes)]) {
          assert(error.message.includes(digest), `the message should name ${digest}: ${error.message}`);
        }
      });
      assertEqual(await blobDigests(store), [], "blobs");
      assertEqual((await store.status("r")).offset, 100, "offset of the ingest");
      await withWriter(await store.writer({ ref: "r", digest: other }), async (writer) => {
        await assertRejects(writer.commit(), "DIGEST_MISMATCH", "commit against the digest the writer was opened with");
      });
      await store.abort("r");
    },
  },
  {
    name: "refuses content of another size, longer or shorter, and names both",
    async run(store) {
      const bytes = sampleBytes(6, 100);
      for (const [ref, size] of [
        ["longer", 99],
        ["shorter", 101],
      ] as const) {
        await withWriter(await store.writer({ ref }), async (writer) => {
          await writer.write(bytes);
          const error = await assertRejects(writer.commit({ size }), "SIZE_MISMATCH", `commit of ${ref}`);
          assert(/\b100\b/.test(error.message) && error.message.includes(String(size)), `both sizes: ${error.message}`);
        });
        await withWriter(await store.writer({ ref, size }), async (writer) => {
          await assertRejects(writer.commit(), "SIZE_MISMATCH", `commit of ${ref} against the writer's size`);
        });
      }
      assertEqual(await blobDigests(store), [], "blobs");
      assertEqual(await ingestRefs(store), ["longer", "shorter"], "ingests");
    },
  },
  {
    name: "can be committed after a refused commit, by the same writer or the next",
    async run(store) {
      const bytes = sampleBytes(7, 100);
      await withWriter(await store.writer({ ref: "same" }), async (writer) => {
        await writer.write(sampleBytes(8, 120));
        await assertRejects(writer.commit({ size: 100 }), "SIZE_MISMATCH", "commit");
        await writer.truncate(0);
        await writer.write(bytes);
        await writer.commit({ size: 100, digest: digestOfBytes(bytes) });
      });
      await assertBlob(store, bytes);
      const next = sampleBytes(9, 100);
      await withWriter(await store.writer({ ref: "next" }), async (writer) => {
        await writer.write(next);
        await assertRejects(writer.commit({ size: 1 }), "SIZE_MISMATCH", "commit");
      });
      await withWriter(await store.writer({ ref: "next" }), (writer) => writer.commit({ size: 100 }));
      await assertBlob(store, next);
    },
  },
  {
    name: "stores content under a sha512 digest where that is expected",
    async run(store) {
      const bytes = sampleBytes(10, 3000);
      const digest = digestOfBytes(bytes, "sha512");
      await withWriter(await store.writer({ ref: "early", digest }), async (writer) => {
        await writer.write(bytes);
        assertEqual(writer.digest(), digest, "digest");
        await writer.commit();
      });
      await assertBlob(store, bytes, {}, "sha512");
      const late = sampleBytes(11, 3000);
      await withWriter(await store.writer({ ref: "late" }), async (writer) => {
        await writer.write(late);
        await assertRejects(writer.commit({ digest }), "DIGEST_MISMATCH", "commit of other content");
        assertEqual((await writer.commit({ digest: digestOfBytes(late, "sha512") })).size, 3000, "size");
      });
      await assertBlob(store, late, {}, "sha512");
    },
  },
  {
    name: "fails every call but close once a writer has ended",
    async run(store) {
      const committed = await store.writer({ ref: "committed" });
      await committed.write(sampleBytes(1, 10));
      await committed.commit();
      const closed = await store.writer({ ref: "closed" });
      await closed.close();
      for (const writer of [committed, closed]) {
        await assertRejects(writer.write(sampleBytes(1, 1)), "FAILED_PRECONDITION", `write to ${writer.ref}`);
        await assertRejects(writer.truncate(0), "FAILED_PRECONDITION", `truncate ${writer.ref}`);
        await assertRejects(writer.commit(), "FAILED_PRECONDITION", `commit ${writer.ref}`);
        await writer.close();
        await writer.close();
      }
    },
  },
];
