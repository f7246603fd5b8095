import { describe, expect, it } from "vitest";
import { readArchive, writeArchive } from "../../src/archive/index.ts";
import { concatBytes, readAll } from "../../src/bytes.ts";
import { decompress, gzip } from "../../src/compress/index.ts";
import { createMemoryContentStore, readBlob, writeBlob } from "../../src/content/index.ts";
import type { ContentProvider, ContentStore } from "../../src/content/store.ts";
import type { BaseImage } from "../../src/exporter/config.ts";
import { createExporter } from "../../src/exporter/create-exporter.ts";
import type { ExportedImage, ExporterOptions, ExporterStores } from "../../src/exporter/exporter.ts";
import { digestOf } from "../../src/hash/index.ts";
import { serialiseImageConfig } from "../../src/oci/config.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { serialiseManifest } from "../../src/oci/manifest.ts";
import { OCI_TYPES } from "../../src/oci/media-types.ts";
import { createMemoryMetadataStore } from "../../src/snapshots/index.ts";
import { writeTar } from "../../src/tar/index.ts";
import { type RemoteProvider, remoteProvider } from "../support/remote-provider.ts";
import { type House, openHouse, progressLog } from "./support.ts";

const SOURCE_LABEL = "containerd.io/distribution.source.registry.example";

/** A layer with one file of a size that is more than one chunk. */
async function layerBlob(store: ContentStore, name: string, size: number, mtime = 5): Promise<[Descriptor, Digest]> {
  const content = new Uint8Array(size).map((_, index) => (index * 7919) >> 3);
  const header = { name, type: "file", mode: 0o644, uid: 0, gid: 0, size, mtime } as const;
  const tar = await readAll(writeTar([{ header, content }]), 1e7);
  const blob = await readAll(gzip(tar, { level: 1 }), 1e7);
  const { digest } = await writeBlob(store, blob);
  return [{ mediaType: OCI_TYPES.layerGzip, digest, size: blob.byteLength }, digestOf(tar)];
}

interface RemoteBase {
  readonly provider: RemoteProvider;
  readonly base: BaseImage;
  readonly layers: readonly Descriptor[];
  readonly diffIDs: readonly Digest[];
}

/** A base of two layers at a registry. */
async function remoteBase(architecture = "amd64", mtime = 5): Promise<RemoteBase> {
  const store = createMemoryContentStore();
  const made = [await layerBlob(store, "one", 40_000, mtime), await layerBlob(store, "two", 300)];
  const layers = made.map(([layer]) => layer);
  const diffIDs = made.map(([, diffID]) => diffID);
  const put = async (mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
    const { digest, size } = await writeBlob(store, bytes);
    return { mediaType, digest, size };
  };
  const config = await put(
    OCI_TYPES.config,
    serialiseImageConfig({ architecture, os: "linux", rootfs: { type: "layers", diff_ids: diffIDs } }),
  );
  const manifest = await put(
    OCI_TYPES.manifest,
    serialiseManifest({ schemaVersion: 2, mediaType: OCI_TYPES.manifest, config, layers }),
  );
  const provider = remoteProvider(store);
  return { provider, base: { manifest, content: provider, diffIDs }, layers, diffIDs };
}

const readLayers = ({ provider, layers }: RemoteBase): string[] =>
  provider.opened.filter((opened) => layers.some(({ digest }) => opened.startsWith(digest)));

async function exportOn(house: House, { base }: RemoteBase, options: ExporterOptions = {}): Promise<ExportedImage> {
  const ref = await house.commit("own", undefined, (work) => work.writeFile("/own", "1"));
  return await house.exporter.resolve(options).export(ref, { base });
}

/** Without an image store, so that nothing has to be whole. */
const openBuildHouse = (overrides: Partial<ExporterStores> = {}): House =>
  openHouse({ images: undefined, ...overrides });

describe("an export on a base at a registry", () => {
  it("reads no layer of the base, and looks for none", async () => {
    const house = openBuildHouse();
    const remote = await remoteBase();
    const image = await exportOn(house, remote);
    expect(readLayers(remote)).toEqual([]);
    expect(remote.provider.looked).toEqual([]);
    const [first, second, own] = image.manifests[0]?.layers ?? [];
    expect([first, second]).toEqual(
      remote.layers.map((descriptor, at) => ({
        descriptor,
        diffID: remote.diffIDs[at],
        cached: true,
        remote: true,
      })),
    );
    expect(own).toMatchObject({ cached: false });
    expect(own).not.toHaveProperty("remote");
    for (const { digest } of remote.layers) {
      await expect(house.content.info(digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
  });

  it("makes the image that it makes of a base that is here", async () => {
    const remote = await remoteBase();
    const image = await exportOn(openBuildHouse(), remote);
    const local = await exportOn(openBuildHouse(), {
      ...remote,
      base: { ...remote.base, content: { info: remote.provider.info, open: remote.provider.open } },
    });
    expect(local.digest).toBe(image.digest);
    expect(local.manifests[0]?.layers[0]).not.toHaveProperty("remote");
  });

  it("says in its progress where the layers are", async () => {
    const house = openBuildHouse();
    const { base, layers } = await remoteBase();
    const log = progressLog();
    const image = await house.exporter.resolve().export(undefined, { base, onProgress: log.onProgress });
    expect(log.ended().slice(0, 3)).toEqual([
      `exporting layer 1/2 ${layers[0]?.digest} (left at its registry)`,
      `exporting layer 2/2 ${layers[1]?.digest} (left at its registry)`,
      "exporting layers",
    ]);
    expect(image.manifests[0]?.layers).toHaveLength(2);
  });

  it("gives an image whose content has them all the same: an archive fetches each once", async () => {
    const house = openBuildHouse();
    const remote = await remoteBase();
    const image = await exportOn(house, remote);
    const archive = await readAll(writeArchive(image), 1e7);
    expect(readLayers(remote).sort()).toEqual(remote.layers.map(({ digest }) => digest).sort());
    const here = createMemoryContentStore();
    const [read] = await readArchive(concatBytes([archive]), here);
    expect(read?.descriptor.digest).toBe(image.digest);
    for (const layer of remote.layers) await readAll(readBlob(here, layer), 1e7);
  });

  it("verifies them when they are read", async () => {
    const house = openBuildHouse();
    const remote = await remoteBase();
    const image = await exportOn(house, remote);
    const [layer] = remote.layers;
    if (layer === undefined) throw new Error("no layer");
    const { open } = remote.provider;
    Object.assign(remote.provider, {
      async *open(digest: Digest) {
        for await (const chunk of open(digest)) yield chunk.map((byte) => byte ^ 1);
      },
    });
    await expect(readAll(readBlob(image.content, layer), 1e7)).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringContaining(`blob ${layer.digest}`),
    });
  });

  it("tells by a label which repository has them, asked for when it is wanted", async () => {
    const remote = await remoteBase();
    const { content } = await exportOn(openBuildHouse(), remote);
    const [layer] = remote.layers;
    if (layer === undefined) throw new Error("no layer");
    for (let time = 0; time < 2; time++) {
      expect(await content.info(layer.digest)).toEqual({
        digest: layer.digest,
        size: layer.size,
        labels: { [SOURCE_LABEL]: "team/base" },
      });
    }
    expect(remote.provider.looked).toEqual([layer.digest]);
    expect((await content.label(layer.digest, { mine: "x" })).labels).toEqual({
      [SOURCE_LABEL]: "team/base",
      mine: "x",
    });
  });

  it("uses what the store has already", async () => {
    const house = openBuildHouse();
    const remote = await remoteBase();
    const [layer] = remote.layers;
    if (layer === undefined) throw new Error("no layer");
    await writeBlob(house.content, remote.provider.open(layer.digest), layer);
    remote.provider.opened.length = 0;
    const image = await exportOn(house, remote);
    expect(image.manifests[0]?.layers.map((one) => [one.cached, one.remote ?? false])).toEqual([
      [true, false],
      [true, true],
      [false, false],
    ]);
    await readAll(readBlob(image.content, layer), 1e7);
    expect(readLayers(remote)).toEqual([]);
  });

  it("does so for each platform", async () => {
    const house = openBuildHouse();
    const [amd64, arm64] = [await remoteBase("amd64"), await remoteBase("arm64", 9)];
    const image = await house.exporter.resolve().export([
      { platform: { os: "linux", architecture: "amd64" }, base: amd64.base },
      { platform: { os: "linux", architecture: "arm64" }, base: arm64.base },
    ]);
    expect(image.manifests.flatMap(({ layers }) => layers.map(({ remote }) => remote))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect([...readLayers(amd64), ...readLayers(arm64)]).toEqual([]);
    // The second layer is the same for both, and fetched once.
    await readAll(writeArchive(image), 1e7);
    expect([...readLayers(amd64), ...readLayers(arm64)].sort()).toEqual(
      [...new Set([...amd64.layers, ...arm64.layers].map(({ digest }) => digest))].sort(),
    );
  });
});

describe("an image on a base at a registry that is named in a store", () => {
  it("is whole: its layers are fetched, once", async () => {
    const house = openHouse();
    const remote = await remoteBase();
    const image = await exportOn(house, remote, { name: "app" });
    expect(readLayers(remote).sort()).toEqual(remote.layers.map(({ digest }) => digest).sort());
    expect(image.manifests[0]?.layers.map((one) => [one.cached, one.remote ?? false])).toEqual([
      [false, false],
      [false, false],
      [false, false],
    ]);
    for (const layer of remote.layers) {
      await readAll(readBlob(house.content, layer), 1e7);
      // So that a push knows where it can be mounted from.
      expect((await house.content.info(layer.digest)).labels).toEqual({ [SOURCE_LABEL]: "team/base" });
    }
    expect(image.content).toBe(house.content);
  });

  it("is not fetched if its names do not go to the store, or it has none", async () => {
    const remote = await remoteBase();
    await exportOn(openHouse(), remote);
    await exportOn(openHouse(), remote, { name: "app", store: false });
    expect(readLayers(remote)).toEqual([]);
    await exportOn(openHouse(), remote, { danglingNamePrefix: "dangling" });
    expect(readLayers(remote)).toHaveLength(2);
  });

  it("goes on where a connection was cut, and names nothing before", async () => {
    const house = openHouse();
    const remote = await remoteBase();
    const [layer] = remote.layers;
    if (layer === undefined) throw new Error("no layer");
    remote.provider.cuts.set(layer.digest, 500);
    await expect(exportOn(house, remote, { name: "app" })).rejects.toThrow("connection cut");
    expect(await house.images.list()).toEqual([]);
    remote.provider.cuts.clear();
    remote.provider.opened.length = 0;
    const ref = await house.snapshots.get("own");
    const image = await house.exporter.resolve({ name: "app" }).export(ref, { base: remote.base });
    expect(readLayers(remote).filter((opened) => opened.startsWith(layer.digest))).toEqual([`${layer.digest}@500`]);
    await readAll(readBlob(house.content, layer), 1e7);
    expect((await house.images.list()).map(({ target }) => target.digest)).toEqual([image.digest]);
    for await (const { ref: ingest } of house.content.statuses()) expect(ingest).toBe("none");
  });

  it("tells under each layer that it waits for the registry", async () => {
    const house = openHouse();
    const remote = await remoteBase();
    const open = remote.provider.open.bind(remote.provider);
    const patient: ContentProvider = {
      ...remote.provider,
      async *open(digest, range, options) {
        for (const state of ["started", "completed"] as const) {
          options?.onProgress?.({ id: "retry 1", name: "waiting 1 s for registry.example", state });
        }
        yield* open(digest, range);
      },
    };
    const log = progressLog();
    const base = { ...remote.base, content: patient };
    await house.exporter.resolve({ name: "app" }).export(undefined, { base, onProgress: log.onProgress });
    const waits = log.events.filter(({ name, state }) => name.startsWith("waiting") && state === "started");
    expect(waits.map(({ parent }) => parent).sort()).toEqual(["layer 1/2", "layer 2/2"]);
  });

  it("shares what others fetch at the same time", async () => {
    const house = openHouse();
    const remote = await remoteBase();
    const job = house.exporter.resolve({ name: "app" });
    const commands = [["/a"], ["/b"], ["/c"]];
    const images = await Promise.all(
      commands.map((cmd) => job.export(undefined, { base: remote.base, config: { cmd } })),
    );
    expect(new Set(images.map(({ digest }) => digest)).size).toBe(3);
    expect(readLayers(remote)).toHaveLength(2);
  });

  it("also with an exporter that knows nothing of the other", async () => {
    const house = openHouse();
    const remote = await remoteBase();
    const other = createExporter({ ...house, metadata: createMemoryMetadataStore() });
    const exporters = [house.exporter, other];
    await Promise.all(
      exporters.map((exporter) => exporter.resolve({ name: "app" }).export(undefined, { base: remote.base })),
    );
    for (const layer of remote.layers) await readAll(readBlob(house.content, layer), 1e7);
    for await (const { ref: ingest } of house.content.statuses()) expect(ingest).toBe("none");
  });
});

describe("layers that have to be made over", () => {
  it("are read once, with force-compression", async () => {
    const house = openBuildHouse();
    const remote = await remoteBase();
    const image = await exportOn(house, remote, { compression: "uncompressed", forceCompression: true });
    expect(readLayers(remote).sort()).toEqual(remote.layers.map(({ digest }) => digest).sort());
    const layers = image.manifests[0]?.layers ?? [];
    expect(layers.map((one) => [one.diffID, one.remote ?? false]).slice(0, 2)).toEqual(
      remote.diffIDs.map((diffID) => [diffID, false]),
    );
    for (const { descriptor, diffID } of layers) {
      expect(digestOf(await readAll(decompress(readBlob(house.content, descriptor)), 1e7))).toBe(diffID);
    }
  });

  it("stay at the registry if they are compressed so already", async () => {
    const remote = await remoteBase();
    await exportOn(openBuildHouse(), remote, { compression: "gzip", forceCompression: true });
    expect(readLayers(remote)).toEqual([]);
  });

  it("are read once for other times, those that turn out to have none too", async () => {
    const house = openBuildHouse();
    const remote = await remoteBase("amd64", 2_000_000_000);
    const image = await exportOn(house, remote, { sourceDateEpoch: 1_000_000_000, rewriteTimestamp: true });
    expect(readLayers(remote).sort()).toEqual(remote.layers.map(({ digest }) => digest).sort());
    const [first, second] = image.manifests[0]?.layers ?? [];
    expect(first?.diffID).not.toBe(remote.diffIDs[0]);
    expect(second?.diffID).toBe(remote.diffIDs[1]);
    for (const { descriptor } of image.manifests[0]?.layers ?? [])
      await readAll(readBlob(house.content, descriptor), 1e7);
  });
});
