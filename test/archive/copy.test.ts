import { describe, expect, it } from "vitest";
import { copyImage, listImages, resolveImage, verifyImage } from "../../src/archive/index.ts";
import { type ContentStore, createMemoryContentStore, writeBlob } from "../../src/content/index.ts";
import { createMemoryImageStore } from "../../src/images/index.ts";
import { type Digest, OCI_TYPES, serialiseManifest } from "../../src/oci/index.ts";
import { sampleImage, sampleIndex, storedDigests, storeWith } from "../support/sample-image.ts";

const ARM64 = { architecture: "arm64", os: "linux" };
const RISCV = { architecture: "riscv64", os: "linux" };

/** The store, and in which order it is written to. */
function watched(store: ContentStore): { readonly store: ContentStore; readonly written: readonly Digest[] } {
  const written: Digest[] = [];
  const writer: ContentStore["writer"] = async (options) => {
    if (options.digest !== undefined) written.push(options.digest);
    return await store.writer(options);
  };
  return { store: storeWith(store, { writer }), written };
}

const multi = async (content = createMemoryContentStore()) => {
  const amd64 = await sampleImage(content);
  const arm64 = await sampleImage(content, { platform: ARM64, layers: [{ "a.txt": "first\n" }, { arm: "64" }] });
  return { content, amd64, arm64, index: await sampleIndex([amd64, arm64], ["multi"]) };
};

describe("copyImage", () => {
  it("copies a whole index, what is named before what names it, each blob once", async () => {
    const { content, amd64, arm64, index } = await multi();
    const { store, written } = watched(createMemoryContentStore());
    const graph = await copyImage(content, store, index.descriptor);
    expect(await storedDigests(store)).toEqual(await storedDigests(content));
    expect(new Set(written).size).toBe(written.length);
    expect(written.at(-1)).toBe(index.descriptor.digest);
    for (const { descriptor, config, layers } of [amd64, arm64]) {
      for (const child of [config, ...layers]) {
        expect(written.indexOf(child.digest)).toBeLessThan(written.indexOf(descriptor.digest));
      }
    }
    expect(graph.manifests.map(({ descriptor }) => descriptor.digest)).toEqual([
      amd64.descriptor.digest,
      arm64.descriptor.digest,
    ]);
  });

  it("copies only what is missing", async () => {
    const { content, amd64, index } = await multi();
    const target = createMemoryContentStore();
    await copyImage(content, target, amd64.descriptor);
    const { store, written } = watched(target);
    await copyImage(content, store, index.descriptor);
    expect(written).not.toContain(amd64.config.digest);
    expect(written).toContain(index.descriptor.digest);
    expect(await storedDigests(store)).toEqual(await storedDigests(content));
  });

  it("copies the platforms that are wanted, with the index as it is", async () => {
    const { content, amd64, arm64, index } = await multi();
    const target = createMemoryContentStore();
    await copyImage(content, target, index.descriptor, { platforms: [ARM64] });
    const there = await storedDigests(target);
    expect(there).toContain(index.descriptor.digest);
    expect(there).toContain(arm64.config.digest);
    expect(there).not.toContain(amd64.config.digest);
    const none = copyImage(content, createMemoryContentStore(), index.descriptor, { platforms: [RISCV] });
    await expect(none).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("names the blob that is missing, and does not copy what names it", async () => {
    const { content, arm64, index } = await multi();
    const layer = arm64.layers[1]?.digest ?? arm64.config.digest;
    await content.delete(layer);
    const target = createMemoryContentStore();
    await expect(copyImage(content, target, index.descriptor)).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining(layer),
    });
    expect(await storedDigests(target)).not.toContain(arm64.descriptor.digest);
  });

  it("refuses a blob that is corrupt", async () => {
    const { content, amd64 } = await multi();
    const bad = amd64.layers[0]?.digest;
    const open: ContentStore["open"] = async function* (digest, range) {
      for await (const chunk of content.open(digest, range))
        yield digest === bad ? chunk.map((byte) => byte ^ 1) : chunk;
    };
    const corrupt = storeWith(content, { open });
    const target = createMemoryContentStore();
    await expect(copyImage(corrupt, target, amd64.descriptor)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await storedDigests(target)).not.toContain(amd64.descriptor.digest);
    await expect(verifyImage(corrupt, amd64.descriptor)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });
});

describe("verifyImage", () => {
  it("finds nothing wrong with what is right", async () => {
    const { content, index } = await multi();
    const { documents, layers } = await verifyImage(content, index.descriptor, { diffIDs: true });
    expect([...documents, ...layers].map(({ digest }) => digest).sort()).toEqual(await storedDigests(content));
  });

  it("misses a layer", async () => {
    const { content, amd64, index } = await multi();
    const layer = amd64.layers[1]?.digest ?? amd64.config.digest;
    await content.delete(layer);
    await expect(verifyImage(content, index.descriptor)).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining(layer),
    });
  });

  it("compares layers with diffIDs when it is asked to", async () => {
    const { content, amd64 } = await multi();
    const layers = amd64.layers.toReversed();
    const bytes = serialiseManifest({ schemaVersion: 2, mediaType: OCI_TYPES.manifest, config: amd64.config, layers });
    const descriptor = { mediaType: OCI_TYPES.manifest, ...(await writeBlob(content, bytes)) };
    await expect(verifyImage(content, descriptor)).resolves.toBeDefined();
    await expect(verifyImage(content, descriptor, { diffIDs: true })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
  });
});

describe("listImages and resolveImage", () => {
  const stores = async () => {
    const { content, amd64, arm64, index } = await multi();
    const images = createMemoryImageStore();
    await images.create({ name: "docker.io/library/multi:latest", target: index.descriptor });
    await images.create({ name: "example.com/app:v1", target: amd64.descriptor });
    await images.create({ name: "example.com/app:v2", target: amd64.descriptor });
    return { amd64, arm64, index, list: await listImages({ content, images }) };
  };

  it("lists the names of an image together", async () => {
    const { amd64, index, list } = await stores();
    expect(list).toMatchObject([
      { descriptor: index.descriptor, names: ["docker.io/library/multi:latest"], manifests: { length: 2 } },
      { descriptor: amd64.descriptor, names: ["example.com/app:v1", "example.com/app:v2"], platform: amd64.platform },
    ]);
  });

  it("finds an image by name, tag or digest", async () => {
    const { amd64, list } = await stores();
    for (const name of ["example.com/app:v1", "v2", amd64.descriptor.digest]) {
      expect(resolveImage(list, { name }).manifest.config).toEqual(amd64.config);
    }
    expect(resolveImage(list.slice(1)).manifest.config).toEqual(amd64.config);
  });

  it("finds the platform of an index", async () => {
    const { arm64, list } = await stores();
    const platform = { architecture: "aarch64", os: "linux" };
    expect(resolveImage(list, { name: "multi", platform }).manifest.config).toEqual(arm64.config);
  });

  it("says what there is when it cannot choose", async () => {
    const { list } = await stores();
    const refused = (selection: Parameters<typeof resolveImage>[1], images = list) =>
      expect(() => resolveImage(images, selection));
    refused({}).toThrow("there are several, name one of docker.io/library/multi:latest, example.com/app:v1");
    refused({ name: "nothing" }).toThrow("Cannot find image nothing: there is docker.io/library/multi:latest, example");
    refused({ name: "nothing" }, []).toThrow("no image is there");
    refused({ name: "multi" }).toThrow("it is for linux/amd64, linux/arm64");
    refused({ name: "multi", platform: RISCV }).toThrow("for linux/riscv64: it is for linux/amd64, linux/arm64");
    refused({ name: "v1", platform: ARM64 }).toThrow("example.com/app:v1 for linux/arm64: it is for linux/amd64");
  });
});
