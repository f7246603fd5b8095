import { assertEqual, assertRejects } from "../../conformance.ts";
import { assertBlob, ingestRefs, leaveIngest, type StoreCase, sampleBytes, withWriter } from "./support.ts";

/** One writer at a time holds a ref. */
export const holdCases: readonly StoreCase[] = [
  {
    name: "lets one writer at a time hold a ref",
    async run(store) {
      const first = await store.writer({ ref: "r" });
      await assertRejects(store.writer({ ref: "r" }), "UNAVAILABLE", "second writer");
      await first.write(sampleBytes(1, 10));
      await first.close();
      await withWriter(await store.writer({ ref: "r" }), async (second) => {
        assertEqual(second.status().offset, 10, "offset");
        await first.close();
        await assertRejects(store.writer({ ref: "r" }), "UNAVAILABLE", "the first writer's late close frees nothing");
      });
    },
  },
  {
    name: "opens one writer when many ask at once",
    async run(store) {
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => store.writer({ ref: "r" })));
      const writers = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      assertEqual(writers.length, 1, "writers that opened");
      for (const result of results) {
        if (result.status === "rejected") await assertRejects(Promise.reject(result.reason), "UNAVAILABLE", "a writer");
      }
      for (const writer of writers) await writer.close();
    },
  },
  {
    name: "frees the ref at commit",
    async run(store) {
      const first = await store.writer({ ref: "r" });
      await first.write(sampleBytes(1, 10));
      await first.commit();
      await withWriter(await store.writer({ ref: "r" }), async (second) => {
        assertEqual(second.status().offset, 0, "offset of a new ingest");
        await first.close();
        await second.write(sampleBytes(2, 10));
        await second.commit();
      });
      await assertBlob(store, sampleBytes(2, 10));
    },
  },
  {
    name: "aborts an ingest that nobody holds, and only that",
    async run(store) {
      await assertRejects(store.abort("none"), "NOT_FOUND", "abort of nothing");
      await leaveIngest(store, { ref: "left" }, sampleBytes(1, 10));
      await withWriter(await store.writer({ ref: "held" }), async (writer) => {
        await assertRejects(store.abort("held"), "UNAVAILABLE", "abort of a held ingest");
        await store.abort("left");
        assertEqual(await ingestRefs(store), ["held"], "ingests");
        await assertRejects(store.status("left"), "NOT_FOUND", "status");
        await writer.write(sampleBytes(2, 10));
        await writer.commit();
      });
      await withWriter(await store.writer({ ref: "left" }), async (writer) => {
        assertEqual(writer.status().offset, 0, "offset after abort");
      });
    },
  },
];
