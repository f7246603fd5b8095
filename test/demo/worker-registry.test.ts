import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMemoryContentStore, readBlob } from "../../src/content/index.ts";
import { addTar, build, readArchive } from "../../src/index.ts";
import { createRegistry } from "../../src/registry/index.ts";
import { startTestRegistry, type TestRegistry } from "../support/registry-server/test-registry.ts";
import { type SampleImage, sampleImage } from "../support/sample-image.ts";
import { temporaryDirectory, temporaryRoot } from "../support/temporary.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const TOKEN = "token-of-the-tests";
const LIMIT = 4_000_000;
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
  ]);
});
afterAll(async () => {
  await worker?.stop();
  await registry?.stop();
});

const post = (name: string, query: string): Promise<Response> =>
  fetch(`${worker.origin}/images/${name}?${query}`, { method: "POST", body: new Uint8Array(tar), headers });

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

describe("the Worker's relay", () => {
  const path = (): string => `${worker.origin}/registry/${registry.host}/v2`;

  it("lets pages of the origins that it knows pull", async () => {
    const origin = "https://page.example.com";
    const refused = await fetch(`${path()}/base/manifests/1`, { headers: { origin } });
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, origin]);
    const pulled = createRegistry({ relay: `${worker.origin}/registry/` });
    const { descriptor, content } = await pulled.source(`${registry.host}/base:1`).resolve();
    expect(descriptor.digest).toBe(base.descriptor.digest);
    for (const layer of base.layers) for await (const _ of readBlob(content, layer));
    expect(await codeOf(await fetch(`${path()}/`, { headers: { origin: "https://evil.example.com" } }))).toBe(
      "403 DENIED",
    );
    const head = await fetch(`${path()}/base/manifests/1`, { method: "HEAD" });
    expect([head.status, head.headers.get("docker-distribution-api-version")]).toEqual([401, "registry/2.0"]);
  });

  it("goes to no other registry, and pushes nothing unless it may", async () => {
    expect(await codeOf(await fetch(`${worker.origin}/registry/ghcr.io/v2/`))).toBe("403 DENIED");
    expect(await codeOf(await fetch(`${path()}/base/blobs/uploads/`, { method: "POST" }))).toBe("405 UNSUPPORTED");
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
