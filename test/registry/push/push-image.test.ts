import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { createMemoryContentStore, writeBlob } from "../../../src/content/index.ts";
import { sourceLabel } from "../../../src/content/source-label.ts";
import { type Descriptor, DOCKER_TYPES, OCI_TYPES, serialiseManifest } from "../../../src/oci/index.ts";
import type { ProgressEvent } from "../../../src/progress.ts";
import { createRegistry } from "../../../src/registry/create-registry.ts";
import { DOCKER_REGISTRY, type RegistryDaemon, startRegistry } from "../../interop/support/registry.ts";
import { run } from "../../interop/support/run.ts";
import {
  requestLine,
  startTestRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from "../../support/registry-server/test-registry.ts";
import { sampleImage, sampleIndex, storeWith } from "../../support/sample-image.ts";
import { itWith } from "../../support/tools.ts";
import { incompressible, isUploadData, isUploadStart } from "../support/hostile-ground.ts";
import { virtualTimers } from "../support/virtual-timers.ts";

async function serve(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const server = await startTestRegistry({ mounts: "named", ...options });
  onTestFinished(() => server.stop());
  return server;
}

const client = (options = {}) => createRegistry({ timers: virtualTimers(), ...options });
const sample = (options = {}) => sampleImage(createMemoryContentStore(), options);
const methods = (server: TestRegistry, from = 0) => server.requests.slice(from).map(({ method }) => method);

describe("pushing an image", () => {
  it("sends blobs first, then the manifest, and only looks when it is there already", async () => {
    const server = await serve();
    const image = await sample();
    const name = `${server.host}/hello:1`;
    const pushed = await client().push(image, name);
    const sizes = [...image.layers, image.config, image.descriptor].reduce((sum, { size }) => sum + size, 0);
    expect(pushed).toEqual({
      name,
      descriptor: image.descriptor,
      blobs: { existing: 0, mounted: 0, uploaded: 3 },
      uploadedBytes: sizes,
    });
    expect(requestLine(server.requests.at(-1) ?? { method: "", url: "" })).toBe("PUT /v2/hello/manifests/1");
    const before = server.requests.length;
    expect(await client().push(image, name)).toMatchObject({
      blobs: { existing: 3, mounted: 0, uploaded: 0 },
      uploadedBytes: 0,
    });
    expect(methods(server, before)).toEqual(["HEAD", "HEAD", "HEAD", "HEAD"]);
  });

  it("moves a tag that stands for something else", async () => {
    const server = await serve();
    const [old, image] = [await sample({ layers: [{ "a.txt": "old" }] }), await sample()];
    await client().push(old, `${server.host}/hello:1`);
    await client().push(image, `${server.host}/hello:1`);
    expect(server.repositories.get("hello")?.tags.get("1")).toBe(image.descriptor.digest);
  });

  it("sends what is named before what names it", async () => {
    const server = await serve();
    const content = createMemoryContentStore();
    const amd64 = await sampleImage(content);
    const arm64 = await sampleImage(content, { platform: { os: "linux", architecture: "arm64" } });
    const index = await sampleIndex([amd64, arm64]);
    await client().push(index, `${server.host}/hello:1`);
    const puts = server.requests.filter(({ method, url }) => method === "PUT" && url.includes("/manifests/"));
    expect(puts.map(({ url }) => url.split("/").at(-1))).toEqual([
      arm64.descriptor.digest,
      amd64.descriptor.digest,
      "1",
    ]);
    const lastBlob = server.requests.findLastIndex(isUploadData);
    expect(server.requests.findIndex((request) => Object.is(request, puts[0]))).toBeGreaterThan(lastBlob);
  });

  it("by digest sets no tag, and a name with a digest must be the image's", async () => {
    const server = await serve();
    const image = await sample();
    const { digest } = image.descriptor;
    const pushed = await client().push(image, `${server.host}/hello:1`, { byDigest: true });
    expect(pushed.name).toBe(`${server.host}/hello@${digest}`);
    expect(server.repositories.get("hello")?.tags.size).toBe(0);
    expect((await client().push(image, `${server.host}/hello@${digest}`)).name).toBe(`${server.host}/hello@${digest}`);
    const other = digest.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    await expect(client().push(image, `${server.host}/hello@${other}`)).rejects.toMatchObject({
      code: "INVALID_REFERENCE",
    });
  });

  it("mounts what the store knows to be in another repository, and notes what it has brought there", async () => {
    const server = await serve();
    const image = await sample();
    const registry = client();
    await registry.push(image, `${server.host}/first:1`);
    const layer = image.layers[0]?.digest ?? image.config.digest;
    const label = sourceLabel(server.host);
    expect((await image.content.info(layer)).labels).toMatchObject({ [label]: "first" });
    const before = server.requests.length;
    const pushed = await registry.push(image, `${server.host}/second:1`);
    expect(pushed.blobs).toEqual({ existing: 0, mounted: 3, uploaded: 0 });
    expect(pushed.uploadedBytes).toBe(image.descriptor.size);
    expect(server.requests.slice(before).filter(isUploadData)).toEqual([]);
    expect((await image.content.info(layer)).labels).toMatchObject({ [label]: "first,second" });
  });

  it("needs no bytes that are in the repository already", async () => {
    const server = await serve();
    const image = await sample();
    await client().push(image, `${server.host}/hello:1`);
    const reads: string[] = [];
    const content = storeWith(image.content, {
      open: (digest, range) => {
        reads.push(digest);
        return image.content.open(digest, range);
      },
    });
    await client().push({ content, descriptor: image.descriptor }, `${server.host}/hello:2`);
    expect(new Set(reads)).toEqual(new Set([image.descriptor.digest, image.config.digest]));
  });

  it("streams what is in another registry only", async () => {
    const [from, to] = [await serve(), await serve()];
    const image = await sample({ compression: "uncompressed", layers: [{ "a.bin": incompressible(2_000_000, 1) }] });
    await client().push(image, `${from.host}/hello:1`);
    const found = await client().source(`${from.host}/hello:1`).resolve();
    const pushed = await client().push(found, `${to.host}/hello:1`);
    expect(pushed.blobs.uploaded).toBe(2);
    expect(to.repositories.get("hello")?.tags.get("1")).toBe(image.descriptor.digest);
  });

  it("does not send layers that an image only points to", async () => {
    const server = await serve();
    const content = createMemoryContentStore();
    const base = await sampleImage(content);
    const foreign: Descriptor = {
      mediaType: DOCKER_TYPES.foreignLayerGzip,
      digest: `sha256:${"a".repeat(64)}`,
      size: 5,
      urls: ["https://go.microsoft.com/layer"],
    };
    const manifest = serialiseManifest({
      schemaVersion: 2,
      mediaType: OCI_TYPES.manifest,
      config: base.config,
      layers: [foreign, ...base.layers.slice(1)],
    });
    const { digest, size } = await writeBlob(content, manifest);
    const image = { content, descriptor: { mediaType: OCI_TYPES.manifest, digest, size } };
    expect((await client().push(image, `${server.host}/hello:1`)).blobs.uploaded).toBe(2);
  });

  it("notices content that is corrupt before the registry does, and sends no manifest", async () => {
    const server = await serve();
    const image = await sample({ compression: "uncompressed" });
    const layer = image.layers[0]?.digest;
    const content = storeWith(image.content, {
      async *open(digest, range) {
        for await (const chunk of image.content.open(digest, range)) {
          const copy = chunk.slice();
          if (digest === layer) copy[100] = (copy[100] ?? 0) ^ 1;
          yield copy;
        }
      },
    });
    const pushing = client().push({ content, descriptor: image.descriptor }, `${server.host}/hello:1`);
    await expect(pushing).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringContaining("corrupt"),
    });
    expect(server.repositories.get("hello")?.tags.size ?? 0).toBe(0);
    expect(server.repositories.get("hello")?.blobs.has(layer ?? "")).toBe(false);
  });

  it("ends all with the first blob that fails, and says why that did", async () => {
    const server = await serve({
      on: (request) => {
        if (!isUploadStart(request)) return "ok";
        return { kind: "answer", status: 403, body: '{"errors":[{"code":"DENIED","message":"quota exceeded"}]}' };
      },
    });
    const pushing = client().push(await sample(), `${server.host}/hello:1`);
    await expect(pushing).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      message: expect.stringContaining("quota exceeded"),
    });
    expect(server.requests.filter(({ url }) => url.includes("/manifests/"))).toEqual([]);
  });

  it("moves no more blobs at a time than it is told to", async () => {
    let now = 0;
    let most = 0;
    const server = await serve({
      on: (request) => {
        if (isUploadStart(request)) most = Math.max(most, ++now);
        else if (isUploadData(request)) now--;
        return "ok";
      },
    });
    const layers = Array.from({ length: 8 }, (_, index) => ({ [`${index}.txt`]: String(index) }));
    await client({ concurrency: 2 }).push(await sample({ layers }), `${server.host}/hello:1`);
    expect(most).toBeLessThanOrEqual(2);
    await expect(client({ concurrency: 0 }).push(await sample(), `${server.host}/hello:2`)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("is one step, with one for each blob and document in it", async () => {
    const server = await serve();
    const image = await sample();
    const name = `${server.host}/hello:1`;
    const events: ProgressEvent[] = [];
    await client().push(image, name, { onProgress: (event) => events.push(event) });
    const step = `pushing ${name}`;
    expect(events[0]).toMatchObject({ id: step, state: "started" });
    expect(events.at(-1)).toMatchObject({ id: step, state: "completed" });
    const inner = events.filter(({ id }) => id !== step);
    expect(inner.every(({ parent }) => parent === step)).toBe(true);
    const done = inner.filter(({ state }) => state === "completed").map(({ id }) => id);
    expect(done.sort()).toEqual(
      [
        ...[...image.layers, image.config].map(({ digest }) => `pushing blob ${digest}`),
        `pushing manifest ${image.descriptor.digest}`,
      ].sort(),
    );
  });
});

describe("a manifest about another", () => {
  const about = async (subject: Descriptor, artifactType: string) => {
    const content = createMemoryContentStore();
    const { digest, size } = await writeBlob(content, new TextEncoder().encode("{}"));
    const config = { mediaType: OCI_TYPES.empty, digest, size };
    const bytes = serialiseManifest({
      schemaVersion: 2,
      mediaType: OCI_TYPES.manifest,
      artifactType,
      config,
      layers: [],
      subject,
      annotations: { artifactType },
    });
    const manifest = await writeBlob(content, bytes);
    return { content, descriptor: { mediaType: OCI_TYPES.manifest, digest: manifest.digest, size: manifest.size } };
  };

  it("is listed by hand where the registry does not list it, once, also when several come at the same time", async () => {
    const server = await serve({ referrers: false });
    const registry = client();
    const image = await sample();
    const subject = image.descriptor;
    await registry.push(image, `${server.host}/hello:1`);
    const repository = registry.repository(`${server.host}/hello`);
    const artifacts = await Promise.all(["a/one", "a/two", "a/three"].map((type) => about(subject, type)));
    await Promise.all(artifacts.map((artifact) => registry.push(artifact, `${server.host}/hello`, { byDigest: true })));
    const [first] = artifacts;
    if (first === undefined) throw new Error("no artifact");
    await registry.push(first, `${server.host}/hello:again`);
    const tag = subject.digest.replace(":", "-");
    const listed = server.repositories.get("hello")?.tags.get(tag) ?? "";
    const index = JSON.parse(new TextDecoder().decode(server.repositories.get("hello")?.manifests.get(listed)?.bytes));
    expect(index).toMatchObject({ schemaVersion: 2, mediaType: OCI_TYPES.index });
    expect(index.manifests).toHaveLength(3);
    expect(index.manifests).toContainEqual({
      ...first.descriptor,
      artifactType: "a/one",
      annotations: { artifactType: "a/one" },
    });
    expect(await repository.referrers(subject.digest)).toHaveLength(3);
  });

  it("is not listed by hand where the registry says that it lists it", async () => {
    const server = await serve();
    const image = await sample();
    await client().push(image, `${server.host}/hello:1`);
    await client().push(await about(image.descriptor, "a/one"), `${server.host}/hello:sbom`);
    expect([...(server.repositories.get("hello")?.tags.keys() ?? [])].sort()).toEqual(["1", "sbom"]);
  });

  it("does not replace what is no list under the fallback tag", async () => {
    const server = await serve({ referrers: false });
    const image = await sample();
    const tag = image.descriptor.digest.replace(":", "-");
    await client().push(image, `${server.host}/hello:${tag}`);
    const pushing = client().push(await about(image.descriptor, "a/one"), `${server.host}/hello:sbom`);
    await expect(pushing).rejects.toMatchObject({ code: "INVALID_DOCUMENT" });
    expect(server.repositories.get("hello")?.tags.get(tag)).toBe(image.descriptor.digest);
  });
});

describe("a name in a registry as a target", () => {
  it("takes what is missing, for the platforms that are wanted, and says what it took", async () => {
    const server = await serve({ sparse: true });
    const content = createMemoryContentStore();
    const amd64 = await sampleImage(content);
    const arm64 = await sampleImage(content, {
      layers: [{ "b.txt": "arm64" }],
      platform: { os: "linux", architecture: "arm64" },
    });
    const index = await sampleIndex([amd64, arm64]);
    const target = client().target(`${server.host}/hello:1`);
    expect(target.description).toBe(`${server.host}/hello:1`);
    const written = await target.write(index, { platforms: [arm64.platform] });
    expect(written).toMatchObject({
      descriptor: index.descriptor,
      names: [`${server.host}/hello:1`],
      blobs: { moved: 2, existing: 0 },
    });
    expect(server.repositories.get("hello")?.manifests.has(amd64.descriptor.digest)).toBe(false);
    await expect(target.write(index, { platforms: [{ os: "plan9", architecture: "mips" }] })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });
});

describe("with docker-registry", () => {
  let debian: Promise<RegistryDaemon> | undefined;
  afterAll(async () => {
    await (await debian)?.stop();
  });

  itWith(
    [DOCKER_REGISTRY, "skopeo"],
    "skopeo sees what was pushed, and nothing is sent twice or between repositories",
    async () => {
      debian ??= startRegistry();
      const { host, requests } = await debian;
      const image = await sample({ compression: "uncompressed", layers: [{ "a.bin": incompressible(3_000_000, 1) }] });
      const registry = createRegistry();
      await registry.push(image, `${host}/first/hello:1`);
      const inspected = await run("skopeo", ["inspect", "--tls-verify=false", `docker://${host}/first/hello:1`]);
      expect(JSON.parse(inspected.stdout)).toMatchObject({
        Digest: image.descriptor.digest,
        Layers: image.layers.map(({ digest }) => digest),
      });
      let before = requests().length;
      await registry.push(image, `${host}/first/hello:1`);
      expect(
        new Set(
          requests()
            .slice(before)
            .map((line) => line.split(" ")[0]),
        ),
      ).toEqual(new Set(["HEAD"]));
      before = requests().length;
      const pushed = await registry.push(image, `${host}/second/hello:1`);
      expect(pushed.blobs).toEqual({ existing: 0, mounted: 2, uploaded: 0 });
      const sent = requests()
        .slice(before)
        .filter((line) => /^(PATCH|PUT) /.test(line));
      expect(sent).toEqual(["PUT /v2/second/hello/manifests/1"]);
    },
  );
});
