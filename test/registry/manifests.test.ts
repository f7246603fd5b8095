import { describe, expect, it } from "vitest";
import { DOCKER_TYPES, OCI_TYPES } from "../../src/oci/index.ts";
import { digestLike, requestLine } from "../support/registry-server/test-registry.ts";
import { bytesOf, putImage, putManifest, serveRepository } from "./pull-support.ts";

const config = { mediaType: OCI_TYPES.config, digest: `sha256:${"a".repeat(64)}`, size: 2 };
const SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";

describe("resolve", () => {
  for (const docker of [false, true]) {
    it(`answers with the descriptor of a tag by HEAD alone (${docker ? "Docker" : "OCI"})`, async () => {
      const served = await serveRepository();
      const { descriptor } = await putImage(served, "1", { docker });
      expect(await served.repository.resolve("1")).toEqual(descriptor);
      expect(await served.repository.resolve(descriptor.digest)).toEqual(descriptor);
      expect(served.requests().map(requestLine)).toEqual([
        "HEAD /v2/hello/manifests/1",
        `HEAD /v2/hello/manifests/${descriptor.digest}`,
      ]);
    });
  }

  it("asks for each format that it can read, so that no registry converts", async () => {
    const served = await serveRepository();
    await putImage(served, "1");
    await served.repository.resolve("1");
    const accept = served.requests()[0]?.headers.accept?.split(", ");
    expect(accept).toEqual([OCI_TYPES.manifest, OCI_TYPES.index, DOCKER_TYPES.manifest, DOCKER_TYPES.index]);
  });

  for (const status of [400, 404, 405, 501]) {
    it(`fetches where the registry refuses HEAD with ${status}`, async () => {
      const served = await serveRepository({
        on: ({ method }) => (method === "HEAD" ? { kind: "answer", status } : undefined),
      });
      const { descriptor } = await putImage(served, "1");
      expect(await served.repository.resolve("1")).toEqual(descriptor);
    });
  }

  for (const header of ["docker-content-digest", "content-type"]) {
    it(`fetches where the answer to HEAD lacks ${header}`, async () => {
      const served = await serveRepository({
        on: ({ method }) => (method === "HEAD" ? { kind: "headers", headers: { [header]: undefined } } : undefined),
      });
      const { descriptor } = await putImage(served, "1");
      expect(await served.repository.resolve("1")).toEqual(descriptor);
    });
  }

  it("computes the digest where the registry never says one", async () => {
    const served = await serveRepository({
      on: () => ({ kind: "headers", headers: { "docker-content-digest": undefined } }),
    });
    const { descriptor } = await putImage(served, "1");
    expect(await served.repository.resolve("1")).toEqual(descriptor);
  });

  it("fetches nothing that is larger than a document may be", async () => {
    const served = await serveRepository({
      on: () => ({ kind: "headers", headers: { "content-length": String(64 * 1024 * 1024) } }),
    });
    await putImage(served, "1");
    await expect(served.repository.resolve("1")).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    expect(served.requests().map(({ method }) => method)).toEqual(["HEAD"]);
  });

  it("refuses an answer whose digest is none, or another than the one asked for", async () => {
    let said = "sha256:123";
    const served = await serveRepository({
      on: () => ({ kind: "headers", headers: { "docker-content-digest": said } }),
    });
    const { descriptor } = await putImage(served, "1");
    await expect(served.repository.resolve("1")).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
    said = `sha256:${"0".repeat(64)}`;
    await expect(served.repository.resolve(descriptor.digest)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  it("does not find what is not there", async () => {
    const served = await serveRepository();
    await expect(served.repository.resolve("1")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("sends nothing that is neither tag nor digest", async () => {
    const served = await serveRepository();
    for (const wrong of ["", "a/../b", "sha256:123", "a?b", ".a"]) {
      await expect(served.repository.resolve(wrong)).rejects.toMatchObject({ code: "INVALID_REFERENCE" });
    }
    expect(served.requests()).toEqual([]);
  });

  it("refuses Docker's schema 1", async () => {
    const served = await serveRepository();
    putManifest(served, { schemaVersion: 1, fsLayers: [], signatures: [] }, SCHEMA_1, "old");
    const message = expect.stringContaining("schema 1");
    await expect(served.repository.resolve("old")).rejects.toMatchObject({ code: "UNSUPPORTED", message });
    await expect(served.repository.fetchManifest("old")).rejects.toMatchObject({ code: "UNSUPPORTED", message });
  });
});

describe("fetchManifest", () => {
  it("gives the bytes with their descriptor", async () => {
    const served = await serveRepository();
    const image = await putImage(served, "1");
    const fetched = await served.repository.fetchManifest("1");
    expect(fetched.descriptor).toEqual(image.descriptor);
    expect(fetched.bytes).toEqual(await bytesOf(image, image.descriptor));
  });

  it("verifies by sha512 where that is what was asked for", async () => {
    const served = await serveRepository();
    const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, config, layers: [] }));
    const digest = digestLike("sha512", bytes) as `sha512:${string}`;
    const { manifests } = served.registry.repositories.of("hello");
    manifests.set(digest, { mediaType: OCI_TYPES.manifest, bytes });
    expect((await served.repository.fetchManifest(digest)).descriptor.digest).toBe(digest);
    manifests.set(digest, { mediaType: OCI_TYPES.manifest, bytes: new TextEncoder().encode("{}") });
    await expect(served.repository.fetchManifest(digest)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  for (const by of ["tag", "digest"] as const) {
    it(`refuses what was changed on its way, by ${by}`, async () => {
      const served = await serveRepository({ on: () => ({ kind: "flip", at: 20 }) });
      const { descriptor } = await putImage(served, "1");
      const reference = by === "tag" ? "1" : descriptor.digest;
      await expect(served.repository.fetchManifest(reference)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    });
  }

  it("takes in no more than 4 MiB", async () => {
    const served = await serveRepository({ on: () => ({ kind: "flood", status: 200, bytes: 256 * 1024 * 1024 }) });
    await expect(served.repository.fetchManifest("1")).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    expect(served.requests()[0]?.bytesOut).toBeLessThan(128 * 1024 * 1024);
  });

  it("takes in no more than 4 MiB of what was compressed for the way", async () => {
    const served = await serveRepository({ on: () => ({ kind: "gzip bomb", bytes: 64 * 1024 * 1024 }) });
    await putImage(served, "1");
    await expect(served.repository.fetchManifest("1")).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  });

  it("asks again where the connection is cut in the middle of a document", async () => {
    const served = await serveRepository({
      on: ({ index }) => (index < 2 ? { kind: "cut response", after: 50 } : "ok"),
    });
    const { descriptor } = await putImage(served, "1");
    expect((await served.repository.fetchManifest("1")).descriptor).toEqual(descriptor);
    expect(served.requests()).toHaveLength(3);
  });

  it("believes the document where the registry does not say what it is", async () => {
    const served = await serveRepository();
    const manifest = { schemaVersion: 2, config, layers: [] };
    putManifest(served, manifest, "text/plain", "bare");
    putManifest(served, { ...manifest, mediaType: DOCKER_TYPES.manifest }, "application/json; charset=utf-8", "docker");
    putManifest(served, { schemaVersion: 2, manifests: [] }, "application/octet-stream", "index");
    const types = ["bare", "docker", "index"].map(
      async (tag) => (await served.repository.fetchManifest(tag)).descriptor.mediaType,
    );
    expect(await Promise.all(types)).toEqual([OCI_TYPES.manifest, DOCKER_TYPES.manifest, OCI_TYPES.index]);
  });

  it("refuses a document that says of itself something else than the registry does", async () => {
    const served = await serveRepository();
    const manifest = { schemaVersion: 2, mediaType: OCI_TYPES.manifest, config, layers: [] };
    putManifest(served, manifest, DOCKER_TYPES.manifest, "1");
    await expect(served.repository.fetchManifest("1")).rejects.toMatchObject({ code: "INVALID_DOCUMENT" });
  });

  it("refuses a document that can be read as manifest and as index (CVE-2021-41190)", async () => {
    const served = await serveRepository();
    const both = { schemaVersion: 2, config, layers: [], manifests: [] };
    putManifest(served, both, OCI_TYPES.manifest, "1");
    await expect(served.repository.fetchManifest("1")).rejects.toMatchObject({ code: "AMBIGUOUS_DOCUMENT" });
    const manifest = { schemaVersion: 2, config, layers: [] };
    putManifest(served, manifest, OCI_TYPES.index, "2");
    await expect(served.repository.fetchManifest("2")).rejects.toMatchObject({
      code: expect.stringMatching(/^(AMBIGUOUS|INVALID)_DOCUMENT$/),
    });
  });

  it("ends with the signal's reason", async () => {
    const served = await serveRepository({ on: () => ({ kind: "silence" }) });
    const controller = new AbortController();
    const fetched = served.repository.fetchManifest("1", { signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(fetched).rejects.toBe(reason);
  });
});
