import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type ArchiveSource, type WriteArchiveOptions, writeArchive } from "../../src/archive/index.ts";
import { readAll } from "../../src/bytes.ts";
import { createMemoryContentStore, writeBlob } from "../../src/content/index.ts";
import { type Digest, digestHex, OCI_TYPES, parseIndex, serialiseManifest } from "../../src/oci/index.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { readTar, type TarHeader } from "../../src/tar/index.ts";
import { sampleImage, sampleIndex, storeWith } from "../support/sample-image.ts";

const LIMIT = 64 * 1024 * 1024;
const AMD64 = { architecture: "amd64", os: "linux" };
const ARM64 = { architecture: "arm64", os: "linux" };

interface Entry {
  readonly header: TarHeader;
  readonly text: string;
}

/** The entries of an archive, in its order. */
async function entriesOf(
  images: ArchiveSource | readonly ArchiveSource[],
  options?: WriteArchiveOptions,
): Promise<ReadonlyMap<string, Entry>> {
  const entries = new Map<string, Entry>();
  for await (const entry of readTar(writeArchive(images, options))) {
    const { content, ...header } = entry;
    expect(entries.has(header.name), `${header.name} is there once`).toBe(false);
    entries.set(header.name, { header, text: new TextDecoder().decode(await readAll(content(), LIMIT)) });
  }
  return entries;
}

const blob = (digest: Digest): string => `blobs/sha256/${digestHex(digest)}`;
const json = (entry: Entry | undefined): unknown => JSON.parse(entry?.text ?? "null");

describe("writeArchive", () => {
  it("writes documents first, then layers from the base up, each blob once", async () => {
    const image = await sampleImage(createMemoryContentStore(), {
      layers: [{ a: "1" }, { b: "2" }, { a: "1" }],
      names: ["hello"],
    });
    const entries = await entriesOf(image);
    expect([...entries.keys()]).toEqual([
      "oci-layout",
      "index.json",
      "manifest.json",
      "blobs",
      "blobs/sha256",
      blob(image.descriptor.digest),
      blob(image.config.digest),
      blob(image.layers[0]?.digest ?? "sha256:"),
      blob(image.layers[1]?.digest ?? "sha256:"),
    ]);
    expect(entries.get("oci-layout")?.text).toBe('{"imageLayoutVersion":"1.0.0"}');
  });

  it("tells its size before the first byte, names that are too long for a plain header included", async () => {
    const image = await sampleImage(createMemoryContentStore(), { layers: [{ a: "1" }], names: ["hello"] });
    const bytes = new TextEncoder().encode("a layer with a long digest");
    const long: Digest = `sha512:${createHash("sha512").update(bytes).digest("hex")}`;
    await writeBlob(image.content, bytes, { digest: long });
    const manifest = serialiseManifest({
      schemaVersion: 2,
      mediaType: OCI_TYPES.manifest,
      config: image.config,
      layers: [{ mediaType: OCI_TYPES.layerGzip, digest: long, size: bytes.byteLength }],
    });
    const { digest, size } = await writeBlob(image.content, manifest);
    const longer = {
      content: image.content,
      descriptor: { mediaType: OCI_TYPES.manifest, digest, size },
      names: ["b"],
    };
    for (const format of ["both", "oci", "docker"] as const) {
      for (const images of format === "oci" ? [image, longer, [image, longer]] : [image]) {
        const told: number[] = [];
        let count = 0;
        for await (const chunk of writeArchive(images, { format, onSize: (bytes) => told.push(bytes) })) {
          expect(told.length).toBe(1);
          count += chunk.byteLength;
        }
        expect([format, told]).toEqual([format, [count]]);
      }
    }
  });

  it("gives every entry the same attributes", async () => {
    const image = await sampleImage(createMemoryContentStore());
    for (const { header } of (await entriesOf(image)).values()) {
      expect(header).toMatchObject({ uid: 0, gid: 0, mtime: 0, mode: header.type === "directory" ? 0o755 : 0o644 });
    }
  });

  it("writes the same bytes again", async () => {
    const write = async (): Promise<Uint8Array> =>
      readAll(writeArchive(await sampleImage(createMemoryContentStore(), { names: ["a:1", "b:2"] })), LIMIT);
    expect(await write()).toEqual(await write());
  });

  it("names an image in index.json as containerd does and in manifest.json as Docker does", async () => {
    const image = await sampleImage(createMemoryContentStore());
    const digest = "sha256:".padEnd(71, "a");
    const names = ["hello", "example.com:5000/a/b:v1", "user/app:2", `hello@${digest}`];
    const entries = await entriesOf(image, { names });
    const index = parseIndex(new TextEncoder().encode(entries.get("index.json")?.text));
    expect(index.manifests.map(({ annotations, digest }) => [digest, annotations])).toEqual(
      [
        ["docker.io/library/hello:latest", "latest"],
        ["example.com:5000/a/b:v1", "v1"],
        ["docker.io/user/app:2", "2"],
        [`docker.io/library/hello@${digest}`, `docker.io/library/hello@${digest}`],
      ].map(([name, tag]) => [
        image.descriptor.digest,
        { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag },
      ]),
    );
    expect(json(entries.get("manifest.json"))).toEqual([
      {
        Config: blob(image.config.digest),
        RepoTags: ["hello:latest", "example.com:5000/a/b:v1", "user/app:2"],
        Layers: image.layers.map(({ digest }) => blob(digest)),
      },
    ]);
  });

  it("keeps the annotations that the descriptor has, and one entry for an image without a name", async () => {
    const image = await sampleImage(createMemoryContentStore());
    const descriptor = { ...image.descriptor, annotations: { "org.example": "1" } };
    const entries = await entriesOf({ ...image, descriptor });
    expect(json(entries.get("index.json"))).toMatchObject({ manifests: [{ annotations: { "org.example": "1" } }] });
    expect(json(entries.get("manifest.json"))).toMatchObject([{ RepoTags: null }]);
  });

  it("writes strictly OCI without manifest.json", async () => {
    const image = await sampleImage(createMemoryContentStore(), { names: ["hello"] });
    const names = [...(await entriesOf(image, { format: "oci" })).keys()];
    expect(names).toContain("index.json");
    expect(names).not.toContain("manifest.json");
  });

  it("writes strictly Docker's without anything of OCI", async () => {
    const content = createMemoryContentStore();
    const gzipped = await sampleImage(content, { names: ["hello"] });
    const plain = await sampleImage(content, { compression: "uncompressed", layers: [{ c: "3" }], names: ["plain:1"] });
    const entries = await entriesOf([gzipped, plain], { format: "docker" });
    const layers = gzipped.layers.map(({ digest }) => `${digestHex(digest)}.tar.gz`);
    const plainLayers = plain.layers.map(({ digest }) => `${digestHex(digest)}.tar`);
    const configs = [gzipped, plain].map(({ config }) => `${digestHex(config.digest)}.json`);
    expect([...entries.keys()]).toEqual(["manifest.json", ...configs, ...layers, ...plainLayers]);
    expect(json(entries.get("manifest.json"))).toEqual([
      { Config: configs[0], RepoTags: ["hello:latest"], Layers: layers },
      { Config: configs[1], RepoTags: ["plain:1"], Layers: plainLayers },
    ]);
  });

  it("shares blobs between images and joins the names of one that is given twice", async () => {
    const content = createMemoryContentStore();
    const base = { layers: [{ a: "1" }] };
    const one = await sampleImage(content, { ...base, config: { Cmd: ["one"] }, names: ["one"] });
    const two = await sampleImage(content, { ...base, config: { Cmd: ["two"] }, names: ["two"] });
    const entries = await entriesOf([one, two, { ...one, names: ["also"] }]);
    expect(json(entries.get("manifest.json"))).toMatchObject([
      { RepoTags: ["one:latest", "also:latest"] },
      { RepoTags: ["two:latest"] },
    ]);
    expect(json(entries.get("index.json"))).toMatchObject({ manifests: { length: 3 } });
  });

  describe("of several platforms", () => {
    const index = async (...platforms: (typeof AMD64)[]) => {
      const content = createMemoryContentStore();
      const images = [];
      for (const platform of platforms) {
        images.push(await sampleImage(content, { platform, layers: [{ arch: platform.architecture }] }));
      }
      const [first, ...rest] = images;
      if (first === undefined) throw new Error("no platform");
      return { images, source: await sampleIndex([first, ...rest], ["multi"]) };
    };

    it("holds all of them in OCI's part and linux/amd64 in Docker's, and says so", async () => {
      const { images, source } = await index(ARM64, AMD64);
      const warnings: string[] = [];
      const entries = await entriesOf(source, { onWarning: (message) => warnings.push(message) });
      for (const { descriptor, config } of images) {
        expect(entries.has(blob(descriptor.digest))).toBe(true);
        expect(entries.has(blob(config.digest))).toBe(true);
      }
      expect(json(entries.get("manifest.json"))).toMatchObject([
        { Config: blob(images[1]?.config.digest ?? "sha256:"), RepoTags: ["multi:latest"] },
      ]);
      expect(warnings).toEqual([
        "of linux/arm64, linux/amd64, manifest.json names linux/amd64 alone: only readers of OCI layouts see the others",
      ]);
    });

    it("takes the platform that is asked for", async () => {
      const { images, source } = await index(ARM64, AMD64);
      const entries = await entriesOf(source, { format: "docker", dockerPlatform: ARM64 });
      expect([...entries.keys()][1]).toBe(`${digestHex(images[0]?.config.digest ?? "sha256:")}.json`);
      expect(entries.size).toBe(3);
    });

    it("asks for a platform where there is no obvious one", async () => {
      const { source } = await index(ARM64, { architecture: "riscv64", os: "linux" });
      await expect(entriesOf(source)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(/linux\/arm64, linux\/riscv64/),
      });
      await expect(entriesOf(source, { dockerPlatform: AMD64 })).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(entriesOf(source, { format: "oci" })).resolves.toBeDefined();
    });
  });

  it("verifies every blob while it passes", async () => {
    const content = createMemoryContentStore();
    const image = await sampleImage(content);
    const layer = image.layers[1];
    if (layer === undefined) throw new Error("no layer");
    const open: typeof content.open = (digest, range) => {
      const chunks = content.open(digest, range);
      if (digest !== layer.digest) return chunks;
      return (async function* () {
        for await (const chunk of chunks) yield chunk.map((byte) => byte ^ 1);
      })();
    };
    const corrupt = storeWith(content, { open });
    await expect(entriesOf({ ...image, content: corrupt })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  it("misses a blob before it writes the first byte", async () => {
    const content = createMemoryContentStore();
    const image = await sampleImage(content);
    await content.delete(image.layers[1]?.digest ?? "sha256:");
    await expect(writeArchive(image).next()).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining(image.layers[1]?.digest ?? "?"),
    });
  });

  it("refuses a plain layer that the config calls by another diffID", async () => {
    const content = createMemoryContentStore();
    const image = await sampleImage(content, { compression: "uncompressed" });
    const layers = image.layers.toReversed();
    const bytes = serialiseManifest({ schemaVersion: 2, mediaType: OCI_TYPES.manifest, config: image.config, layers });
    const { digest, size } = await writeBlob(content, bytes);
    const descriptor = { mediaType: OCI_TYPES.manifest, digest, size };
    await expect(entriesOf({ content, descriptor })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  it("refuses what cannot be meant", async () => {
    const content = createMemoryContentStore();
    const image = await sampleImage(content, { names: ["x"] });
    const other = await sampleImage(content, { layers: [], names: ["docker.io/library/x:latest"] });
    const refused = (images: ArchiveSource | readonly ArchiveSource[], options?: WriteArchiveOptions) =>
      expect(entriesOf(images, options)).rejects;
    await refused([]).toMatchObject({ code: "INVALID_ARGUMENT" });
    await refused([image, other]).toMatchObject({ code: "INVALID_ARGUMENT" });
    await refused([image, { ...other, names: [] }], { names: ["n"] }).toMatchObject({ code: "INVALID_ARGUMENT" });
    await refused(image, { format: "tar" as never }).toMatchObject({ code: "INVALID_ARGUMENT" });
    await refused(image, { names: ["UPPER"] }).toMatchObject({ code: "INVALID_REFERENCE" });
    await refused({ ...image, descriptor: image.config }).toMatchObject({ code: "INVALID_DOCUMENT" });
  });

  it("reports how far it is, and stops when it is aborted", async () => {
    const image = await sampleImage(createMemoryContentStore());
    const events: ProgressEvent[] = [];
    await entriesOf(image, { onProgress: (event) => events.push(event) });
    expect(events[0]).toMatchObject({ state: "started" });
    expect(events.at(-1)).toMatchObject({ state: "completed" });
    expect(events.at(-1)?.current).toBe(events.at(-1)?.total);

    const controller = new AbortController();
    const reason = new Error("enough");
    const failed: ProgressEvent[] = [];
    const big = await sampleImage(createMemoryContentStore(), {
      compression: "uncompressed",
      layers: [{ big: new Uint8Array(1_000_000) }],
    });
    const archive = writeArchive(big, { signal: controller.signal, onProgress: (event) => failed.push(event) });
    await archive.next();
    controller.abort(reason);
    await expect(archive.next()).rejects.toBe(reason);
    expect(failed.at(-1)).toMatchObject({ state: "failed", error: reason });
  });

  it("fails as a step when the reader leaves", async () => {
    const image = await sampleImage(createMemoryContentStore(), {
      compression: "uncompressed",
      layers: [{ big: new Uint8Array(1_000_000) }],
    });
    const events: ProgressEvent[] = [];
    for await (const _ of writeArchive(image, { onProgress: (event) => events.push(event) })) break;
    expect(events.at(-1)).toMatchObject({ state: "failed" });
    expect(events.filter(({ state }) => state !== "running").map(({ state }) => state)).toEqual(["started", "failed"]);
  });
});
