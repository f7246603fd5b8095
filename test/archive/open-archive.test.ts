import { describe, expect, it } from "vitest";
import { openArchive, readArchive, verifyImage, writeArchive } from "../../src/archive/index.ts";
import { bytesSource, type ReopenableSource, readAll } from "../../src/bytes.ts";
import { gzip } from "../../src/compress/index.ts";
import { createMemoryContentStore, readBlob } from "../../src/content/index.ts";
import { sampleImage, sampleIndex, storedDigests } from "../support/sample-image.ts";
import { archiveFiles, archiveOf, bytesOf, changedJson, replaced } from "./support.ts";

const ARM64 = { architecture: "arm64", os: "linux" };
const LIMIT = 64 * 1024 * 1024;

/** An index of two images of which each has a layer of 1 MiB. */
async function multi() {
  const content = createMemoryContentStore();
  const random = crypto.getRandomValues(new Uint8Array(65536));
  const big = (fill: number) => {
    const bytes = new Uint8Array(1024 * 1024);
    for (let at = 0; at < bytes.byteLength; at += random.byteLength)
      bytes.set(
        random.map((byte) => byte ^ fill),
        at,
      );
    return bytes;
  };
  const amd64 = await sampleImage(content, { layers: [{ big: big(1) }], compression: "uncompressed" });
  const arm64 = await sampleImage(content, { layers: [{ big: big(2) }], compression: "uncompressed", platform: ARM64 });
  return { content, amd64, arm64, index: await sampleIndex([amd64, arm64], ["multi:1"]) };
}

/** The bytes, and how many of them were read. */
function counted(bytes: Uint8Array): ReopenableSource & { readonly read: () => number } {
  let read = 0;
  const { size, open } = bytesSource(bytes);
  return {
    size,
    read: () => read,
    async *open(range) {
      for await (const chunk of open(range)) {
        for (let at = 0; at < chunk.byteLength; at += 4096) {
          const part = chunk.subarray(at, at + 4096);
          read += part.byteLength;
          yield part;
        }
      }
    },
  };
}

describe("openArchive", () => {
  it.each(["oci", "both"] as const)("reads an archive of format %s where it lies", async (format) => {
    const { index, amd64 } = await multi();
    const bytes = await readAll(writeArchive(index, { format }), LIMIT);
    const source = counted(bytes);
    const scratch = createMemoryContentStore();
    const { images, content } = await openArchive(source, scratch);
    expect(images).toEqual(await readArchive(bytes, createMemoryContentStore()));
    expect(await storedDigests(scratch)).toEqual([]);
    expect(source.read()).toBeLessThan(100 * 1024);
    await verifyImage(content, amd64.descriptor, { diffIDs: true });
    expect(source.read()).toBeLessThan(1.2 * 1024 * 1024);
    await verifyImage(content, index.descriptor, { diffIDs: true });
  });

  it("gives parts of blobs, and knows what it has", async () => {
    const { index, amd64 } = await multi();
    const { content } = await openArchive(
      bytesSource(await readAll(writeArchive(index), LIMIT)),
      createMemoryContentStore(),
    );
    const [layer = amd64.config] = amd64.layers;
    const whole = await readAll(readBlob(content, layer), LIMIT);
    expect(await readAll(content.open(layer.digest, { offset: 100, length: 50 }), LIMIT)).toEqual(
      whole.subarray(100, 150),
    );
    expect(await readAll(content.open(layer.digest, { offset: layer.size }), LIMIT)).toHaveLength(0);
    expect(await content.info(layer.digest)).toEqual({ digest: layer.digest, size: layer.size, labels: {} });
    await expect(
      content
        .open(layer.digest, { offset: layer.size + 1 })
        [Symbol.asyncIterator]()
        .next(),
    ).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
    await expect(content.info(`sha256:${"0".repeat(64)}`)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("takes what it cannot read in place into the scratch store", async () => {
    const { index, amd64, content: from } = await multi();
    const plain = await readAll(writeArchive(index), LIMIT);
    const compressed = await readAll(gzip(plain), LIMIT);
    const docker = await readAll(writeArchive(amd64, { format: "docker", names: ["hello:1"] }), LIMIT);
    for (const bytes of [compressed, docker]) {
      const scratch = createMemoryContentStore();
      const opened = await openArchive(bytesSource(bytes), scratch);
      expect(opened.content).toBe(scratch);
      expect(opened.images).toEqual(await readArchive(bytes, createMemoryContentStore()));
    }
    const scratch = createMemoryContentStore();
    await openArchive(bytesSource(compressed), scratch);
    expect(await storedDigests(scratch)).toEqual(await storedDigests(from));
  });

  it("reads an archive whole whose manifest.json names files beside the layout", async () => {
    const { amd64 } = await multi();
    const files = await archiveFiles(amd64, { names: ["hello:1"] });
    const config = bytesOf(files, `blobs/sha256/${amd64.config.digest.slice(7)}`);
    const bytes = await archiveOf(
      replaced(files, {
        "config.json": { content: config },
        "manifest.json": changedJson(files, "manifest.json", ([entry]: [object]) => [
          { ...entry, Config: "config.json" },
        ]),
      }),
    );
    const scratch = createMemoryContentStore();
    const { images, content } = await openArchive(bytesSource(bytes), scratch);
    expect(content).toBe(scratch);
    expect(images).toMatchObject([{ names: ["docker.io/library/hello:1"], descriptor: amd64.descriptor }]);
  });

  it("finds a layer that is not what it is called when it is read", async () => {
    const { amd64 } = await multi();
    const [layer = amd64.config] = amd64.layers;
    const path = `blobs/sha256/${layer.digest.slice(7)}`;
    const files = await archiveFiles(amd64);
    const wrong = bytesOf(files, path).slice();
    wrong[1000] = (wrong[1000] ?? 0) ^ 1;
    const bytes = await archiveOf(replaced(files, { [path]: { content: wrong } }));
    const { content } = await openArchive(bytesSource(bytes), createMemoryContentStore());
    await expect(verifyImage(content, amd64.descriptor)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  it("refuses what readArchive refuses, and leaves nothing behind", async () => {
    const { amd64, index } = await multi();
    const files = await archiveFiles(index);
    const without = (digest: string) => archiveOf(replaced(files, { [`blobs/sha256/${digest.slice(7)}`]: undefined }));
    const bad: readonly Uint8Array[] = [
      await without(amd64.config.digest),
      await without(amd64.layers[0]?.digest ?? ""),
      await archiveOf([...files, ["../outside", "x"]]),
      await archiveOf([["file", "x"]]),
      new Uint8Array(0),
      (await archiveOf(files)).subarray(0, 1024 * 1024),
    ];
    for (const bytes of bad) {
      const scratch = createMemoryContentStore();
      const expected = await readArchive(bytes, createMemoryContentStore()).catch((error: unknown) => error);
      expect(expected).toBeInstanceOf(Error);
      await expect(openArchive(bytesSource(bytes), scratch)).rejects.toMatchObject({
        code: (expected as { readonly code?: string }).code,
      });
      expect(await storedDigests(scratch)).toEqual([]);
    }
    const limited = openArchive(bytesSource(await archiveOf(files)), createMemoryContentStore(), { sizeLimit: 1024 });
    await expect(limited).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
  });

  it("takes an archive that lacks platforms when it is told to", async () => {
    const { amd64, arm64, index } = await multi();
    const bytes = await readAll(writeArchive(index, { format: "oci", platforms: [ARM64] }), LIMIT);
    await expect(openArchive(bytesSource(bytes), createMemoryContentStore())).rejects.toMatchObject({
      code: "INVALID_ARCHIVE",
    });
    const options = { allowMissingPlatforms: true };
    const { images, content } = await openArchive(bytesSource(bytes), createMemoryContentStore(), options);
    expect(images).toMatchObject([{ descriptor: index.descriptor, manifests: [{ config: arm64.config }] }]);
    await expect(content.info(amd64.config.digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
    const none = writeArchive(index, { platforms: [{ os: "linux", architecture: "riscv64" }] }).next();
    await expect(none).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
