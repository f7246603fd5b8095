import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readArchive, verifyImage } from "../../src/archive/index.ts";
import { readAll } from "../../src/bytes.ts";
import { gzip } from "../../src/compress/index.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { isSlipwayError, type SlipwayErrorCode } from "../../src/errors.ts";
import { digestOf } from "../../src/hash/index.ts";
import { type Digest, digestHex, OCI_TYPES } from "../../src/oci/index.ts";
import { type SampleFile, type SampleImage, sampleImage, storedDigests } from "../support/sample-image.ts";
import { archiveFiles, archiveOf, bytesOf, changedJson, type Files, replaced } from "./support.ts";

const LIMIT = 64 * 1024 * 1024;
const blob = (digest: Digest): string => `blobs/sha256/${digestHex(digest)}`;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The archive is refused for that reason, and nothing of it is left in the store. */
async function refused(archive: Files | Uint8Array, code: SlipwayErrorCode, message: string | RegExp): Promise<void> {
  const content = createMemoryContentStore();
  const bytes = archive instanceof Uint8Array ? archive : await archiveOf(archive);
  await expect(readArchive(bytes, content)).rejects.toMatchObject({
    code,
    message: typeof message === "string" ? expect.stringContaining(message) : expect.stringMatching(message),
  });
  expect(await storedDigests(content)).toEqual([]);
  for await (const { ref } of content.statuses()) expect.unreachable(`ingest ${ref} is left`);
}

const sample = () => sampleImage(createMemoryContentStore(), { names: ["hello"] });

interface IndexJson {
  readonly manifests: readonly { readonly digest: string; readonly size: number; readonly mediaType: string }[];
}

describe("readArchive refuses", () => {
  it("what is no archive of images", async () => {
    await refused(new Uint8Array(1024), "INVALID_ARCHIVE", "neither oci-layout nor manifest.json");
    await refused([["file", "text"]], "INVALID_ARCHIVE", "neither oci-layout nor manifest.json");
    await refused(encode("no tar at all, but long enough for a block\n".repeat(100)), "INVALID_TAR", "");
    await refused([["index.json", "{}"]], "INVALID_ARCHIVE", "oci-layout");
  });

  it("one that is truncated", async () => {
    const tar = await archiveOf(await archiveFiles(await sample()));
    await refused(tar.subarray(0, tar.byteLength - 1600), "INVALID_TAR", "");
    const zipped = await readAll(gzip(tar), LIMIT);
    await refused(zipped.subarray(0, zipped.byteLength - 20), "INVALID_COMPRESSION", "");
  });

  it("paths and links that leave it", async () => {
    const files = await archiveFiles(await sample());
    const hostile: Readonly<Record<string, SampleFile>> = {
      "../blobs/x": "1",
      "blobs/../../x": "1",
      "/etc/passwd": "1",
      "a/..": "1",
      "link-1": { type: "symlink", linkName: "/etc/passwd" },
      "link-2": { type: "symlink", linkName: "../x" },
      "a/link-3": { type: "symlink", linkName: "../../x" },
      "link-4": { type: "link", linkName: "../x" },
      "link-5": { type: "link", linkName: "/etc/passwd" },
    };
    for (const [name, file] of Object.entries(hostile)) {
      await refused([[name, file], ...files], "INVALID_ARCHIVE", "leaves the archive");
    }
    const docker = changedJson(files, "manifest.json", ([entry]: [object]) => [
      { ...entry, Config: "../../etc/passwd" },
    ]);
    await refused(replaced(files, { "manifest.json": docker }), "INVALID_ARCHIVE", "leaves the archive");
  });

  it("two entries of one name that differ, and takes two that are the same", async () => {
    const image = await sample();
    const files = await archiveFiles(image);
    const config = blob(image.config.digest);
    for (const name of ["index.json", "oci-layout", "manifest.json"]) {
      await refused([...files, [name, "{}"]], "INVALID_ARCHIVE", `"${name}"`);
      await refused([...files, [name, { type: "symlink", linkName: config }]], "INVALID_ARCHIVE", "is a link");
    }
    await refused([...files, [config, { type: "symlink", linkName: "../../index.json" }]], "INVALID_ARCHIVE", config);
    await refused([["a", "1"], ["./a", "2"], ...files], "INVALID_ARCHIVE", '"a"');
    await expect(readArchive(await archiveOf([...files, ...files]), createMemoryContentStore())).resolves.toHaveLength(
      1,
    );
  });

  it("blobs that are not what their names say", async () => {
    const image = await sample();
    const files = await archiveFiles(image);
    for (const { digest } of [image.descriptor, image.config, ...image.layers]) {
      const bytes = bytesOf(files, blob(digest));
      const longer = new Uint8Array([...bytes, 0]);
      const changed = bytes.map((byte, i) => (i === 5 ? byte ^ 1 : byte));
      for (const bad of [longer, changed, bytes.subarray(1), new Uint8Array()]) {
        await refused(replaced(files, { [blob(digest)]: bad }), "DIGEST_MISMATCH", digest);
      }
    }
  });

  it("a bad blob even if the store has the good one", async () => {
    const image = await sample();
    const files = await archiveFiles(image);
    const bad = replaced(files, { [blob(image.config.digest)]: "{}" });
    const before = await storedDigests(image.content);
    await expect(readArchive(await archiveOf(bad), image.content)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await storedDigests(image.content)).toEqual(before);
  });

  it("one that lacks a blob, naming it, even if the store has it", async () => {
    const image = await sample();
    const files = await archiveFiles(image, { format: "oci" });
    for (const { digest } of [image.descriptor, ...image.layers]) {
      const without = replaced(files, { [blob(digest)]: undefined });
      await refused(without, "INVALID_ARCHIVE", digest);
      await expect(readArchive(await archiveOf(without), image.content)).rejects.toMatchObject({
        code: "INVALID_ARCHIVE",
      });
    }
    await refused(replaced(files, { [blob(image.config.digest)]: undefined }), "INVALID_ARCHIVE", "is not in it");
    await refused(replaced(files, { "index.json": undefined }), "INVALID_ARCHIVE", "index.json");
    const docker = await archiveFiles(image, { format: "docker" });
    for (const [name] of docker.slice(1)) {
      await refused(replaced(docker, { [name]: undefined }), "INVALID_ARCHIVE", name);
      await refused(replaced(docker, { [name]: { type: "symlink", linkName: name } }), "INVALID_ARCHIVE", name);
    }
  });

  it("descriptors of a wrong size", async () => {
    const files = await archiveFiles(await sample(), { format: "oci" });
    const index = changedJson(files, "index.json", (document: IndexJson) => ({
      ...document,
      manifests: document.manifests.map((entry) => ({ ...entry, size: entry.size + 1 })),
    }));
    await refused(replaced(files, { "index.json": index }), "SIZE_MISMATCH", "");
    const negative = changedJson(files, "index.json", (document: IndexJson) => ({
      ...document,
      manifests: document.manifests.map((entry) => ({ ...entry, size: -1 })),
    }));
    await refused(replaced(files, { "index.json": negative }), "INVALID_DOCUMENT", "size");
  });

  it("digests that are paths", async () => {
    const files = await archiveFiles(await sample(), { format: "oci" });
    for (const digest of [
      "sha256:../../../etc/passwd",
      "../../x:y",
      "sha256:",
      "md5:d41d8cd98f00b204e9800998ecf8427e",
    ]) {
      const index = changedJson(files, "index.json", (document: IndexJson) => ({
        ...document,
        manifests: document.manifests.map((entry) => ({ ...entry, digest })),
      }));
      await refused(replaced(files, { "index.json": index }), "INVALID_DIGEST", "digest");
    }
  });

  it("layout versions that nobody knows, and documents that are none", async () => {
    const files = await archiveFiles(await sample());
    await refused(replaced(files, { "oci-layout": '{"imageLayoutVersion":"2.0.0"}' }), "INVALID_ARCHIVE", '"2.0.0"');
    await refused(replaced(files, { "oci-layout": "{}" }), "INVALID_ARCHIVE", "missing");
    await refused(replaced(files, { "oci-layout": "" }), "INVALID_DOCUMENT", "oci-layout");
    await refused(replaced(files, { "index.json": "[]" }), "INVALID_DOCUMENT", "index.json");
    const docker = (text: string) => replaced(files, { "oci-layout": undefined, "manifest.json": text });
    await refused(docker("{}"), "INVALID_DOCUMENT", "manifest.json");
    await refused(docker('[{"Layers":[]}]'), "INVALID_DOCUMENT", "Config");
    await refused(docker('[{"Config":"a","config":"b","Layers":[]}]'), "INVALID_DOCUMENT", "config");
    await refused(docker('[{"Config":"a","Layers":[1]}]'), "INVALID_DOCUMENT", "Layers");
  });

  it("documents that are too long", async () => {
    const files = await archiveFiles(await sample());
    const long = `{"x":"${"x".repeat(4 * 1024 * 1024)}"}`;
    for (const name of ["oci-layout", "index.json", "manifest.json"]) {
      await refused(replaced(files, { [name]: long }), "SIZE_MISMATCH", name);
    }
    const digest = digestOf(encode(long));
    const index = JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType: OCI_TYPES.manifest, digest, size: long.length }],
    });
    await refused(replaced(files, { "index.json": index, [blob(digest)]: long }), "SIZE_MISMATCH", digest);
  });

  it("what is both a manifest and an index", async () => {
    const image = await sample();
    const files = await archiveFiles(image, { format: "oci" });
    const both = changedJson(files, blob(image.descriptor.digest), (manifest: object) => ({
      ...manifest,
      manifests: [],
    }));
    const digest = digestOf(encode(both));
    for (const mediaType of [OCI_TYPES.manifest, OCI_TYPES.index]) {
      const index = { schemaVersion: 2, manifests: [{ mediaType, digest, size: both.length }] };
      const hostile = replaced(files, { "index.json": JSON.stringify(index), [blob(digest)]: both });
      await refused(hostile, "AMBIGUOUS_DOCUMENT", "");
    }
  });

  it("a blob that is named as two kinds of document", async () => {
    const image = await sample();
    const files = await archiveFiles(image, { format: "oci" });
    const { digest, size } = image.descriptor;
    const inner = JSON.stringify({
      schemaVersion: 2,
      manifests: [
        { mediaType: OCI_TYPES.manifest, digest, size },
        { mediaType: OCI_TYPES.layer, digest, size },
      ],
    });
    const innerDigest = digestOf(encode(inner));
    const index = {
      schemaVersion: 2,
      manifests: [{ mediaType: OCI_TYPES.index, digest: innerDigest, size: inner.length }],
    };
    const hostile = replaced(files, { "index.json": JSON.stringify(index), [blob(innerDigest)]: inner });
    await refused(hostile, "AMBIGUOUS_DOCUMENT", digest);
  });

  it("indexes in indexes without end", async () => {
    const image = await sample();
    let files = await archiveFiles(image, { format: "oci" });
    let entry = {
      mediaType: OCI_TYPES.manifest as string,
      digest: image.descriptor.digest,
      size: image.descriptor.size,
    };
    for (let depth = 0; depth < 10; depth++) {
      const text = JSON.stringify({ schemaVersion: 2, manifests: [entry] });
      entry = { mediaType: OCI_TYPES.index, digest: digestOf(encode(text)), size: text.length };
      files = replaced(files, { [blob(entry.digest)]: text });
    }
    const index = JSON.stringify({ schemaVersion: 2, manifests: [entry] });
    await refused(replaced(files, { "index.json": index }), "INVALID_DOCUMENT", "nested");
  });

  it("a manifest.json that disagrees with index.json", async () => {
    const content = createMemoryContentStore();
    const one = await sampleImage(content, { names: ["one"] });
    const two = await sampleImage(content, { names: ["two"], layers: [{ c: "3" }] });
    const files = await archiveFiles([one, two]);
    const swapped = changedJson(files, "manifest.json", ([a, b]: [{ RepoTags: unknown }, { RepoTags: unknown }]) => [
      { ...a, RepoTags: b.RepoTags },
      { ...b, RepoTags: a.RepoTags },
    ]);
    await refused(replaced(files, { "manifest.json": swapped }), "AMBIGUOUS_DOCUMENT", "docker.io/library/two:latest");
    const mixed = changedJson(files, "manifest.json", ([a, b]: [object, { Layers: unknown }]) => [
      { ...a, Layers: b.Layers },
      b,
    ]);
    await refused(replaced(files, { "manifest.json": mixed }), "AMBIGUOUS_DOCUMENT", one.config.digest);
  });

  it("Docker's layers that are not those of the config", async () => {
    for (const compression of ["gzip", "uncompressed"] as const) {
      const image = await sampleImage(createMemoryContentStore(), { compression });
      const files = await archiveFiles(image, { format: "docker" });
      const change = (to: (layers: readonly string[]) => readonly string[]) =>
        replaced(files, {
          "manifest.json": changedJson(files, "manifest.json", ([entry]: [{ Layers: string[] }]) => [
            { ...entry, Layers: to(entry.Layers) },
          ]),
        });
      await refused(
        change((layers) => layers.toReversed()),
        "DIGEST_MISMATCH",
        "diffID",
      );
      await refused(
        change((layers) => layers.slice(1)),
        "INVALID_ARCHIVE",
        "2 layers",
      );
      await refused(
        change((layers) => [...layers, ...layers]),
        "INVALID_ARCHIVE",
        "4",
      );
      const [, , [layer] = [""]] = files;
      const bytes = bytesOf(files, layer);
      const corrupt = bytes.map((byte, i) => (i === bytes.byteLength - 6 ? byte ^ 1 : byte));
      const code = compression === "gzip" ? "INVALID_COMPRESSION" : "DIGEST_MISMATCH";
      await refused(replaced(files, { [layer]: corrupt }), code, "");
    }
  });

  it("more bytes than it may have, however small it is compressed", async () => {
    const files = await archiveFiles(await sample());
    const bomb = await readAll(gzip(await archiveOf([["zeros", new Uint8Array(4_000_000)], ...files])), LIMIT);
    expect(bomb.byteLength).toBeLessThan(100_000);
    const content = createMemoryContentStore();
    await expect(readArchive(bomb, content, { sizeLimit: 1_000_000 })).rejects.toMatchObject({
      code: "INVALID_ARCHIVE",
    });
    expect(await storedDigests(content)).toEqual([]);
    await expect(readArchive(bomb, content, { sizeLimit: 5_000_000 })).resolves.toHaveLength(1);
  });

  it("a Docker config that is not what its name says", async () => {
    const files = await archiveFiles(await sample(), { format: "docker" });
    const [, [config] = [""]] = files;
    const changed = changedJson(files, config, (document: object) => ({ ...document, author: "somebody" }));
    await refused(replaced(files, { [config]: changed }), "DIGEST_MISMATCH", config);
  });
});

describe("readArchive of a damaged archive", () => {
  /** Either a clear error and nothing left, or the image as it was. */
  async function refusedOrWhole(archive: Uint8Array, image: SampleImage): Promise<void> {
    const content = createMemoryContentStore();
    try {
      for (const { descriptor, manifests } of await readArchive(archive, content)) {
        // Docker's own archives say nothing of how layers are compressed, so that the gzip header may be another one.
        expect(manifests).toMatchObject([{ config: image.config, diffIDs: image.diffIDs }]);
        await verifyImage(content, descriptor, { diffIDs: true });
      }
    } catch (error) {
      if (!isSlipwayError(error)) throw error;
      expect(await storedDigests(content)).toEqual([]);
    }
  }

  for (const format of ["both", "docker"] as const) {
    it(`never takes one of format ${format} with other bytes for the image`, async () => {
      const image = await sample();
      const tar = await archiveOf(await archiveFiles(image, { format }));
      await fc.assert(
        fc.asyncProperty(fc.nat(tar.byteLength - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
          const damaged = tar.map((byte, i) => (i === at ? byte ^ bits : byte));
          await refusedOrWhole(damaged, image);
        }),
        { numRuns: 300 },
      );
    });

    it(`never takes a part of one of format ${format} for the image`, async () => {
      const image = await sample();
      const tar = await archiveOf(await archiveFiles(image, { format }));
      for (let size = 0; size < tar.byteLength; size += 256) await refusedOrWhole(tar.subarray(0, size), image);
    });
  }
});
