import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { flattenImage, readArchive, writeArchive } from "../../src/archive/index.ts";
import { readAll } from "../../src/bytes.ts";
import { decompress } from "../../src/compress/index.ts";
import { createMemoryContentStore, readBlob, writeBlob } from "../../src/content/index.ts";
import type { ContentStore } from "../../src/content/store.ts";
import { build } from "../../src/frontend/build.ts";
import { digestOf } from "../../src/hash/index.ts";
import { serialiseImageConfig } from "../../src/oci/config.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { serialiseManifest } from "../../src/oci/manifest.ts";
import { DOCKER_TYPES, OCI_TYPES } from "../../src/oci/media-types.ts";
import { walkTree } from "../../src/snapshots/walk.ts";
import { writeTar } from "../../src/tar/index.ts";
import { prose, storedZstd } from "../compress/support/data.ts";
import { itWith } from "../support/tools.ts";

interface ZstdBase {
  readonly content: ContentStore;
  readonly descriptor: Descriptor;
  readonly layer: Descriptor;
  readonly diffID: string;
}

/** An image of one layer in zstd. */
async function zstdBase(
  compress: (tar: Uint8Array) => Uint8Array,
  mediaType: string = OCI_TYPES.layerZstd,
): Promise<ZstdBase> {
  const content = createMemoryContentStore();
  const put = async (type: string, bytes: Uint8Array): Promise<Descriptor> => {
    const { digest, size } = await writeBlob(content, bytes);
    return { mediaType: type, digest, size };
  };
  const text = prose(300_000);
  const header = {
    name: "etc/text",
    type: "file",
    mode: 0o600,
    uid: 0,
    gid: 0,
    size: text.byteLength,
    mtime: 5,
  } as const;
  const tar = await readAll(writeTar([{ header, content: text }]), 1e7);
  const diffID = digestOf(tar);
  const layer = await put(mediaType, compress(tar));
  const rootfs = { type: "layers", diff_ids: [diffID] } as const;
  const config = await put(OCI_TYPES.config, serialiseImageConfig({ architecture: "amd64", os: "linux", rootfs }));
  const descriptor = await put(
    OCI_TYPES.manifest,
    serialiseManifest({ schemaVersion: 2, mediaType: OCI_TYPES.manifest, config, layers: [layer] }),
  );
  return { content, descriptor, layer, diffID };
}

const from = ({ content, descriptor }: ZstdBase) => ({
  content,
  from: { descriptor },
  files: { "/etc/text": "changed" },
});

describe("a base with layers in zstd", () => {
  it("is read, and its layers stay as they are", async () => {
    const base = await zstdBase(storedZstd);
    const image = await build(from(base));
    const layers = image.manifests[0]?.layers ?? [];
    expect(layers[0]?.descriptor).toEqual(base.layer);
    expect(layers).toHaveLength(2);
    const tree = await flattenImage(base.content, image.descriptor);
    const node = [...walkTree(tree)].find(({ path }) => path === "/etc/text")?.node;
    // The mode of the base's file, which was read out of the layer.
    expect(node).toMatchObject({ type: "file", size: 7, mode: 0o600 });
  });

  it("has Docker's media type among Docker's, and OCI's among OCI's", async () => {
    const oci = await build({ ...from(await zstdBase(storedZstd)), options: { ociMediatypes: false } });
    expect(oci.manifests[0]?.layers[0]?.descriptor.mediaType).toBe(DOCKER_TYPES.layerZstd);
    const docker = await build(from(await zstdBase(storedZstd, DOCKER_TYPES.layerZstd)));
    expect(docker.manifests[0]?.layers[0]?.descriptor.mediaType).toBe(OCI_TYPES.layerZstd);
  });

  it("is compressed with gzip, or not at all, with force-compression", async () => {
    for (const compression of ["gzip", "uncompressed"] as const) {
      const base = await zstdBase(storedZstd);
      const image = await build({ ...from(base), options: { compression, forceCompression: true } });
      const [layer] = image.manifests[0]?.layers ?? [];
      if (layer === undefined) throw new Error("no layer");
      expect(layer.descriptor.mediaType).toBe(compression === "gzip" ? OCI_TYPES.layerGzip : OCI_TYPES.layer);
      expect(layer.diffID).toBe(base.diffID);
      expect(digestOf(await readAll(decompress(readBlob(base.content, layer.descriptor)), 1e7))).toBe(base.diffID);
    }
  });

  it("goes into an OCI archive and comes out of it", async () => {
    const base = await zstdBase(storedZstd);
    const image = await build(from(base));
    const here = createMemoryContentStore();
    const [read] = await readArchive(await readAll(writeArchive(image, { format: "oci" }), 1e7), here);
    expect(read?.descriptor.digest).toBe(image.digest);
    expect([...walkTree(await flattenImage(here, image.descriptor))].map(({ path }) => path)).toContain("/etc/text");
  });

  it("is refused where its frames end early, or hold something else than the config says", async () => {
    const cut = await zstdBase((tar) => storedZstd(tar).subarray(0, -3));
    await expect(build(from(cut))).rejects.toMatchObject({ code: "INVALID_COMPRESSION" });
    const other = await zstdBase((tar) => storedZstd(tar.map((byte, at) => (at === 2000 ? byte ^ 1 : byte))));
    await expect(build(from(other))).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  itWith(["zstd"], "is read as zstd writes it", async () => {
    const base = await zstdBase((tar) => execFileSync("zstd", ["-q", "-19", "-c"], { input: tar }));
    const image = await build(from(base));
    expect([...walkTree(await flattenImage(base.content, image.descriptor))]).toHaveLength(3);
  });
});
