import { describe, expect, it } from "vitest";
import { bytesSource, readAll } from "../../src/bytes.ts";
import { decompress, gzip } from "../../src/compress/index.ts";
import { copyBlob, createMemoryContentStore, readBlob, writeBlob } from "../../src/content/index.ts";
import { withLease } from "../../src/content/leased-store.ts";
import type { ContentStore } from "../../src/content/store.ts";
import type { BaseImage } from "../../src/exporter/config.ts";
import type { ExporterOptions } from "../../src/exporter/exporter.ts";
import { digestOf } from "../../src/hash/index.ts";
import { serialiseImageConfig } from "../../src/oci/config.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { type Manifest, serialiseManifest } from "../../src/oci/manifest.ts";
import { OCI_TYPES } from "../../src/oci/media-types.ts";
import type { TarHeader } from "../../src/tar/entry.ts";
import { readTar, writeTar } from "../../src/tar/index.ts";
import { documentsOf, type House, openHouse, progressLog } from "./support.ts";

const NOW = 1_700_000_000;

const file = (
  name: string,
  mtime: number,
  more: Partial<TarHeader> = {},
): { header: TarHeader; content?: Uint8Array } => ({
  header: { name, type: "file", mode: 0o644, uid: 0, gid: 0, size: 1, mtime, ...more },
  content: new Uint8Array([65]),
});

async function put(content: ContentStore, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const { digest, size } = await writeBlob(content, bytes);
  return { mediaType, digest, size };
}

interface Made {
  readonly base: BaseImage;
  readonly diffIDs: readonly Digest[];
  readonly layers: readonly Descriptor[];
}

/** A base image of hand-made layers: one uncompressed, one in gzip of another engine's kind. */
async function makeBase(content: ContentStore, more: Partial<Manifest> = {}, history?: object[]): Promise<Made> {
  const old = await readAll(writeTar([file("etc/old", 1000)]), 1e6);
  const late = await readAll(
    writeTar([
      file("etc/late", NOW, { userName: "root", xattrs: new Map([["user.x", new Uint8Array([0, 255])]]) }),
      file("etc/records", 5, { pax: new Map([["atime", new TextEncoder().encode(`${NOW}.5`)]]) }),
    ]),
    1e6,
  );
  const diffIDs = [digestOf(old), digestOf(late)];
  const layers = [
    await put(content, OCI_TYPES.layer, old),
    await put(content, OCI_TYPES.layerGzip, await readAll(gzip(late, { level: 1 }), 1e6)),
  ];
  const config = await put(
    content,
    OCI_TYPES.config,
    serialiseImageConfig({
      architecture: "arm64",
      os: "linux",
      created: "2020-01-01T00:00:00Z",
      config: { Env: ["A=1"], unknownFields: new Map([["vendor", "kept"]]) },
      rootfs: { type: "layers", diff_ids: diffIDs },
      ...(history && { history }),
      unknownFields: new Map([["x-top", 1.5]]),
    }),
  );
  const manifest: Manifest = { schemaVersion: 2, mediaType: OCI_TYPES.manifest, config, layers, ...more };
  return {
    base: { manifest: await put(content, OCI_TYPES.manifest, serialiseManifest(manifest)), content },
    diffIDs,
    layers,
  };
}

async function exportOn(house: House, base: BaseImage, options: ExporterOptions = {}) {
  const ref = await house.snapshots.stat("own").then(
    () => house.snapshots.get("own"),
    () => house.commit("own", undefined, (work) => work.writeFile("/own", "1", { mtime: 7 })),
  );
  const image = await house.exporter.resolve(options).export(ref, { base });
  const [exported] = image.manifests;
  if (!exported) throw new Error("no manifest");
  return { image, exported, ...(await documentsOf(house.content, exported)) };
}

async function entriesOf(content: ContentStore, layer: Descriptor): Promise<TarHeader[]> {
  const entries: TarHeader[] = [];
  for await (const { content: _, ...header } of readTar(decompress(readBlob(content, layer)))) entries.push(header);
  return entries;
}

describe("an export on a base image", () => {
  it("has the base's layers as they are, below its own, and the base's platform and config", async () => {
    const house = openHouse();
    const elsewhere = createMemoryContentStore();
    const { base, diffIDs, layers } = await makeBase(elsewhere);
    const { exported, manifest, config } = await exportOn(house, base);
    expect(manifest.layers.slice(0, 2)).toEqual(layers);
    expect(config.rootfs.diff_ids.slice(0, 2)).toEqual(diffIDs);
    expect(manifest.layers).toHaveLength(3);
    expect(config).toMatchObject({ architecture: "arm64", unknownFields: new Map([["x-top", 1.5]]) });
    expect(config.config?.unknownFields).toEqual(new Map([["vendor", "kept"]]));
    expect(config.config?.Env?.[0]).toBe("A=1");
    expect(config).not.toHaveProperty("created");
    expect(config.history).toHaveLength(3);
    expect(exported.platform).toEqual({ architecture: "arm64", os: "linux" });
    // Everything the image needs is in the export's own store, verified.
    for (const layer of manifest.layers) await readAll(readBlob(house.content, layer), 1e6);
  });

  it("copies base layers once, and tells them apart in its progress", async () => {
    const house = openHouse();
    const { base } = await makeBase(createMemoryContentStore());
    await exportOn(house, base);
    const log = progressLog();
    const ref = await house.snapshots.get("own");
    const image = await house.exporter.resolve().export(ref, { base, onProgress: log.onProgress });
    expect(image.manifests[0]?.layers.map(({ cached }) => cached)).toEqual([true, true, true]);
    expect(log.find(/exporting layers/, "completed")?.cached).toBe(true);
  });

  it("cuts the chain at the base's snapshot", async () => {
    const house = openHouse();
    const { base } = await makeBase(house.content);
    await house.commit("applied", undefined, (work) => work.writeFile("/etc/old", "A"));
    const own = await house.commit("on-base", "applied", (work) => work.writeFile("/etc/new", "B"));
    const image = await house.exporter.resolve().export(own, { base: { ...base, ref: "applied" } });
    const [exported] = image.manifests;
    expect(exported?.layers).toHaveLength(3);
    const top = exported?.layers[2]?.descriptor;
    expect(top && (await entriesOf(house.content, top)).map(({ name }) => name)).toEqual(["etc", "etc/new"]);

    const same = await house.exporter
      .resolve()
      .export(await house.snapshots.get("applied"), { base: { ...base, ref: "applied" } });
    expect(same.manifests[0]?.layers).toHaveLength(2);
    const stranger = await house.commit("stranger", undefined, (work) => work.writeFile("/x", ""));
    await expect(house.exporter.resolve().export(stranger, { base: { ...base, ref: "applied" } })).rejects.toThrow(
      /stranger.*not made on applied/,
    );
  });

  it("without own layers is the base with another config", async () => {
    const house = openHouse();
    const { base, layers } = await makeBase(house.content);
    const image = await house.exporter.resolve().export(undefined, { base, config: { cmd: ["/x"] } });
    expect(image.manifests[0]?.layers.map(({ descriptor }) => descriptor)).toEqual(layers);
  });

  it("converts media types to Docker's, and nondistributable layers to ordinary ones", async () => {
    const house = openHouse();
    const { base } = await makeBase(house.content);
    const { manifest } = await exportOn(house, base, { ociMediatypes: false });
    expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual([
      "application/vnd.docker.image.rootfs.diff.tar",
      "application/vnd.docker.image.rootfs.diff.tar.gzip",
      "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ]);
  });

  it("keeps what a base says of its layers, but not the notes of builders", async () => {
    const house = openHouse();
    const plain = await makeBase(house.content);
    const layers = plain.layers.map((layer) => ({
      ...layer,
      urls: ["https://example.org/layer"],
      annotations: { "org.example": "kept", "buildkit/createdat": "x", "containerd.io/uncompressed": "y" },
    }));
    const { base } = await makeBase(house.content, { layers });
    const { manifest } = await exportOn(house, base);
    expect(manifest.layers[0]).toEqual({ ...plain.layers[0], annotations: { "org.example": "kept" } });
    const docker = await exportOn(house, base, { ociMediatypes: false });
    expect(docker.manifest.layers[0]).not.toHaveProperty("annotations");
  });

  it("refuses a base that is not what it says", async () => {
    const house = openHouse();
    const { base, layers, diffIDs } = await makeBase(house.content);
    const fail = async (changed: BaseImage): Promise<unknown> =>
      house.exporter
        .resolve()
        .export(undefined, { base: changed })
        .catch((error: unknown) => error);
    expect(await fail({ ...base, diffIDs: [...diffIDs].reverse() })).toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await fail({ ...base, diffIDs })).not.toBeInstanceOf(Error);
    const short = await makeBase(house.content, { layers: layers.slice(1) });
    expect(await fail(short.base)).toMatchObject({
      code: "INVALID_DOCUMENT",
      message: expect.stringMatching(/1 layers.* 2 diffIDs/),
    });
    expect(await fail({ ...base, content: createMemoryContentStore() })).toMatchObject({ code: "NOT_FOUND" });
    await house.content.delete(layers[0]?.digest ?? "sha256:");
    expect(await fail(base)).toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining(layers[0]?.digest ?? ""),
    });
  });

  it("refuses another platform than the base's", async () => {
    const house = openHouse();
    const { base } = await makeBase(house.content);
    await expect(
      house.exporter.resolve().export(undefined, { base, platform: { os: "linux", architecture: "amd64" } }),
    ).rejects.toThrow(/linux\/amd64.*linux\/arm64/);
  });

  it("does not take over a layer whose bytes are not those of its digest", async () => {
    const house = openHouse();
    const good = createMemoryContentStore();
    const { base, layers } = await makeBase(good);
    const lying: ContentStore = new Proxy(good, {
      get(store, key) {
        const value: unknown = Reflect.get(store, key);
        if (typeof value !== "function") return value;
        if (key !== "open") return value.bind(store);
        return (digest: Digest) =>
          digest === layers[1]?.digest ? bytesSource(new Uint8Array(layers[1].size)).open() : store.open(digest);
      },
    });
    await expect(exportOn(house, { ...base, content: lying })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    await expect(house.content.info(layers[1]?.digest ?? "sha256:")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("force-compression", () => {
  it("compresses base layers anew that are compressed otherwise, with the same diffIDs", async () => {
    for (const compression of ["gzip", "uncompressed"] as const) {
      const house = openHouse();
      const { base, diffIDs, layers } = await makeBase(createMemoryContentStore());
      const { manifest, config } = await exportOn(house, base, { compression, forceCompression: true });
      expect(config.rootfs.diff_ids.slice(0, 2)).toEqual(diffIDs);
      const types = new Set(manifest.layers.map(({ mediaType }) => mediaType));
      expect([...types]).toEqual([compression === "gzip" ? OCI_TYPES.layerGzip : OCI_TYPES.layer]);
      const kept = compression === "gzip" ? 1 : 0;
      expect(manifest.layers[kept]).toEqual(layers[kept]);
      expect(manifest.layers[1 - kept]?.digest).not.toBe(layers[1 - kept]?.digest);
      for (const [index, layer] of manifest.layers.entries()) {
        const tar = await readAll(decompress(readBlob(house.content, layer)), 1e6);
        expect(digestOf(tar)).toBe(config.rootfs.diff_ids[index]);
      }
    }
  });

  it("does it once", async () => {
    const house = openHouse();
    const { base } = await makeBase(createMemoryContentStore());
    const options = { compression: "uncompressed", forceCompression: true } as const;
    const first = await exportOn(house, base, options);
    const second = await exportOn(house, base, options);
    expect(second.image.digest).toBe(first.image.digest);
    expect(second.exported.layers.every(({ cached }) => cached)).toBe(true);
  });

  it("fails if a layer is not what the base's config says, and writes nothing", async () => {
    const house = openHouse();
    const elsewhere = createMemoryContentStore();
    const plain = await makeBase(elsewhere);
    const [, gzipped] = plain.layers;
    if (!gzipped) throw new Error("no layer");
    const { base } = await makeBase(elsewhere, { layers: [gzipped, gzipped] });
    await expect(exportOn(house, base, { compression: "uncompressed", forceCompression: true })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
    const own = plain.diffIDs[0];
    await expect(house.content.info(own ?? "sha256:")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("rewrite-timestamp", () => {
  const EPOCH = 1_600_000_000;

  it("clamps the times inside of base layers, and leaves alone what has none that is later", async () => {
    const house = openHouse();
    const { base, diffIDs, layers } = await makeBase(createMemoryContentStore());
    const { manifest, config, exported } = await exportOn(house, base, {
      sourceDateEpoch: EPOCH,
      rewriteTimestamp: true,
    });
    expect(manifest.layers[0]).toEqual(layers[0]);
    expect(config.rootfs.diff_ids[0]).toBe(diffIDs[0]);

    const [, rewritten] = manifest.layers;
    if (!rewritten) throw new Error("no layer");
    expect(rewritten.digest).not.toBe(layers[1]?.digest);
    const tar = await readAll(decompress(readBlob(house.content, rewritten)), 1e6);
    expect(config.rootfs.diff_ids[1]).toBe(digestOf(tar));
    expect(exported.layers[1]?.diffID).toBe(digestOf(tar));
    const [late, records] = await entriesOf(house.content, rewritten);
    expect(late).toMatchObject({ name: "etc/late", mtime: EPOCH, userName: "root", size: 1 });
    expect(late?.xattrs).toEqual(new Map([["user.x", new Uint8Array([0, 255])]]));
    expect(records?.mtime).toBe(5);
    expect(new TextDecoder().decode(records?.pax?.get("atime"))).toBe(String(EPOCH));
  });

  it("is not done unless it is asked for, whatever the epoch is", async () => {
    const house = openHouse();
    const { base, layers } = await makeBase(createMemoryContentStore());
    const { manifest } = await exportOn(house, base, { sourceDateEpoch: EPOCH });
    expect(manifest.layers.slice(0, 2)).toEqual(layers);
  });

  it("is not done again for the same layer", async () => {
    const house = openHouse();
    const { base } = await makeBase(createMemoryContentStore());
    const options = { sourceDateEpoch: EPOCH, rewriteTimestamp: true };
    const first = await exportOn(house, base, options);
    const second = await exportOn(house, base, options);
    expect(second.image.digest).toBe(first.image.digest);
    expect(second.exported.layers.every(({ cached }) => cached)).toBe(true);
  });

  it("fails the export if a layer cannot be rewritten", async () => {
    const house = openHouse();
    const elsewhere = createMemoryContentStore();
    const { layers } = await makeBase(elsewhere);
    const broken = await put(elsewhere, OCI_TYPES.layer, new Uint8Array(700).fill(120));
    const { base } = await makeBase(elsewhere, { layers: [broken, ...layers.slice(1)] });
    await expect(exportOn(house, base, { sourceDateEpoch: EPOCH, rewriteTimestamp: true })).rejects.toMatchObject({
      code: "INVALID_TAR",
    });
  });

  it("is refused without an epoch", () => {
    expect(() => openHouse().exporter.resolve({ rewriteTimestamp: true })).toThrow(/source-date-epoch/);
  });
});

describe("a lease", () => {
  it("gets all blobs of the image, those that were found as those that were written", async () => {
    const house = openHouse();
    const { base } = await makeBase(house.content);
    await exportOn(house, base);
    const leased = new Set<string>();
    const content = withLease(house.content, {
      async add(digest) {
        leased.add(digest);
      },
    });
    const again = openHouse({ content, metadata: house.metadata, snapshots: house.snapshots });
    const ref = await house.snapshots.get("own");
    const image = await again.exporter.resolve().export(ref, { base: { ...base, content } });
    const [exported] = image.manifests;
    const blobs = [
      exported?.descriptor,
      exported?.config,
      ...(exported?.layers.map((layer) => layer.descriptor) ?? []),
    ];
    expect(exported?.layers.every(({ cached }) => cached)).toBe(true);
    expect([...leased]).toEqual(expect.arrayContaining(blobs.map((blob) => blob?.digest)));
    for await (const { ref: ingest } of house.content.statuses()) expect(ingest).toBe("none");
  });
});

describe("a base from another store", () => {
  it("can also be copied beforehand", async () => {
    const house = openHouse();
    const elsewhere = createMemoryContentStore();
    const { base, layers } = await makeBase(elsewhere);
    for (const layer of layers) await copyBlob(elsewhere, house.content, layer);
    const { exported } = await exportOn(house, base);
    expect(exported.layers.slice(0, 2).map(({ cached }) => cached)).toEqual([true, true]);
  });
});
