import { assertEqual, assertRejects, type ConformanceCase } from "../../conformance.ts";
import type { ContentStore } from "../store.ts";
import {
  assertBlob,
  collect,
  digestOfBytes,
  ingestRefs,
  leaveIngest,
  put,
  sampleBytes,
  withWriter,
} from "./support.ts";

/** What two objects over one store that persists must keep to, as two processes would. */
export function reopenCases(
  open: () => Promise<ContentStore>,
  reopen: () => Promise<ContentStore>,
): readonly ConformanceCase[] {
  const twoOf = (name: string, run: (one: ContentStore, other: ContentStore) => Promise<void>): ConformanceCase => ({
    name,
    run: async () => await run(await open(), await reopen()),
  });
  return [
    twoOf("shows the blobs and labels that another object over the store wrote", async (one, other) => {
      const bytes = sampleBytes(1, 1000);
      const { digest } = await put(one, bytes, { labels: { a: "b" } });
      await assertBlob(other, bytes, { a: "b" });
      await other.label(digest, { a: undefined, c: "d" });
      await assertBlob(one, bytes, { c: "d" });
      await other.delete(digest);
      await assertRejects(one.info(digest), "NOT_FOUND", "info");
      await assertRejects(collect(one.open(digest)), "NOT_FOUND", "open");
    }),
    twoOf("goes on with an ingest that another object left", async (one, other) => {
      const bytes = sampleBytes(2, 1000);
      const digest = digestOfBytes(bytes);
      await leaveIngest(one, { ref: "r", size: 1000, digest }, bytes.subarray(0, 400));
      assertEqual(await other.status("r"), { ref: "r", offset: 400, total: 1000, expected: digest }, "status");
      await withWriter(await other.writer({ ref: "r" }), async (writer) => {
        assertEqual(writer.digest(), digestOfBytes(bytes.subarray(0, 400)), "digest of what was there");
        await writer.write(bytes.subarray(400));
        await writer.commit();
      });
      await assertBlob(one, bytes);
      assertEqual(await ingestRefs(one), [], "ingests");
    }),
    twoOf("lets one writer hold a ref, whichever object opened it", async (one, other) => {
      await withWriter(await one.writer({ ref: "r" }), async (writer) => {
        await writer.write(sampleBytes(3, 10));
        await assertRejects(other.writer({ ref: "r" }), "UNAVAILABLE", "writer of the other object");
        await assertRejects(other.abort("r"), "UNAVAILABLE", "abort by the other object");
      });
      await other.abort("r");
      await assertRejects(one.status("r"), "NOT_FOUND", "status");
    }),
    twoOf("lets both commit the same content: one wins, one is told that it exists", async (one, other) => {
      const bytes = sampleBytes(4, 100_000);
      const writers = [await one.writer({ ref: "one" }), await other.writer({ ref: "other" })];
      for (const writer of writers) await writer.write(bytes);
      const results = await Promise.allSettled(writers.map((writer) => writer.commit()));
      for (const writer of writers) await writer.close();
      assertEqual(results.filter((result) => result.status === "fulfilled").length, 1, "commits that succeeded");
      await assertBlob(one, bytes);
      await assertBlob(other, bytes);
    }),
  ];
}
