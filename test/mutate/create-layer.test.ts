import { describe, expect, it } from "vitest";
import { readAll } from "../../src/bytes.ts";
import { gzip } from "../../src/compress/index.ts";
import { createMemoryContentStore, readBlobBytes } from "../../src/content/index.ts";
import { digestOf } from "../../src/hash/index.ts";
import { createLayer } from "../../src/mutate/index.ts";
import { OCI_TYPES } from "../../src/oci/index.ts";
import { inPieces } from "../archive/support.ts";
import { sampleTar, storedDigests } from "../support/sample-image.ts";

const LIMIT = 1024 * 1024;

describe("createLayer", () => {
  it("compresses a plain tar, or keeps it, byte for byte what it was", async () => {
    const tar = await sampleTar({ a: "1", b: "2" });
    const content = createMemoryContentStore();
    const made = await createLayer(inPieces(tar, [1, 700, 3]), { content });
    expect(made).toMatchObject({ diffID: digestOf(tar), uncompressedSize: tar.byteLength });
    expect(made.descriptor.mediaType).toBe(OCI_TYPES.layerGzip);
    expect(await readBlobBytes(content, made.descriptor)).toEqual(await readAll(gzip(tar), LIMIT));
    expect((await content.info(made.descriptor.digest)).labels).toEqual({ "containerd.io/uncompressed": made.diffID });
    const plain = await createLayer(tar, { content, compression: "uncompressed" });
    expect(plain.descriptor).toEqual({ mediaType: OCI_TYPES.layer, digest: made.diffID, size: tar.byteLength });
    expect(await createLayer(tar, { content })).toEqual(made);
  });

  it("keeps a compressed tar as it is, unless it is told otherwise", async () => {
    const tar = await sampleTar({ a: "1" });
    const fast = await readAll(gzip(tar, { level: 1 }), LIMIT);
    const content = createMemoryContentStore();
    const kept = await createLayer(inPieces(fast, [2, 50]), { content });
    expect(kept).toEqual({
      descriptor: { mediaType: OCI_TYPES.layerGzip, digest: digestOf(fast), size: fast.byteLength },
      diffID: digestOf(tar),
      uncompressedSize: tar.byteLength,
    });
    const plain = await createLayer(fast, { content, compression: "uncompressed" });
    expect(plain.descriptor.digest).toBe(digestOf(tar));
    const best = await createLayer(tar, { content, compressionLevel: 9 });
    expect(best.descriptor.digest).toBe(digestOf(await readAll(gzip(tar, { level: 9 }), LIMIT)));
  });

  it("refuses what is no tar, and keeps nothing of it", async () => {
    const content = createMemoryContentStore();
    const tar = await sampleTar({ a: "1" });
    const packed = await readAll(gzip(tar), LIMIT);
    const bad: readonly (readonly [string, Uint8Array])[] = [
      ["INVALID_TAR", new Uint8Array(0)],
      ["INVALID_TAR", new TextEncoder().encode("PK\u0003\u0004".padEnd(2000, "x"))],
      ["INVALID_TAR", await readAll(gzip(new TextEncoder().encode("text")), LIMIT)],
      ["INVALID_COMPRESSION", packed.subarray(0, -9)],
      ["INVALID_COMPRESSION", new Uint8Array([...packed, 1, 2, 3])],
      ["UNSUPPORTED", Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0, 0, 0, 0, 0, 0)],
    ];
    for (const [code, bytes] of bad) await expect(createLayer(bytes, { content })).rejects.toMatchObject({ code });
    async function* failing() {
      yield tar;
      throw new Error("cut off");
    }
    await expect(createLayer(failing(), { content })).rejects.toThrow("cut off");
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(createLayer(tar, { content, signal })).rejects.toThrow("enough");
    expect(await storedDigests(content)).toEqual([]);
    for await (const status of content.statuses()) expect(status).toBeUndefined();
  });
});
