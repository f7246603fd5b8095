import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryContentStore, writeBlob } from "../../src/content/index.ts";
import type { ContentProvider } from "../../src/content/store.ts";
import { RangeReader } from "../../src/exporter/block-cache-reader.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { text } from "./block-cache-support.ts";

/** Two blobs in chunks of 1000 bytes; counts how often one is opened, and how many are open. */
async function openCounted(): Promise<{
  readonly provider: ContentProvider;
  readonly blobs: readonly (readonly [Digest, Uint8Array])[];
  readonly counts: { opened: number; open: number };
}> {
  const content = createMemoryContentStore();
  const blobs: [Digest, Uint8Array][] = [];
  for (const seed of [1, 2]) {
    const bytes = text(seed, 50_000);
    blobs.push([(await writeBlob(content, bytes)).digest, bytes]);
  }
  const counts = { opened: 0, open: 0 };
  const provider: ContentProvider = {
    info: (digest) => content.info(digest),
    async *open(digest, range) {
      counts.opened++;
      counts.open++;
      try {
        for await (const chunk of content.open(digest, range)) {
          for (let at = 0; at < chunk.byteLength; at += 1000) yield chunk.subarray(at, at + 1000);
        }
      } finally {
        counts.open--;
      }
    },
  };
  return { provider, blobs, counts };
}

describe("reading of ranges", () => {
  it("gives the bytes of each, in whatever order and however many at once, and leaves nothing open", async () => {
    const { provider, blobs, counts } = await openCounted();
    const range = fc.record({ blob: fc.nat(1), offset: fc.nat(50_000), size: fc.nat(5000), wait: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(range, { maxLength: 12 }), async (ranges) => {
        const reader = new RangeReader(provider);
        const reads: Promise<void>[] = [];
        for (const { blob, offset, size, wait } of ranges) {
          const [digest, bytes] = blobs[blob] ?? ["sha256:" as Digest, new Uint8Array(0)];
          const length = Math.min(size, bytes.byteLength - offset);
          const read = reader.read(digest, offset, length).then((found) => {
            expect(found).toEqual(bytes.subarray(offset, offset + length));
          });
          reads.push(read);
          if (wait) await read;
        }
        await Promise.all([...reads, reader.close()]);
        expect(counts.open).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it("opens a blob once for ranges that follow each other, also with a little between them", async () => {
    const { provider, blobs, counts } = await openCounted();
    const [[digest, bytes] = ["sha256:" as Digest, new Uint8Array(0)]] = blobs;
    const reader = new RangeReader(provider);
    const found = await Promise.all([
      reader.read(digest, 100, 2000),
      reader.read(digest, 2100, 3000),
      reader.read(digest, 9000, 10),
    ]);
    expect(found).toEqual([bytes.subarray(100, 2100), bytes.subarray(2100, 5100), bytes.subarray(9000, 9010)]);
    expect(counts).toEqual({ opened: 1, open: 1 });
    await reader.read(digest, 0, 10);
    expect(counts).toEqual({ opened: 2, open: 1 });
    await reader.close();
    expect(counts.open).toBe(0);
  });

  it("fails for a range that leaves the blob, or a blob that is not there, and goes on with the next", async () => {
    const { provider, blobs, counts } = await openCounted();
    const [[digest, bytes] = ["sha256:" as Digest, new Uint8Array(0)]] = blobs;
    const reader = new RangeReader(provider);
    await expect(reader.read(digest, 49_000, 2000)).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
    await expect(reader.read(digest, 60_000, 1)).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
    await expect(reader.read(`sha256:${"0".repeat(64)}`, 0, 1)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(counts.open).toBe(0);
    expect(await reader.read(digest, 49_000, 1000)).toEqual(bytes.subarray(49_000));
    await reader.close();
  });
});
