import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMemoryContentStore, readBlob, writeBlob } from "../../src/content/index.ts";
import { addTar, build, readArchive } from "../../src/index.ts";
import {
  type Descriptor,
  type Digest,
  DOCKER_TYPES,
  DOCUMENT_LIMIT,
  OCI_TYPES,
  serialiseManifest,
} from "../../src/oci/index.ts";
import { createRegistry } from "../../src/registry/index.ts";
import { startTestRegistry, type TestRegistry } from "../support/registry-server/test-registry.ts";
import { type SampleImage, sampleImage } from "../support/sample-image.ts";
import { temporaryDirectory, temporaryRoot } from "../support/temporary.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const TOKEN = "token-of-the-tests";
const RELAY_TOKEN = "relay-token-of-the-tests";
const LIMIT = 6_000_000;
const headers = { authorization: `Bearer ${TOKEN}` };

let registry: TestRegistry;
let base: SampleImage;
let worker: Worker;
let tar: Buffer;

beforeAll(async () => {
  registry = await startTestRegistry({ auth: { kind: "bearer", anonymous: ["pull"] } });
  const open = await startTestRegistry();
  base = await sampleImage(createMemoryContentStore(), {
    // Large enough that R2 keeps it in an object of its own.
    layers: [{ "etc/base": "base\n" }, { "bin/large": crypto.getRandomValues(new Uint8Array(65_536)) }],
    config: { Env: ["BASE=1"] },
  });
  await createRegistry().push(base, `${open.host}/base:1`);
  for (const [name, repository] of open.repositories) registry.repositories.set(name, repository);
  await open.stop();
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "srv"));
  writeFileSync(join(directory, "srv/index.html"), "<h1>hello</h1>\n");
  tar = execFileSync("tar", ["-C", directory, "-c", "."]);
  worker = await startWorker(join(temporaryRoot(), "data"), LIMIT, [
    "--token",
    TOKEN,
    "--registries",
    `${registry.host} docker.io`,
    "--pages",
    "https://page.example.com",
    "--relay-token",
    RELAY_TOKEN,
  ]);
});
afterAll(async () => {
  await worker?.stop();
  await registry?.stop();
});

const post = (name: string, query: string): Promise<Response> =>
  fetch(`${worker.origin}/images/${name}?${query}`, { method: "POST", body: new Uint8Array(tar), headers });

/** As a program that is no page asks the relay. */
const withToken: typeof fetch = (input, init) => {
  const given = new Headers(init?.headers);
  given.set("x-relay-token", RELAY_TOKEN);
  return fetch(input, { ...init, headers: given });
};

async function codeOf(response: Response): Promise<string> {
  const { errors } = (await response.json()) as { readonly errors: readonly { code: string; message: string }[] };
  return `${response.status} ${errors[0]?.code}`;
}

describe("the Worker's images on a base of a registry", () => {
  it("are those that the library makes, and have the base's layers", async () => {
    const response = await post("demo/based:1", `entrypoint=/bin/large&from=${registry.host}/base:1`);
    const { digest } = (await response.json()) as { readonly digest: string };
    const expected = await build({
      content: base.content,
      from: base,
      link: true,
      fill: (work) => addTar(work, tar),
      config: { entrypoint: ["/bin/large"] },
    });
    expect([response.status, digest]).toEqual([201, expected.digest]);
    // Whoever pulls it gets all of it from the Worker.
    const { descriptor, content } = await createRegistry().source(`${worker.host}/demo/based:1`).resolve();
    expect(descriptor.digest).toBe(digest);
    for (const layer of base.layers) for await (const _ of readBlob(content, layer));
    const archive = await fetch(`${worker.origin}/images/demo/based:1/archive`);
    expect(archive.status).toBe(200);
    const [read] = await readArchive(archive.body ?? new Uint8Array(), createMemoryContentStore());
    expect(read?.descriptor.digest).toBe(digest);
    // A second image on it reads no layer again.
    const before = registry.requests.length;
    expect((await post("demo/based:2", `from=${registry.host}/base:1`)).status).toBe(201);
    const again = registry.requests.slice(before).map(({ url }) => url);
    for (const layer of base.layers) expect(again.join(" ")).not.toContain(layer.digest);
  });

  it.each([
    ["another registry", "from=ghcr.io/owner/name", "403 DENIED"],
    ["what is not there", "from=HOST/absent:1", "404 NOT_FOUND"],
    ["another platform", "from=HOST/base:1&platform=linux/s390x", "404 NOT_FOUND"],
    ["no name at all", "from=HOST/Base", "400 INVALID_REFERENCE"],
    ["two", "from=HOST/base:1&from=HOST/base:1", "400 INVALID_OPTION"],
  ])("are not built on %s", async (_what, query, expected) => {
    const response = await post("demo/refused:1", query.replaceAll("HOST", registry.host));
    expect(await codeOf(response)).toBe(expected);
    expect((await fetch(`${worker.origin}/images/demo/refused:1`)).status).toBe(404);
  });

  it("are not built on what is larger than the Worker takes", async () => {
    const small = await startWorker(temporaryDirectory(), 50_000, ["--token", TOKEN, "--registries", registry.host]);
    try {
      const response = await fetch(`${small.origin}/images/demo/a:1?from=${registry.host}/base:1`, {
        method: "POST",
        body: new Uint8Array(tar),
        headers,
      });
      expect(await codeOf(response)).toBe("413 SIZE_INVALID");
    } finally {
      await small.stop();
    }
  });
});

describe("what an image of a registry has in it", () => {
  const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const layer = (size = 2): Descriptor => ({
    mediaType: OCI_TYPES.layerGzip,
    digest: `sha256:${"0".repeat(64)}`,
    size,
  });
  const manifest = { schemaVersion: 2, config: { ...layer(), mediaType: OCI_TYPES.config }, layers: [] };
  const script = "<script>fetch('/images')</script>";

  /** Puts an image with these blobs as layers on the registry, and builds on it. @returns their digests, and the config's */
  async function built(name: string, blobs: readonly Uint8Array[], configType?: string): Promise<readonly Digest[]> {
    const content = createMemoryContentStore();
    const layers = await Promise.all(blobs.map(async (bytes) => await writeBlob(content, bytes)));
    const diff_ids = layers.map(({ digest }) => digest);
    const config = await writeBlob(
      content,
      text({
        architecture: "amd64",
        os: "linux",
        config: {},
        rootfs: { type: "layers", diff_ids },
        mediaType: configType,
      }),
    );
    const bytes = serialiseManifest({
      schemaVersion: 2,
      mediaType: OCI_TYPES.manifest,
      config: { mediaType: OCI_TYPES.config, digest: config.digest, size: config.size },
      layers: layers.map(({ digest, size }) => ({ mediaType: OCI_TYPES.layer, digest, size })),
    });
    const { digest, size } = await writeBlob(content, bytes);
    const open = await startTestRegistry();
    await createRegistry().push(
      { content, descriptor: { mediaType: OCI_TYPES.manifest, digest, size } },
      `${open.host}/${name}:1`,
    );
    for (const [repository, stored] of open.repositories) registry.repositories.set(repository, stored);
    await open.stop();
    const response = await post(`demo/${name}:1`, `from=${registry.host}/${name}:1`);
    expect([response.status, await response.text()]).toEqual([201, expect.any(String)]);
    return [...diff_ids, config.digest];
  }

  it("is no document unless it is a manifest or an index", async () => {
    const blobs = [
      text({ mediaType: "text/html", x: script }),
      text({ mediaType: "image/svg+xml", ...manifest, x: script }),
      text({ mediaType: OCI_TYPES.config, ...manifest }),
      text({ mediaType: OCI_TYPES.manifest, x: script }),
      text({ mediaType: OCI_TYPES.index, ...manifest }),
      text({ mediaType: OCI_TYPES.manifest, ...manifest, manifests: [] }),
      text({ mediaType: `${OCI_TYPES.manifest}; charset=x`, ...manifest }),
      text({ mediaType: ["text/html"], ...manifest }),
      text({ schemaVersion: 1, mediaType: "application/vnd.docker.distribution.manifest.v1+json", fsLayers: [] }),
      new TextEncoder().encode(`{"mediaType":"text/html",${JSON.stringify(manifest).slice(1, -1)},"mediaType":""}`),
      new TextEncoder().encode(script),
    ];
    for (const digest of await built("hostile", blobs, "text/html")) {
      for (const method of ["GET", "HEAD"]) {
        const response = await fetch(`${worker.origin}/v2/demo/hostile/manifests/${digest}`, { method });
        expect([response.status, response.headers.get("content-type")]).toEqual([404, "application/json"]);
        if (method === "GET") expect(await codeOf(response)).toBe("404 MANIFEST_UNKNOWN");
      }
      const blob = await fetch(`${worker.origin}/v2/demo/hostile/blobs/${digest}`);
      expect([blob.status, blob.headers.get("content-type")]).toEqual([200, "application/octet-stream"]);
      await blob.arrayBuffer();
    }
  });

  it("has the type that it says, or that it has the fields of", async () => {
    const index = { schemaVersion: 2, manifests: [] };
    const documents = [
      [text({ ...manifest }), OCI_TYPES.manifest],
      [text({ ...manifest, mediaType: DOCKER_TYPES.manifest }), DOCKER_TYPES.manifest],
      [text({ ...index }), OCI_TYPES.index],
      [text({ ...index, mediaType: DOCKER_TYPES.index }), DOCKER_TYPES.index],
    ] as const;
    const digests = await built(
      "nested",
      documents.map(([bytes]) => bytes),
    );
    for (const [at, [bytes, type]] of documents.entries()) {
      const response = await fetch(`${worker.origin}/v2/demo/nested/manifests/${digests[at]}`);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, type]);
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
    }
  });

  it("is looked at as a document only up to what one may have", async () => {
    const [large] = await built("large", [new Uint8Array(DOCUMENT_LIMIT + 1).fill(32)]);
    expect(await codeOf(await fetch(`${worker.origin}/v2/demo/large/manifests/${large}`))).toBe("404 MANIFEST_UNKNOWN");
  });
});

describe("the Worker's relay", () => {
  const path = (): string => `${worker.origin}/registry/${registry.host}/v2`;

  it("lets pages of the origins that it knows pull", async () => {
    const origin = "https://page.example.com";
    const refused = await fetch(`${path()}/base/manifests/1`, { headers: { origin } });
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, origin]);
    const pulled = createRegistry({ relay: `${worker.origin}/registry/`, fetch: withToken });
    const { descriptor, content } = await pulled.source(`${registry.host}/base:1`).resolve();
    expect(descriptor.digest).toBe(base.descriptor.digest);
    for (const layer of base.layers) for await (const _ of readBlob(content, layer));
    expect(await codeOf(await fetch(`${path()}/`, { headers: { origin: "https://evil.example.com" } }))).toBe(
      "403 DENIED",
    );
    const head = await fetch(`${path()}/base/manifests/1`, { method: "HEAD", headers: { origin } });
    expect([head.status, head.headers.get("docker-distribution-api-version")]).toEqual([401, "registry/2.0"]);
  });

  it("goes to no other registry, and pushes nothing unless it may", async () => {
    expect(await codeOf(await withToken(`${worker.origin}/registry/ghcr.io/v2/`))).toBe("403 DENIED");
    expect(await codeOf(await withToken(`${path()}/base/blobs/uploads/`, { method: "POST" }))).toBe("405 UNSUPPORTED");
  });

  it("is for pages, and for programs that have its token", async () => {
    const status = async (given: Record<string, string>) =>
      (await fetch(`${path()}/base/manifests/1`, { headers: given })).status;
    // What the registry says to those that are let through is that it wants a token of its own.
    expect(await status({ "x-relay-token": RELAY_TOKEN })).toBe(401);
    expect(await status({ "sec-fetch-site": "same-origin" })).toBe(401);
    for (const given of [{}, { "x-relay-token": "" }, { "x-relay-token": TOKEN }, { "sec-fetch-site": "cross-site" }]) {
      expect(await status(given)).toBe(403);
    }
    const shut = await startWorker(temporaryDirectory(), LIMIT, ["--token", TOKEN, "--registries", registry.host]);
    try {
      for (const token of ["", TOKEN]) {
        const response = await fetch(`${shut.origin}/registry/${registry.host}/v2/`, {
          headers: { "x-relay-token": token },
        });
        expect(await codeOf(response)).toBe("403 DENIED");
      }
    } finally {
      await shut.stop();
    }
  });

  it("is not there without registries", async () => {
    const closed = await startWorker(temporaryDirectory(), LIMIT, ["--token", TOKEN]);
    try {
      expect(await codeOf(await fetch(`${closed.origin}/registry/${registry.host}/v2/`))).toBe("404 NOT_FOUND");
      const response = await fetch(`${closed.origin}/images/demo/a:1?from=${registry.host}/base:1`, {
        method: "POST",
        body: new Uint8Array(tar),
        headers,
      });
      expect(await codeOf(response)).toBe("403 DENIED");
    } finally {
      await closed.stop();
    }
  });
});
