import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { copyImage, verifyImage, writeArchive } from "../../src/archive/index.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { nodeHasher } from "../../src/node/index.ts";
import { OCI_TYPES } from "../../src/oci/index.ts";
import { createRegistry } from "../../src/registry/index.ts";
import { DOCKER_REGISTRY, type RegistryDaemon, startRegistry } from "../interop/support/registry.ts";
import { run } from "../interop/support/run.ts";
import { type SampleImage, sampleImage, sampleIndex } from "../support/sample-image.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { hasTool, itWith } from "../support/tools.ts";
import { unevenBytes } from "./pull-support.ts";

const TOOLS = [DOCKER_REGISTRY, "skopeo"];
const TIMEOUT = 120_000;

let daemon: RegistryDaemon;
beforeAll(async () => {
  if (hasTool(DOCKER_REGISTRY)) daemon = await startRegistry();
}, TIMEOUT);
afterAll(async () => {
  await daemon?.stop();
});

const sample = (options: Parameters<typeof sampleImage>[1] = {}): Promise<SampleImage> =>
  sampleImage(createMemoryContentStore({ hasher: nodeHasher }), options);

/** Has skopeo push an image, or an index with all its images. @returns how skopeo sees it in the registry */
async function skopeoPush(image: Parameters<typeof writeArchive>[0], name: string): Promise<string> {
  const directory = temporaryDirectory();
  const file = createWriteStream(join(directory, "image.tar"));
  for await (const chunk of writeArchive({ ...image, names: ["it:1"] }, { format: "oci" })) file.write(chunk);
  file.end();
  await once(file, "close");
  const from = `oci-archive:${file.path}`;
  const to = `docker://${daemon.host}/${name}`;
  await run("skopeo", [
    "--insecure-policy",
    "copy",
    "--all",
    "--preserve-digests",
    "--dest-tls-verify=false",
    from,
    to,
  ]);
  return to;
}

const inspect = async (...args: readonly string[]): Promise<string> =>
  (await run("skopeo", ["inspect", "--tls-verify=false", ...args])).stdout;

describe("docker-registry", () => {
  itWith(
    TOOLS,
    "gives the image that skopeo pushed, with the same digest",
    async () => {
      const image = await sample({ layers: [{ a: "1" }, { b: unevenBytes(3_000_000) }] });
      const pushed = await skopeoPush(image, "pulled:1");
      const { Digest } = JSON.parse(await inspect(pushed)) as { readonly Digest: string };
      const { descriptor, content } = await createRegistry().source(`${daemon.host}/pulled:1`).resolve();
      expect(descriptor).toEqual(image.descriptor);
      expect(descriptor.digest).toBe(Digest);
      const store = createMemoryContentStore();
      await copyImage(content, store, descriptor);
      await verifyImage(store, descriptor, { diffIDs: true });
    },
    TIMEOUT,
  );

  itWith(
    TOOLS,
    "gives an index, and of its images those for one platform",
    async () => {
      const amd64 = await sample();
      const arm64 = await sampleImage(amd64.content, {
        platform: { architecture: "arm64", os: "linux" },
        layers: [{ arm: "64" }],
      });
      const index = await sampleIndex([amd64, arm64]);
      const pushed = await skopeoPush(index, "platforms:1");
      const { descriptor, content } = await createRegistry().source(`${daemon.host}/platforms:1`).resolve();
      expect(descriptor).toEqual(index.descriptor);
      const raw = JSON.parse(await inspect("--raw", pushed)) as { readonly manifests: readonly unknown[] };
      expect(raw.manifests).toHaveLength(2);
      const store = createMemoryContentStore();
      await copyImage(content, store, descriptor, { platforms: [arm64.platform] });
      await verifyImage(store, arm64.descriptor, { diffIDs: true });
      await expect(store.info(amd64.descriptor.digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
    },
    TIMEOUT,
  );

  itWith(
    TOOLS,
    "resolves by HEAD, lists tags, and deletes",
    async () => {
      const image = await sample();
      for (const tag of ["1", "2"]) await skopeoPush(image, `tags:${tag}`);
      const repository = createRegistry().repository(`${daemon.host}/tags`);
      const before = daemon.requests().length;
      expect(await repository.resolve("1")).toEqual(image.descriptor);
      expect(await repository.resolve(image.descriptor.digest)).toEqual(image.descriptor);
      expect(daemon.requests().slice(before)).toEqual([
        "HEAD /v2/tags/manifests/1",
        `HEAD /v2/tags/manifests/${image.descriptor.digest}`,
      ]);
      const tags: string[] = [];
      for await (const tag of repository.tags()) tags.push(tag);
      expect(tags.toSorted()).toEqual(["1", "2"]);
      const [layer] = image.layers;
      if (layer === undefined) throw new Error("no layer");
      expect(await repository.hasBlob(layer.digest)).toBe(layer.size);
      await repository.deleteManifest(image.descriptor.digest);
      await expect(repository.resolve("1")).rejects.toMatchObject({ code: "NOT_FOUND" });
      await repository.deleteBlob(layer.digest);
      expect(await repository.hasBlob(layer.digest)).toBeUndefined();
    },
    TIMEOUT,
  );

  itWith(
    TOOLS,
    "goes on at the same byte where a connection is cut, and gives parts",
    async () => {
      const big = unevenBytes(5_000_000);
      const image = await sample({ layers: [{ big }], compression: "uncompressed" });
      await skopeoPush(image, "cut:1");
      const { fetch: real } = globalThis;
      let cuts = 3;
      const starts: string[] = [];
      // Lets through some bytes of the first answers only, as a connection that is lost does.
      const fetch: typeof real = async (input, init) => {
        const request = new Request(input, init);
        const response = await real(request);
        if (!request.url.includes("/blobs/") || request.method !== "GET") return response;
        if (Number(response.headers.get("content-length")) < 1_000_000) return response;
        starts.push(request.headers.get("range") ?? "all");
        if (cuts-- <= 0 || response.body === null) return response;
        const reader = response.body.getReader();
        let left = 1_000_000;
        const cut = new ReadableStream<Uint8Array>({
          async pull(controller) {
            const { done, value } = await reader.read();
            if (done || left <= 0) {
              await reader.cancel();
              controller.error(new TypeError("terminated"));
              return;
            }
            left -= value.byteLength;
            controller.enqueue(value);
          },
        });
        return new Response(cut, response);
      };
      const client = createRegistry({
        fetch,
        timers: { now: () => 0, random: () => 0, sleep: async () => undefined },
      });
      const { descriptor, content } = await client.source(`${daemon.host}/cut:1`).resolve();
      const store = createMemoryContentStore();
      await copyImage(content, store, descriptor);
      await verifyImage(store, descriptor, { diffIDs: true });
      expect(starts).toHaveLength(4);
      expect(starts[0]).toBe("all");
      const offsets = starts.slice(1).map((range) => Number(/^bytes=(\d+)-/.exec(range)?.[1]));
      expect(offsets.every((offset, index) => offset >= 1_000_000 * (index + 1))).toBe(true);
    },
    TIMEOUT,
  );

  itWith(
    TOOLS,
    "has no referrers API, so that the fallback tag is read",
    async () => {
      const image = await sample();
      await skopeoPush(image, "referred:1");
      const repository = createRegistry().repository(`${daemon.host}/referred`);
      expect(await repository.referrers(image.descriptor.digest)).toEqual([]);
      const referrer = { ...image.descriptor, artifactType: "application/vnd.example" };
      const manifests = [referrer];
      const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_TYPES.index, manifests });
      const tag = image.descriptor.digest.replace(":", "-");
      const put = await fetch(`http://${daemon.host}/v2/referred/manifests/${tag}`, {
        method: "PUT",
        headers: { "content-type": OCI_TYPES.index },
        body: index,
      });
      expect(put.status).toBe(201);
      expect(await repository.referrers(image.descriptor.digest)).toEqual([referrer]);
    },
    TIMEOUT,
  );
});
