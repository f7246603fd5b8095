import { bytesSource, type ReopenableSource } from "../../bytes.ts";
import { assertEqual, assertRejects } from "../../conformance.ts";
import type { ContentStore, ContentWriter } from "../store.ts";
import { copyBlob, writeBlob } from "../write.ts";
import {
  assertBlob,
  digestOfBytes,
  ingestRefs,
  leaveIngest,
  put,
  type StoreCase,
  sampleBytes,
  withWriter,
} from "./support.ts";

type Finish = (store: ContentStore, writer: ContentWriter, bytes: Uint8Array, written: number) => Promise<void>;

/** Leaves ingests of several sizes at several points, and has each one finished in one way. */
const resumeBy = (name: string, finish: Finish): StoreCase => ({
  name: `resumes by ${name}`,
  async run(store) {
    let seed = 0;
    for (const size of [500, 5000, 50_000]) {
      for (const part of [0, 0.1, 0.5, 0.9, 1]) {
        const bytes = sampleBytes(++seed, size);
        const written = Math.floor(size * part);
        const options = { ref: `ref-${size}-${part}`, size, digest: digestOfBytes(bytes) };
        await leaveIngest(store, options, bytes.subarray(0, written));
        await withWriter(await store.writer(options), async (writer) => {
          assertEqual(writer.status().offset, written, "offset of the resumed writer");
          await finish(store, writer, bytes, written);
        });
        await assertBlob(store, bytes);
      }
    }
    assertEqual(await ingestRefs(store), [], "ingests afterwards");
  },
});

async function writeInPieces(writer: ContentWriter, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += 1024) await writer.write(bytes.subarray(at, at + 1024));
}

/** A source that can be read once only, in pieces. */
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 700) yield bytes.slice(at, at + 700);
}

/** Leaving an ingest and going on with it. */
export const resumeCases: readonly StoreCase[] = [
  {
    name: "goes on at the offset where the last writer closed",
    async run(store) {
      const bytes = sampleBytes(1, 256);
      const digest = digestOfBytes(bytes);
      const options = { ref: "cb", size: 256, digest };
      const expected = { ref: "cb", offset: 128, total: 256, expected: digest };
      await withWriter(await store.writer(options), async (writer) => {
        await writer.write(bytes.subarray(0, 128));
        assertEqual(writer.status(), expected, "status of the first writer");
      });
      assertEqual(await store.status("cb"), expected, "status between the writers");
      await withWriter(await store.writer(options), async (writer) => {
        assertEqual(writer.status(), expected, "status of the second writer");
        assertEqual(writer.digest(), digestOfBytes(bytes.subarray(0, 128)), "digest of what was there");
        await writer.write(bytes.subarray(128));
        assertEqual(writer.digest(), digest, "digest of all");
        await writer.commit();
      });
      await assertBlob(store, bytes);
    },
  },
  {
    name: "remembers what the first writer expected",
    async run(store) {
      const bytes = sampleBytes(2, 64);
      const digest = digestOfBytes(bytes);
      await leaveIngest(store, { ref: "r", size: 64, digest }, bytes.subarray(0, 10));
      await withWriter(await store.writer({ ref: "r" }), async (writer) => {
        assertEqual(writer.status(), { ref: "r", offset: 10, total: 64, expected: digest }, "status");
        await writer.write(sampleBytes(3, 54));
        await assertRejects(writer.commit(), "DIGEST_MISMATCH", "commit of other content");
      });
    },
  },
  {
    name: "refuses to go on with the bytes of something else",
    async run(store) {
      const [one, other] = [digestOfBytes(sampleBytes(1, 10)), digestOfBytes(sampleBytes(2, 10))];
      await leaveIngest(store, { ref: "r", size: 10, digest: one }, sampleBytes(1, 5));
      await assertRejects(store.writer({ ref: "r", digest: other }), "FAILED_PRECONDITION", "another digest");
      await assertRejects(store.writer({ ref: "r", size: 11 }), "FAILED_PRECONDITION", "another size");
      assertEqual((await store.status("r")).offset, 5, "offset afterwards");
      await store.abort("r");
      await withWriter(await store.writer({ ref: "r", digest: other }), async (writer) => {
        assertEqual(writer.status().offset, 0, "offset after abort");
      });
    },
  },
  resumeBy("writing all again after truncate", async (_, writer, bytes) => {
    await writer.truncate(0);
    assertEqual(writer.status().offset, 0, "offset after truncate");
    await writeInPieces(writer, bytes);
    await writer.commit({ size: bytes.byteLength, digest: digestOfBytes(bytes) });
  }),
  resumeBy("writing the rest", async (_, writer, bytes, written) => {
    await writeInPieces(writer, bytes.subarray(written));
    await writer.commit({ size: bytes.byteLength, digest: digestOfBytes(bytes) });
  }),
  resumeBy("cutting half of it off and writing from there", async (_, writer, bytes, written) => {
    const half = Math.floor(written / 2);
    await writer.truncate(half);
    assertEqual(writer.digest(), digestOfBytes(bytes.subarray(0, half)), "digest after truncate");
    await writeInPieces(writer, bytes.subarray(half));
    await writer.commit();
  }),
  resumeBy("writeBlob with a source that is read once", async (store, writer, bytes) => {
    await writer.close();
    await writeBlob(store, once(bytes), { ref: writer.ref, size: bytes.byteLength, digest: digestOfBytes(bytes) });
  }),
  resumeBy("writeBlob with a source that is read from the offset on", async (store, writer, bytes, written) => {
    await writer.close();
    const source: ReopenableSource = {
      size: bytes.byteLength,
      open(range) {
        assertEqual(range?.offset ?? 0, written, "offset in the source");
        return bytesSource(bytes).open(range);
      },
    };
    await writeBlob(store, source, { ref: writer.ref, size: bytes.byteLength, digest: digestOfBytes(bytes) });
  }),
  {
    name: "copies within itself as a blob it has",
    async run(store) {
      const bytes = sampleBytes(4, 1000);
      const info = await put(store, bytes);
      assertEqual(await copyBlob(store, store, info), info, "info");
    },
  },
  {
    name: "truncates to any smaller size only",
    async run(store) {
      const bytes = sampleBytes(5, 100);
      await withWriter(await store.writer({ ref: "t" }), async (writer) => {
        await writer.write(bytes);
        for (const size of [101, -1, 1.5])
          await assertRejects(writer.truncate(size), "OUT_OF_RANGE", `truncate to ${size}`);
        await writer.truncate(100);
        await writer.truncate(30);
        assertEqual(writer.status().offset, 30, "offset");
        await writer.commit();
      });
      await assertBlob(store, bytes.subarray(0, 30));
    },
  },
];
