import { describe, expect, it } from "vitest";
import { listImages } from "../../src/archive/index.ts";
import { createMemoryContentStore, writeBlob } from "../../src/content/index.ts";
import { createMemoryImageStore } from "../../src/images/index.ts";
import { DOCKER_TYPES, OCI_TYPES, serialiseManifest } from "../../src/oci/index.ts";
import { copy, storeSource, storeTarget } from "../../src/transfer/index.ts";
import { sampleImage, sampleIndex, storedDigests } from "../support/sample-image.ts";

const AMD64 = { architecture: "amd64", os: "linux" };
const ARM64 = { architecture: "arm64", os: "linux" };
const RISCV = { architecture: "riscv64", os: "linux" };
const MULTI = "docker.io/library/multi:latest";

const memory = () => ({ content: createMemoryContentStore(), images: createMemoryImageStore() });

async function filled() {
  const stores = memory();
  const amd64 = await sampleImage(stores.content);
  const arm64 = await sampleImage(stores.content, { platform: ARM64, layers: [{ "a.txt": "first\n" }, { arm: "64" }] });
  const index = await sampleIndex([amd64, arm64]);
  await stores.images.create({ name: MULTI, target: index.descriptor });
  await stores.images.create({ name: "example.com/app:v1", target: amd64.descriptor });
  return { ...stores, amd64, arm64, index };
}

describe("copy from store to store", () => {
  it("takes an image with all that it needs, and its names", async () => {
    const from = await filled();
    const to = memory();
    const copied = await copy(storeSource(from, "multi"), storeTarget(to));
    expect(copied).toMatchObject({ descriptor: from.index.descriptor, names: [MULTI] });
    expect(await storedDigests(to.content)).toEqual(await storedDigests(from.content));
    expect(await to.images.get(MULTI)).toMatchObject({ target: from.index.descriptor });
    const sizes = await Promise.all(
      (await storedDigests(to.content)).map(async (d) => (await to.content.info(d)).size),
    );
    expect(copied.blobs).toEqual({ moved: sizes.length, existing: 0 });
    expect(copied.movedBytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
  });

  it("moves only what is missing, and counts it", async () => {
    const from = await filled();
    const to = memory();
    const first = await copy(storeSource(from, "example.com/app:v1"), storeTarget(to));
    const second = await copy(storeSource(from, "multi"), storeTarget(to));
    const all = (await storedDigests(from.content)).length;
    expect(first.blobs.moved + second.blobs.moved).toBe(all);
    expect(second.blobs.existing).toBe(first.blobs.moved);
    const again = await copy(storeSource(from, "multi"), storeTarget(to));
    expect(again).toMatchObject({ blobs: { moved: 0, existing: all }, movedBytes: 0 });
  });

  it("leaves foreign layers where they are, and does not count them", async () => {
    const from = await filled();
    const [layer = from.amd64.config] = from.amd64.layers;
    const foreign = { ...layer, mediaType: DOCKER_TYPES.foreignLayerGzip, urls: ["https://example.com/layer"] };
    const layers = [foreign, ...from.amd64.layers.slice(1)];
    const bytes = serialiseManifest({
      schemaVersion: 2,
      mediaType: OCI_TYPES.manifest,
      config: from.amd64.config,
      layers,
    });
    const { digest } = await writeBlob(from.content, bytes);
    await from.content.delete(layer.digest);
    const { blobs } = await copy(storeSource(from, digest), storeTarget(memory(), "foreign:1"));
    expect(blobs).toEqual({ moved: 3, existing: 0 });
  });

  it("names the image as it is told, in place of what had the name", async () => {
    const from = await filled();
    const to = memory();
    await copy(storeSource(from, MULTI), storeTarget(to, "other:2"));
    const { names } = await copy(storeSource(from, "v1"), storeTarget(to, "other:2"));
    expect(names).toEqual(["docker.io/library/other:2"]);
    expect(await to.images.list()).toMatchObject([{ name: names[0], target: from.amd64.descriptor }]);
    expect(() => storeTarget(to, "NOT A NAME")).toThrow(expect.objectContaining({ code: "INVALID_REFERENCE" }));
  });

  it("makes one platform's manifest the image", async () => {
    const from = await filled();
    const to = memory();
    const copied = await copy(storeSource(from, "multi"), storeTarget(to), { platform: ARM64 });
    expect(copied.descriptor).toEqual(from.arm64.descriptor);
    expect(copied.names).toEqual([MULTI]);
    const there = await storedDigests(to.content);
    expect(there).toHaveLength(2 + from.arm64.layers.length);
    expect(there).not.toContain(from.index.descriptor.digest);
  });

  it("does not name one platform's manifest by the digest of the index", async () => {
    const from = await filled();
    const { digest } = from.index.descriptor;
    await from.images.create({ name: `docker.io/library/multi@${digest}`, target: from.index.descriptor });
    await from.images.create({ name: `docker.io/library/multi:2@${digest}`, target: from.index.descriptor });
    const { names } = await copy(storeSource(from, digest), storeTarget(memory()), { platform: AMD64 });
    expect(names).toEqual(["docker.io/library/multi:2", MULTI]);
  });

  it("keeps the index and takes some of its platforms", async () => {
    const from = await filled();
    const to = memory();
    const copied = await copy(storeSource(from, "multi"), storeTarget(to), { platforms: [ARM64] });
    expect(copied.descriptor).toEqual(from.index.descriptor);
    const there = await storedDigests(to.content);
    expect(there).toContain(from.arm64.config.digest);
    expect(there).not.toContain(from.amd64.config.digest);
    expect(await listImages(to)).toMatchObject([{ manifests: [{ config: from.arm64.config }] }]);
  });

  it("refuses platforms that are not there, and both kinds of choice at once", async () => {
    const from = await filled();
    const to = memory();
    for (const name of ["multi", "v1"]) {
      await expect(copy(storeSource(from, name), storeTarget(to), { platform: RISCV })).rejects.toMatchObject({
        code: "NOT_FOUND",
        message: expect.stringContaining("linux/riscv64: it is for linux/amd64"),
      });
    }
    const both = copy(storeSource(from, "multi"), storeTarget(to), { platform: ARM64, platforms: [ARM64] });
    await expect(both).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await storedDigests(to.content)).toEqual([]);
  });

  it("names nothing when a blob is missing or wrong", async () => {
    const from = await filled();
    await from.content.delete(from.arm64.layers[1]?.digest ?? from.arm64.config.digest);
    const to = memory();
    await expect(copy(storeSource(from, "multi"), storeTarget(to))).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await to.images.list()).toEqual([]);
  });

  it("stops when it is told to", async () => {
    const from = await filled();
    const to = memory();
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(copy(storeSource(from, "multi"), storeTarget(to), { signal })).rejects.toThrow("enough");
    expect(await storedDigests(to.content)).toEqual([]);
  });
});

describe("storeSource", () => {
  it("finds an image by name, tag, name with digest, and digest", async () => {
    const from = await filled();
    const { digest } = from.amd64.descriptor;
    for (const name of ["example.com/app:v1", "v1", `example.com/app@${digest}`, digest]) {
      expect((await storeSource(from, name).resolve()).descriptor, name).toEqual(from.amd64.descriptor);
    }
  });

  it("finds a manifest that only an index names, by its digest", async () => {
    const from = await filled();
    const found = await storeSource(from, from.arm64.descriptor.digest).resolve();
    expect(found).toMatchObject({ descriptor: from.arm64.descriptor, names: [] });
    await expect(storeSource(from, from.arm64.config.digest).resolve()).rejects.toMatchObject({
      code: "INVALID_DOCUMENT",
    });
  });

  it("says what there is when it cannot choose", async () => {
    const from = await filled();
    await expect(storeSource(from).resolve()).rejects.toThrow(`there are several, name one of ${MULTI}`);
    await expect(storeSource(from, "nothing").resolve()).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(storeSource(from, `sha256:${"0".repeat(64)}`).resolve()).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(storeSource(from, `example.com/other@${from.amd64.descriptor.digest}`).resolve()).rejects.toThrow(
      "Cannot find image",
    );
  });

  it("does not look at images that nobody asked for", async () => {
    const from = await filled();
    await from.content.delete(from.index.descriptor.digest);
    expect((await storeSource(from, "v1").resolve()).descriptor).toEqual(from.amd64.descriptor);
  });
});
