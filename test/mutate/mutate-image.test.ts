import { describe, expect, it } from "vitest";
import { flattenImage, verifyImage } from "../../src/archive/index.ts";
import { type ContentStore, createMemoryContentStore } from "../../src/content/index.ts";
import { createMemoryImageStore } from "../../src/images/index.ts";
import { createLayer, mutateImage } from "../../src/mutate/index.ts";
import { DOCKER_TYPES, OCI_TYPES, parseDigest } from "../../src/oci/index.ts";
import { storeTarget } from "../../src/transfer/index.ts";
import { sampleTar, storedDigests, storeWith } from "../support/sample-image.ts";
import {
  AMD64,
  ARM64,
  attestation,
  configOf,
  detailedImage,
  indexOf,
  manifestOf,
  put,
  putIndex,
  RISCV,
} from "./support.ts";

const stores = () => ({ from: createMemoryContentStore(), content: createMemoryContentStore() });

/** A store whose layers nobody may read. */
function withoutLayers(store: ContentStore, layers: readonly { readonly digest: string }[]): ContentStore {
  return storeWith(store, {
    open(digest, range) {
      if (layers.some((layer) => layer.digest === digest)) throw new Error(`layer ${digest} is read`);
      return store.open(digest, range);
    },
  });
}

async function multi(from: ContentStore) {
  const amd64 = await detailedImage(from);
  const arm64 = await detailedImage(from, { platform: ARM64, layers: [{ arm: "64" }] });
  const about = [await attestation(from, amd64), await attestation(from, arm64)];
  const descriptor = await putIndex(from, {
    manifests: [
      { ...amd64.descriptor, platform: AMD64, annotations: { kept: "yes" } },
      { ...arm64.descriptor, platform: ARM64 },
      ...about,
    ],
    annotations: { of: "index" },
  });
  return { amd64, arm64, about, image: { content: from, descriptor } };
}

describe("mutateImage", () => {
  it("says in the config what it is told, and keeps the rest", async () => {
    const { from, content } = stores();
    const before = await detailedImage(from, {
      config: {
        Env: ["PATH=/bin", "A=1", "B=2"],
        Cmd: ["sh"],
        Labels: { old: "1" },
        unknownFields: new Map([["Strange", "kept"]]),
      },
      fields: { created: "2024-01-01T00:00:00Z", author: "me", unknownFields: new Map([["docker_version", "20"]]) },
      history: [{ created_by: "one" }, { created_by: "two" }],
    });
    const changes = { config: { env: { A: "3", C: "4" }, labels: { new: "2" }, entrypoint: ["/run"], user: "app" } };
    const image = await mutateImage({ ...before, content: withoutLayers(from, before.layers) }, changes, { content });
    const config = await configOf(image);
    expect(config).toEqual({
      ...(await configOf(before)),
      config: {
        Env: ["PATH=/bin", "A=3", "B=2", "C=4"],
        Entrypoint: ["/run"],
        Labels: { old: "1", new: "2" },
        User: "app",
        unknownFields: new Map([["Strange", "kept"]]),
      },
    });
    expect((await manifestOf(image)).layers).toEqual(before.layers);
    expect(image.descriptor).toMatchObject({ mediaType: OCI_TYPES.manifest });
  });

  it("sets no defaults where an image has nothing", async () => {
    const { from, content } = stores();
    const before = await detailedImage(from, { config: {} });
    const image = await mutateImage(before, { config: { labels: { a: "b" } } }, { content });
    expect((await configOf(image)).config).toEqual({ Labels: { a: "b" } });
  });

  it("is the image itself when nothing changes, whoever wrote it", async () => {
    const { from, content } = stores();
    const { config, layers } = await detailedImage(from);
    // Compact, in another order, as others write it.
    const bytes = JSON.stringify({ layers, config, mediaType: OCI_TYPES.manifest, schemaVersion: 2 });
    const descriptor = await put(from, OCI_TYPES.manifest, new TextEncoder().encode(bytes));
    const index = await putIndex(from, { manifests: [{ ...descriptor, platform: AMD64 }] });
    for (const target of [descriptor, index]) {
      for (const changes of [{}, { config: {}, annotations: { absent: undefined }, layers: [] }]) {
        const image = await mutateImage({ content: from, descriptor: target }, changes, { content });
        expect(image.descriptor).toEqual(target);
      }
    }
    expect(await storedDigests(content)).toEqual([]);
  });

  it("gives the same digest for the same changes, and writes documents only", async () => {
    const { from, content } = stores();
    const before = await detailedImage(from);
    const changes = { annotations: { a: "b" }, config: { created: "2024-05-05T00:00:00Z", author: "somebody" } };
    const first = await mutateImage(before, changes, { content });
    const second = await mutateImage(before, changes, { content: createMemoryContentStore() });
    expect(second.descriptor).toEqual(first.descriptor);
    expect(await storedDigests(content)).toHaveLength(2);
    expect(await configOf(first)).toMatchObject({ created: "2024-05-05T00:00:00Z", author: "somebody" });
  });

  it("sets and removes annotations, and leaves the config alone", async () => {
    const { from, content } = stores();
    const before = await detailedImage(from, { annotations: { a: "1", b: "2" } });
    const image = await mutateImage(before, { annotations: { a: undefined, c: "3" } }, { content });
    const manifest = await manifestOf(image);
    expect(manifest.annotations).toEqual({ b: "2", c: "3" });
    expect(manifest.config).toEqual(before.config);
    const none = await mutateImage(image, { annotations: { b: undefined, c: undefined } }, { content });
    expect((await manifestOf(none)).annotations).toBeUndefined();
  });

  it("takes a function that can also take something out", async () => {
    const { from, content } = stores();
    const before = await detailedImage(from, { config: { User: "root", Env: ["A=1"] } });
    const image = await mutateImage(
      before,
      {
        config: ({ config: { User: _, ...config } = {}, ...fields }, { architecture }) => ({
          ...fields,
          config: { ...config, Labels: { architecture } },
        }),
      },
      { content },
    );
    expect((await configOf(image)).config).toEqual({ Env: ["A=1"], Labels: { architecture: "amd64" } });
  });

  it("puts layers on top, with their history", async () => {
    const { from, content } = stores();
    const before = await detailedImage(from, {
      history: [{ created_by: "one" }, { created_by: "note", empty_layer: true }, { created_by: "two" }],
    });
    const layers = [
      await createLayer(await sampleTar({ "a.txt": "changed\n" }), { content }),
      await createLayer(await sampleTar({ "c.txt": "third\n" }), { content, compression: "uncompressed" }),
    ];
    const image = await mutateImage(
      before,
      { layers, config: { history: [{ createdBy: "COPY a" }, { createdBy: "ENV", emptyLayer: true }] } },
      { content },
    );
    expect((await manifestOf(image)).layers).toEqual([...before.layers, ...layers.map(({ descriptor }) => descriptor)]);
    const config = await configOf(image);
    expect(config.rootfs.diff_ids).toEqual([...before.diffIDs, ...layers.map(({ diffID }) => diffID)]);
    expect(config.history).toEqual([
      { created_by: "one" },
      { created_by: "note", empty_layer: true },
      { created_by: "two" },
      { created_by: "COPY a" },
      { created_by: "ENV", empty_layer: true },
      { created_by: "slipway" },
    ]);
    await verifyImage(image.content, image.descriptor, { diffIDs: true });
    const files = createMemoryContentStore();
    const { root } = await flattenImage(image.content, image.descriptor, { files });
    expect([...root.entries.keys()]).toEqual(["a.txt", "b.txt", "c.txt"]);
  });

  it("accounts for the layers of an image that has no history", async () => {
    const { from, content } = stores();
    const before = await detailedImage(from);
    const layer = await createLayer(await sampleTar({ x: "y" }), { content });
    const { history = [] } = await configOf(await mutateImage(before, { layers: [layer] }, { content }));
    expect(history.filter((entry) => entry.empty_layer !== true)).toHaveLength(3);
    expect(history.at(-1)).toEqual({ created_by: "slipway" });
  });

  it("calls layers in an image of Docker's as Docker does", async () => {
    const { from, content } = stores();
    const before = await detailedImage(from, { docker: true });
    const layer = await createLayer(await sampleTar({ x: "y" }), { content });
    const image = await mutateImage(before, { layers: [layer] }, { content });
    expect(image.descriptor.mediaType).toBe(DOCKER_TYPES.manifest);
    const { layers, config, mediaType } = await manifestOf(image);
    expect([mediaType, config.mediaType]).toEqual([DOCKER_TYPES.manifest, DOCKER_TYPES.config]);
    expect(layers.map((of) => of.mediaType)).toEqual([0, 1, 2].map(() => DOCKER_TYPES.layerGzip));
  });

  it("changes every image of an index, and leaves out what attested the old ones", async () => {
    const { from, content } = stores();
    const { image, amd64, about } = await multi(from);
    const warnings: string[] = [];
    const changed = await mutateImage(
      image,
      { config: { labels: { a: "b" } }, indexAnnotations: { new: "1" } },
      { content, onWarning: (message) => warnings.push(message) },
    );
    const { manifests, annotations } = await indexOf(changed);
    expect(annotations).toEqual({ of: "index", new: "1" });
    expect(manifests.map(({ platform }) => platform)).toEqual([AMD64, ARM64]);
    expect(manifests[0]?.annotations).toEqual({ kept: "yes" });
    for (const descriptor of manifests) {
      expect((await configOf({ content: changed.content, descriptor })).config?.Labels).toEqual({ a: "b" });
    }
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain(about[0]?.digest);
    expect(warnings[0]).toContain(amd64.descriptor.digest);
    await verifyImage(changed.content, changed.descriptor, { diffIDs: true });
  });

  it("changes the wanted platforms of an index, and keeps what attests the others", async () => {
    const { from, content } = stores();
    const { image, amd64, arm64, about } = await multi(from);
    const changed = await mutateImage(image, { platforms: [ARM64], annotations: { a: "b" } }, { content });
    const { manifests } = await indexOf(changed);
    const digests = manifests.map(({ digest }) => digest);
    expect([digests[0], ...digests.slice(2)]).toEqual([amd64.descriptor.digest, about[0]?.digest]);
    expect(digests[1]).not.toBe(arm64.descriptor.digest);
    await expect(mutateImage(image, { platforms: [RISCV] }, { content })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("changes the index alone when only that is wanted", async () => {
    const { from, content } = stores();
    const { image } = await multi(from);
    const changed = await mutateImage(image, { indexAnnotations: { of: undefined } }, { content });
    const [before, after] = [await indexOf(image), await indexOf(changed)];
    expect(after.manifests).toEqual(before.manifests);
    expect(after.annotations).toBeUndefined();
  });

  it("names the platform anew if the config says another", async () => {
    const { from, content } = stores();
    const { image } = await multi(from);
    const changed = await mutateImage(
      image,
      { platforms: [ARM64], config: (config) => ({ ...config, variant: "v9" }) },
      { content },
    );
    expect((await indexOf(changed)).manifests[1]?.platform).toEqual({ ...ARM64, variant: "v9" });
  });

  it("can be copied with all that it needs, and keeps what stores know of blobs", async () => {
    const { from, content } = stores();
    const before = await detailedImage(from);
    const layer = before.layers[0]?.digest ?? before.config.digest;
    const label = { "containerd.io/distribution.source.example.com": "app" };
    await from.label(layer, label);
    const image = await mutateImage(before, { config: { user: "app" } }, { content });
    expect((await image.content.info(layer)).labels).toEqual(label);
    const to = { content: createMemoryContentStore(), images: createMemoryImageStore() };
    const { blobs } = await storeTarget(to, "changed").write({ ...image, names: [] });
    expect(blobs).toEqual({ moved: 2 + before.layers.length, existing: 0 });
    await verifyImage(to.content, image.descriptor, { diffIDs: true });
  });

  it("refuses what makes no image", async () => {
    const { from, content } = stores();
    const before = await detailedImage(from);
    const absent = parseDigest(`sha256:${"0".repeat(64)}`);
    const missing = { descriptor: { mediaType: OCI_TYPES.layer, digest: absent, size: 1 }, diffID: absent };
    const refused = async (code: string, changes: Parameters<typeof mutateImage>[1], image = before.descriptor) => {
      const mutated = mutateImage({ content: from, descriptor: image }, changes, { content });
      await expect(mutated, JSON.stringify(changes)).rejects.toMatchObject({ code });
    };
    await refused("INVALID_ARGUMENT", { indexAnnotations: { a: "b" } });
    await refused("INVALID_ARGUMENT", { config: { workingDir: "relative" } });
    await refused("INVALID_ARGUMENT", { config: { created: "yesterday" } });
    await refused("INVALID_DOCUMENT", { annotations: { "": "no key" } });
    await refused("INVALID_ARGUMENT", { layers: [{ descriptor: before.config, diffID: before.config.digest }] });
    await refused("NOT_FOUND", { layers: [missing] });
    await refused("INVALID_ARGUMENT", {}, before.config);
    const artifact = await put(from, "application/vnd.example+json", new TextEncoder().encode("{}"));
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType: OCI_TYPES.manifest, config: artifact, layers: [] });
    await refused("INVALID_ARGUMENT", {}, await put(from, OCI_TYPES.manifest, new TextEncoder().encode(manifest)));
    expect(await storedDigests(content)).toEqual([]);
  });

  it("stops when it is told to", async () => {
    const { from, content } = stores();
    const before = await detailedImage(from);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(mutateImage(before, { annotations: { a: "b" } }, { content, signal })).rejects.toThrow("enough");
    expect(await storedDigests(content)).toEqual([]);
  });
});
