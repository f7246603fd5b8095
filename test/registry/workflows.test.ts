import { afterAll, describe, expect, it } from "vitest";
import { copyImage, verifyImage } from "../../src/archive/index.ts";
import { type ByteRange, chunksOf, concatBytes } from "../../src/bytes.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { digestOf } from "../../src/hash/index.ts";
import { type Descriptor, type Digest, OCI_TYPES, serialiseManifest } from "../../src/oci/index.ts";
import { createRegistry } from "../../src/registry/create-registry.ts";
import type { Registry, RegistryOptions, Repository } from "../../src/registry/index.ts";
import { DOCKER_REGISTRY, type RegistryDaemon, startRegistry } from "../interop/support/registry.ts";
import { requestLine, startTestRegistry, type TestRegistry } from "../support/registry-server/test-registry.ts";
import { type SampleOptions, sampleImage, sampleIndex, storedDigests } from "../support/sample-image.ts";
import { itWith } from "../support/tools.ts";
import { incompressible } from "./support/hostile-ground.ts";
import { virtualTimers } from "./support/virtual-timers.ts";

/** A registry that the workflows run against. */
interface Ground {
  readonly name: string;
  readonly test: (name: string, run: () => Promise<void>) => void;
  readonly host: () => Promise<string>;
  /** All requests so far: `HEAD /v2/hello/blobs/sha256:…`, without queries. */
  readonly requests: () => Promise<readonly string[]>;
  readonly hasReferrersApi: boolean;
}

let own: Promise<TestRegistry> | undefined;
let bare: Promise<TestRegistry> | undefined;
let debian: Promise<RegistryDaemon> | undefined;
const ownRegistry = (): Promise<TestRegistry> => (own ??= startTestRegistry({ pageSize: 2, minimumChunk: 1000 }));
const bareRegistry = (): Promise<TestRegistry> =>
  (bare ??= startTestRegistry({ referrers: false, mounts: "named", singlePost: false }));
const debianRegistry = (): Promise<RegistryDaemon> => (debian ??= startRegistry());
afterAll(async () => {
  for (const registry of [own, bare, debian]) await (await registry)?.stop();
});

const lines = async (registry: Promise<TestRegistry>): Promise<readonly string[]> =>
  (await registry).requests.map(requestLine);

const GROUNDS: readonly Ground[] = [
  {
    name: "a registry with all of the specification",
    test: (name, run) => it(name, run),
    host: async () => (await ownRegistry()).host,
    requests: () => lines(ownRegistry()),
    hasReferrersApi: true,
  },
  {
    name: "a registry with what the specification demands",
    test: (name, run) => it(name, run),
    host: async () => (await bareRegistry()).host,
    requests: () => lines(bareRegistry()),
    hasReferrersApi: false,
  },
  {
    name: "docker-registry",
    test: (name, run) => itWith([DOCKER_REGISTRY], name, run),
    host: async () => (await debianRegistry()).host,
    requests: async () => (await debianRegistry()).requests().map((line) => line.split("?")[0] ?? ""),
    hasReferrersApi: false,
  },
];

let count = 0;
/** A repository name that no other test has. */
const freshName = (): string => `workflows/r${count++}`;

let seed = 0;
/** Bytes that no other test has: a registry may take over what another repository has. */
const noise = (size: number): Uint8Array<ArrayBuffer> => incompressible(size, seed++);

/** An image that no other test has. */
const image = (options: SampleOptions = {}) =>
  sampleImage(createMemoryContentStore(), { layers: [{ "a.txt": `${seed++}` }, { "b.txt": `${seed++}` }], ...options });

const blobOf = (bytes: Uint8Array<ArrayBuffer>) => ({ digest: digestOf(bytes), size: bytes.byteLength, body: bytes });

async function read(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of chunksOf(source)) chunks.push(chunk);
  return concatBytes(chunks);
}

async function listed(source: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const item of source) all.push(item);
  return all;
}

const code = (wanted: string) => expect.objectContaining({ name: "SlipwayError", code: wanted });

for (const ground of GROUNDS) {
  const open = async (
    options: RegistryOptions = {},
  ): Promise<{ host: string; name: string; registry: Registry; repository: Repository }> => {
    const host = await ground.host();
    const name = freshName();
    const registry = createRegistry({ timers: virtualTimers(), ...options });
    return { host, name, registry, repository: registry.repository(`${host}/${name}`) };
  };
  /** What was asked of one repository, uploads without their ids. */
  const asked = async (name: string): Promise<readonly string[]> =>
    (await ground.requests())
      .filter((line) => line.includes(`/v2/${name}/`))
      .map((line) => line.replace(`/v2/${name}`, "").replace(/uploads\/.+/, "uploads/ID"));

  describe(`with ${ground.name}`, () => {
    describe("push", () => {
      ground.test("looks for a blob, then sends it by POST and PUT", async () => {
        const { name, repository } = await open();
        const blob = blobOf(noise(5000));
        expect(await repository.pushBlob(blob)).toBe("uploaded");
        expect(await asked(name)).toEqual([
          `HEAD /blobs/${blob.digest}`,
          "POST /blobs/uploads/",
          "PUT /blobs/uploads/ID",
        ]);
        expect(await read(repository.openBlob(blob.digest))).toEqual(new Uint8Array(blob.body));
        expect(await repository.pushBlob(blob)).toBe("existing");
      });

      ground.test("sends chunks by PATCH where that is asked for, and ends with a PUT", async () => {
        const { name, repository } = await open({ chunkSize: 2000 });
        const blob = blobOf(noise(5000));
        expect(await repository.pushBlob(blob)).toBe("uploaded");
        const methods = (await asked(name)).map((line) => line.split(" ")[0]);
        expect(methods.slice(0, 2)).toEqual(["HEAD", "POST"]);
        expect(methods.filter((method) => method === "PATCH").length).toBeGreaterThanOrEqual(2);
        expect(methods.at(-1)).toBe("PUT");
        expect(await read(repository.openBlob(blob.digest))).toEqual(new Uint8Array(blob.body));
      });

      ground.test("takes Blobs and sources that can be opened again, and a blob of no bytes", async () => {
        for (const chunkSize of [undefined, 2000]) {
          const { repository } = await open({ chunkSize });
          const bytes = noise(4500);
          const { digest, size } = blobOf(bytes);
          expect(await repository.pushBlob({ digest, size, body: new Blob([bytes]) })).toBe("uploaded");
          const second = noise(4500);
          const source = {
            size,
            async *open(range: ByteRange = {}) {
              const { offset = 0 } = range;
              const { length = size - offset } = range;
              for (let at = offset; at < offset + length; at += 700) {
                yield second.subarray(at, Math.min(at + 700, offset + length));
              }
            },
          };
          expect(await repository.pushBlob({ ...blobOf(second), body: source })).toBe("uploaded");
          expect(["uploaded", "mounted"]).toContain(await repository.pushBlob(blobOf(new Uint8Array())));
          expect(await read(repository.openBlob(digest))).toEqual(new Uint8Array(bytes));
          expect(await read(repository.openBlob(digestOf(second)))).toEqual(new Uint8Array(second));
          expect(await repository.hasBlob(digestOf(new Uint8Array()))).toBe(0);
        }
      });

      ground.test("has blobs mounted from another repository, and uploads those that are not there", async () => {
        const { host, registry, repository: from, name: fromName } = await open();
        const blob = blobOf(noise(3000));
        await from.pushBlob(blob);
        const name = freshName();
        const repository = registry.repository(`${host}/${name}`);
        expect(await repository.pushBlob(blob, { mountFrom: [fromName] })).toBe("mounted");
        expect((await asked(name)).filter((line) => /^(PUT|PATCH)/.test(line))).toEqual([]);
        const other = blobOf(noise(3000));
        expect(await repository.pushBlob(other, { mountFrom: [fromName] })).toBe("uploaded");
        expect(await read(repository.openBlob(blob.digest))).toEqual(new Uint8Array(blob.body));
        expect(await read(repository.openBlob(other.digest))).toEqual(new Uint8Array(other.body));
      });

      ground.test("puts manifests by tag and by digest", async () => {
        const { repository } = await open();
        const config = blobOf(new TextEncoder().encode("{}"));
        await repository.pushBlob(config);
        const manifest = (version: string) =>
          serialiseManifest({
            schemaVersion: 2,
            mediaType: OCI_TYPES.manifest,
            config: { mediaType: OCI_TYPES.config, digest: config.digest, size: config.size },
            layers: [],
            annotations: { version },
          });
        const tagged = manifest("1");
        const descriptor = await repository.pushManifest(tagged, OCI_TYPES.manifest, "1");
        expect(descriptor).toMatchObject({
          mediaType: OCI_TYPES.manifest,
          digest: digestOf(tagged),
          size: tagged.byteLength,
        });
        expect(await repository.resolve("1")).toMatchObject(descriptor);
        const untagged = manifest("2");
        await repository.pushManifest(untagged, OCI_TYPES.manifest, digestOf(untagged));
        expect((await repository.fetchManifest(digestOf(untagged))).bytes).toEqual(untagged);
        expect(await repository.resolve("1")).toMatchObject({ digest: digestOf(tagged) });
        await repository.pushManifest(untagged, OCI_TYPES.manifest, "1");
        expect(await repository.resolve("1")).toMatchObject({ digest: digestOf(untagged) });
      });
    });

    describe("pull", () => {
      ground.test("says of what is not there that it is not", async () => {
        const { repository } = await open();
        const digest = digestOf(noise(10));
        expect(await repository.hasBlob(digest)).toBeUndefined();
        await expect(repository.resolve("1")).rejects.toEqual(code("NOT_FOUND"));
        await expect(repository.fetchManifest("1")).rejects.toEqual(code("NOT_FOUND"));
        await expect(repository.fetchManifest(digest)).rejects.toEqual(code("NOT_FOUND"));
        await expect(read(repository.openBlob(digest))).rejects.toEqual(code("NOT_FOUND"));
        await expect(repository.content.info(digest)).rejects.toEqual(code("NOT_FOUND"));
      });

      ground.test("reads parts of blobs", async () => {
        const { repository } = await open();
        const blob = blobOf(noise(5000));
        await repository.pushBlob(blob);
        const whole = new Uint8Array(blob.body);
        for (const [offset, length] of [
          [0, 10],
          [100, 4900],
          [4999, 1],
          [0, 5000],
        ] as const) {
          const part = await read(repository.openBlob(blob.digest, { offset, length }));
          expect(part).toEqual(whole.subarray(offset, offset + length));
        }
        expect(await read(repository.openBlob(blob.digest, { offset: 1234 }))).toEqual(whole.subarray(1234));
        expect(await repository.content.info(blob.digest)).toMatchObject({ digest: blob.digest, size: 5000 });
      });
    });

    describe("whole images", () => {
      for (const docker of [false, true]) {
        ground.test(`come back as they were pushed, with the media types of ${docker ? "Docker" : "OCI"}`, async () => {
          const { host, name, registry } = await open();
          const sample = await image({ docker });
          const pushed = await registry.push(sample, `${host}/${name}:1`);
          expect(pushed).toMatchObject({
            name: `${host}/${name}:1`,
            descriptor: sample.descriptor,
            blobs: { existing: 0, mounted: 0, uploaded: 3 },
          });
          const found = await registry.source(`${host}/${name}:1`).resolve();
          expect(found.descriptor).toMatchObject(sample.descriptor);
          const content = createMemoryContentStore();
          await copyImage(found.content, content, found.descriptor);
          await verifyImage(content, found.descriptor, { diffIDs: true });
          expect(await storedDigests(content)).toEqual(await storedDigests(sample.content));
        });
      }

      ground.test("of several platforms are pushed with the index last, and pulled for one", async () => {
        const { host, name, registry } = await open();
        const store = createMemoryContentStore();
        const amd64 = await sampleImage(store, { layers: [{ "a.txt": `amd64 ${seed++}` }] });
        const arm64 = await sampleImage(store, {
          layers: [{ "a.txt": `arm64 ${seed++}` }],
          platform: { os: "linux", architecture: "arm64" },
        });
        const index = await sampleIndex([amd64, arm64]);
        await registry.push(index, `${host}/${name}:1`);
        const puts = (await asked(name)).filter((line) => line.startsWith("PUT /manifests/"));
        expect([...puts].sort()).toEqual(
          [`PUT /manifests/${amd64.descriptor.digest}`, `PUT /manifests/${arm64.descriptor.digest}`, puts[2]].sort(),
        );
        expect(puts[2]).toBe("PUT /manifests/1");
        const found = await registry.source(`${host}/${name}:1`).resolve();
        expect(found.descriptor).toMatchObject(index.descriptor);
        const content = createMemoryContentStore();
        await copyImage(found.content, content, found.descriptor, { platforms: [arm64.platform] });
        const digests = await storedDigests(content);
        expect(digests).toContain(arm64.layers[0]?.digest);
        expect(digests).not.toContain(amd64.layers[0]?.digest);
      });

      ground.test("that are there already are pushed by looking only", async () => {
        const { host, name, registry } = await open();
        const sample = await image();
        await registry.push(sample, `${host}/${name}:1`);
        const before = (await asked(name)).length;
        const pushed = await createRegistry({ timers: virtualTimers() }).push(sample, `${host}/${name}:1`);
        expect(pushed).toMatchObject({ blobs: { existing: 3, mounted: 0, uploaded: 0 }, uploadedBytes: 0 });
        const methods = (await asked(name)).slice(before).map((line) => line.split(" ")[0]);
        expect(new Set(methods)).toEqual(new Set(["HEAD"]));
      });

      ground.test("are pushed by digest alone, without a tag", async () => {
        const { host, name, registry, repository } = await open();
        const sample = await image();
        const pushed = await registry.push(sample, `${host}/${name}`, { byDigest: true });
        expect(pushed.name).toBe(`${host}/${name}@${sample.descriptor.digest}`);
        expect(await repository.resolve(sample.descriptor.digest)).toMatchObject({ digest: sample.descriptor.digest });
        await expect(repository.resolve("latest")).rejects.toEqual(code("NOT_FOUND"));
      });
    });

    describe("discovery", () => {
      ground.test("lists all tags, however many pages they are", async () => {
        const { host, name, registry, repository } = await open();
        const sample = await image();
        const tags = ["a", "b", "c", "d", "e"];
        for (const tag of tags) await registry.push(sample, `${host}/${name}:${tag}`);
        // docker-registry gives them in the order of its directory.
        expect([...(await listed(repository.tags()))].sort()).toEqual(tags);
        await expect(listed(registry.repository(`${host}/workflows/none`).tags())).rejects.toEqual(code("NOT_FOUND"));
      });

      const how = ground.hasReferrersApi ? "by the referrers API" : "by the fallback tag";
      ground.test(`lists what refers to a manifest, ${how}`, async () => {
        const { host, name, registry, repository } = await open();
        const sample = await image();
        await registry.push(sample, `${host}/${name}:1`);
        const subject = sample.descriptor;
        expect(await repository.referrers(subject.digest)).toEqual([]);
        const empty = blobOf(new TextEncoder().encode("{}"));
        await repository.pushBlob(empty);
        const config: Descriptor = { mediaType: OCI_TYPES.empty, digest: empty.digest, size: 2 };
        const digests: Digest[] = [];
        for (const artifactType of ["example/sbom", "example/signature", "example/sbom"]) {
          const bytes = serialiseManifest({
            schemaVersion: 2,
            mediaType: OCI_TYPES.manifest,
            artifactType,
            config,
            layers: [config],
            subject,
            annotations: { number: String(digests.length) },
          });
          digests.push((await repository.pushManifest(bytes, OCI_TYPES.manifest, digestOf(bytes))).digest);
        }
        const all = await repository.referrers(subject.digest);
        expect(all.map(({ digest }) => digest).sort()).toEqual([...digests].sort());
        expect(all.find(({ digest }) => digest === digests[1])).toMatchObject({
          artifactType: "example/signature",
          annotations: { number: "1" },
        });
        const signatures = await repository.referrers(subject.digest, { artifactType: "example/signature" });
        expect(signatures.map(({ digest }) => digest)).toEqual([digests[1]]);
        const fallback = (await listed(repository.tags())).filter((tag) => tag.startsWith("sha256-"));
        expect(fallback).toEqual(ground.hasReferrersApi ? [] : [subject.digest.replace(":", "-")]);
      });
    });

    describe("management", () => {
      ground.test("deletes manifests and blobs", async () => {
        const { host, name, registry, repository } = await open();
        const sample = await image();
        await registry.push(sample, `${host}/${name}:1`);
        await repository.deleteManifest(sample.descriptor.digest);
        const again = createRegistry().repository(`${host}/${name}`);
        await expect(again.resolve("1")).rejects.toEqual(code("NOT_FOUND"));
        await expect(again.deleteManifest(sample.descriptor.digest)).rejects.toEqual(code("NOT_FOUND"));
        const digest = sample.layers[0]?.digest ?? sample.config.digest;
        await repository.deleteBlob(digest);
        expect(await again.hasBlob(digest)).toBeUndefined();
        await expect(again.deleteBlob(digest)).rejects.toEqual(code("NOT_FOUND"));
      });
    });
  });
}

describe("with a registry that mounts without being told from where", () => {
  it("has what any repository has mounted", async () => {
    const { host } = await ownRegistry();
    const registry = createRegistry({ timers: virtualTimers() });
    const blob = blobOf(noise(3000));
    expect(await registry.repository(`${host}/workflows/anonymous/a`).pushBlob(blob)).toBe("uploaded");
    expect(await registry.repository(`${host}/workflows/anonymous/b`).pushBlob(blob)).toBe("mounted");
  });
});

describe("with a registry that does not delete", () => {
  it("says that it does not", async () => {
    const server = await startTestRegistry({ deletion: false });
    try {
      const registry = createRegistry({ timers: virtualTimers() });
      const sample = await image();
      await registry.push(sample, `${server.host}/hello:1`);
      const repository = registry.repository(`${server.host}/hello`);
      await expect(repository.deleteManifest("1")).rejects.toEqual(code("UNSUPPORTED"));
      await expect(repository.deleteBlob(sample.config.digest)).rejects.toEqual(code("UNSUPPORTED"));
    } finally {
      await server.stop();
    }
  });
});
