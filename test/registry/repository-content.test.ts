import { describe, expect, it } from "vitest";
import { readBlobBytes } from "../../src/content/index.ts";
import { type Digest, OCI_TYPES, parseIndex, parseManifest } from "../../src/oci/index.ts";
import { requestLine } from "../support/registry-server/test-registry.ts";
import {
  bytesOf,
  putBlob,
  putImage,
  putManifest,
  type ServedRepository,
  serveRepository,
  wholeOf,
} from "./pull-support.ts";

const kinds = (served: ServedRepository): readonly string[] =>
  served.requests().map((request) => requestLine(request).replace(/sha256:.*/, "DIGEST"));

/** Two images and an index that names them. */
async function servedIndex() {
  const served = await serveRepository();
  const first = await putImage(served, "first");
  const second = await putImage(served, "second", { layers: [{ c: "3" }] });
  const manifests = [first, second].map(({ descriptor, platform }) => ({ ...descriptor, platform }));
  const index = putManifest(served, { schemaVersion: 2, mediaType: OCI_TYPES.index, manifests }, OCI_TYPES.index, "1");
  return { ...served, first, second, index };
}

describe("the content of a repository", () => {
  it("finds manifests and blobs at their addresses, as what names them says", async () => {
    const served = await servedIndex();
    const { content } = served.repository;
    const { descriptor } = await served.repository.fetchManifest("1");
    const index = parseIndex(await readBlobBytes(content, descriptor));
    const [child] = index.manifests;
    if (child === undefined) throw new Error("no manifest");
    const { config, layers } = parseManifest(await readBlobBytes(content, child));
    for (const blob of [config, ...layers]) await readBlobBytes(content, blob);
    expect(kinds(served)).toEqual([
      "GET /v2/hello/manifests/1",
      "GET /v2/hello/manifests/DIGEST",
      "GET /v2/hello/blobs/DIGEST",
      "GET /v2/hello/blobs/DIGEST",
      "GET /v2/hello/blobs/DIGEST",
    ]);
  });

  it("remembers documents, and no layers", async () => {
    const served = await servedIndex();
    const { content } = served.repository;
    const { descriptor, config, layers } = served.first;
    const [layer] = layers;
    if (layer === undefined) throw new Error("no layer");
    for (const blob of [descriptor, config, layer])
      await served.repository.fetchManifest("first").then(() => readBlobBytes(content, blob));
    served.requests();
    expect(await readBlobBytes(content, descriptor)).toEqual(await bytesOf(served.first, descriptor));
    expect(await readBlobBytes(content, config)).toEqual(await bytesOf(served.first, config));
    expect(await wholeOf(content.open(config.digest, { offset: 2, length: 3 }))).toEqual(
      (await bytesOf(served.first, config)).slice(2, 5),
    );
    expect(kinds(served)).toEqual([]);
    await readBlobBytes(content, layer);
    expect(kinds(served)).toEqual(["GET /v2/hello/blobs/DIGEST"]);
  });

  it("gives copies of what it remembers", async () => {
    const served = await servedIndex();
    const { content } = served.repository;
    const { bytes, descriptor } = await served.repository.fetchManifest("first");
    bytes.fill(0);
    (await readBlobBytes(content, descriptor)).fill(0);
    expect(await readBlobBytes(content, descriptor)).toEqual(await bytesOf(served.first, descriptor));
  });

  it("looks for a digest that nothing named as a blob, then as a manifest", async () => {
    const served = await servedIndex();
    const { content } = served.repository;
    await readBlobBytes(content, served.first.config);
    await readBlobBytes(content, served.first.descriptor);
    expect(kinds(served)).toEqual([
      "GET /v2/hello/blobs/DIGEST",
      "GET /v2/hello/blobs/DIGEST",
      "GET /v2/hello/manifests/DIGEST",
    ]);
    const absent: Digest = `sha256:${"0".repeat(64)}`;
    await expect(wholeOf(content.open(absent))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(content.info(absent)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("tells size and source without reading, by what named a blob or by HEAD", async () => {
    const served = await servedIndex();
    const { content } = served.repository;
    const { config, descriptor } = served.first;
    const labels = { [`containerd.io/distribution.source.${served.registry.host}`]: "hello" };
    expect(await content.info(config.digest)).toEqual({ digest: config.digest, size: config.size, labels });
    expect(await content.info(config.digest)).toEqual({ digest: config.digest, size: config.size, labels });
    expect(kinds(served)).toEqual(["HEAD /v2/hello/blobs/DIGEST"]);
    await served.repository.fetchManifest("first");
    served.requests();
    for (const { digest, size } of [descriptor, config, ...served.first.layers]) {
      expect(await content.info(digest)).toEqual({ digest, size, labels });
    }
    expect(kinds(served)).toEqual([]);
  });

  it("refuses ranges that leave what it remembers", async () => {
    const served = await servedIndex();
    const { descriptor } = await served.repository.fetchManifest("first");
    const { content } = served.repository;
    await expect(wholeOf(content.open(descriptor.digest, { offset: descriptor.size + 1 }))).rejects.toMatchObject({
      code: "OUT_OF_RANGE",
    });
  });

  it("does not remember a config that is not what its digest says", async () => {
    const served = await servedIndex();
    const { config } = served.first;
    await served.repository.fetchManifest("first");
    const right = served.registry.repositories.of("hello").blobs.get(config.digest) ?? new Uint8Array();
    served.registry.repositories.of("hello").blobs.set(config.digest, new Uint8Array(right.byteLength));
    const { content } = served.repository;
    await expect(wholeOf(content.open(config.digest))).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    putBlob(served, right);
    expect(await readBlobBytes(content, config)).toEqual(new Uint8Array(right));
  });
});
