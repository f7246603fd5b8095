import { describe, expect, it } from "vitest";
import { copyImage } from "../../src/archive/index.ts";
import { createMemoryContentStore, readBlobBytes } from "../../src/content/index.ts";
import { type Descriptor, DOCKER_TYPES, OCI_TYPES, serialiseManifest } from "../../src/oci/index.ts";
import type { RegistryOptions } from "../../src/registry/index.ts";
import { bytesOf, putBlob, putImage, putManifest, serveRepository } from "./pull-support.ts";

/** An image whose last layer lies elsewhere, and what was asked for there. */
async function servedForeign(urls: readonly string[], options: RegistryOptions = {}) {
  const asked: { readonly url: string; readonly authorization: string | null }[] = [];
  const { fetch: real } = globalThis;
  let elsewhere = new Uint8Array();
  const served = await serveRepository(
    {},
    {
      ...options,
      async fetch(input, init) {
        const request = new Request(input, init);
        if (new URL(request.url).hostname === "127.0.0.1") return await real(request);
        asked.push({ url: request.url, authorization: request.headers.get("authorization") });
        if (request.url.includes("gone")) return new Response("gone", { status: 404 });
        return new Response(elsewhere, { headers: { "content-length": String(elsewhere.byteLength) } });
      },
    },
  );
  const image = await putImage(served, "plain");
  const [layer, second] = image.layers;
  if (layer === undefined || second === undefined) throw new Error("no layers");
  const foreign: Descriptor = { ...second, mediaType: DOCKER_TYPES.foreignLayerGzip, urls };
  const right = await bytesOf(image, second);
  elsewhere = right;
  served.registry.repositories.of("hello").blobs.delete(foreign.digest);
  const manifest = serialiseManifest({
    schemaVersion: 2,
    mediaType: OCI_TYPES.manifest,
    config: image.config,
    layers: [layer, foreign],
  });
  putManifest(served, manifest, OCI_TYPES.manifest, "1");
  const setElsewhere = (bytes: Uint8Array<ArrayBuffer>): void => {
    elsewhere = bytes;
  };
  const { descriptor, content } = await served.client.source(`${served.name}:1`).resolve();
  return { ...served, foreign, asked, right, setElsewhere, descriptor, content };
}

const URL_1 = "https://layers.example/one";
const CREDENTIALS: RegistryOptions = { credentials: () => ({ username: "user", password: "secret" }) };

describe("a foreign layer", () => {
  it("is refused unless it is allowed, and nobody is asked", async () => {
    const { content, descriptor, foreign, asked } = await servedForeign([URL_1]);
    const refusal = { code: "UNSUPPORTED", message: expect.stringContaining(URL_1) };
    await expect(readBlobBytes(content, foreign)).rejects.toMatchObject(refusal);
    const store = createMemoryContentStore();
    await expect(copyImage(content, store, descriptor)).rejects.toMatchObject(refusal);
    await expect(store.info(descriptor.digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(content.info(foreign.digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(asked).toEqual([]);
  });

  it("is taken from its registry where that has it", async () => {
    const served = await servedForeign([URL_1], { foreignLayers: true });
    putBlob(served, served.right);
    expect(await readBlobBytes(served.content, served.foreign)).toEqual(served.right);
    expect(served.asked).toEqual([]);
  });

  it("is fetched from its addresses without credentials and verified, if it is allowed", async () => {
    const { content, descriptor, foreign, asked, right } = await servedForeign([URL_1], {
      ...CREDENTIALS,
      foreignLayers: true,
    });
    const store = createMemoryContentStore();
    await copyImage(content, store, descriptor);
    expect(await readBlobBytes(store, foreign)).toEqual(right);
    expect(asked).toEqual([{ url: URL_1, authorization: null }]);
    expect((await store.info(foreign.digest)).labels).toEqual({});
  });

  it("is refused if its bytes are others", async () => {
    const { content, foreign, right, setElsewhere } = await servedForeign([URL_1], { foreignLayers: true });
    setElsewhere(new Uint8Array(right.byteLength));
    await expect(readBlobBytes(content, foreign)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    setElsewhere(new Uint8Array(right.byteLength + 1));
    await expect(readBlobBytes(content, foreign)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  });

  it("is fetched from the next address where one does not have it, and never by another scheme than https or from a private host", async () => {
    const urls = [
      "http://layers.example/plain",
      "file:///etc/passwd",
      "nonsense",
      "https://169.254.169.254/latest",
      "https://[::1]/layer",
      "https://layers.example/gone",
      URL_1,
    ];
    const { content, foreign, asked, right } = await servedForeign(urls, { foreignLayers: true });
    expect(await readBlobBytes(content, foreign)).toEqual(right);
    expect(asked.map(({ url }) => url)).toEqual(["https://layers.example/gone", URL_1]);
    const none = await servedForeign(urls.slice(0, 5), { foreignLayers: true });
    await expect(readBlobBytes(none.content, none.foreign)).rejects.toMatchObject({ code: "UNSUPPORTED" });
    expect(none.asked).toEqual([]);
    const gone = await servedForeign(["https://layers.example/gone"], { foreignLayers: true });
    await expect(readBlobBytes(gone.content, gone.foreign)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
