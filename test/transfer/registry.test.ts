import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { verifyImage } from "../../src/archive/index.ts";
import { bytesSource, readAll } from "../../src/bytes.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { createMemoryImageStore } from "../../src/images/index.ts";
import { createLayer, mutateImage, readBaseAnnotations, rebaseImage } from "../../src/mutate/index.ts";
import type { Descriptor } from "../../src/oci/index.ts";
import { createRegistry } from "../../src/registry/create-registry.ts";
import { archiveSource, archiveTarget, copy, storeSource, storeTarget } from "../../src/transfer/index.ts";
import { detailedImage, manifestOf } from "../mutate/support.ts";
import { requestLine, startTestRegistry, type TestRegistry } from "../support/registry-server/test-registry.ts";
import { sampleImage, sampleIndex, sampleTar, storedDigests } from "../support/sample-image.ts";

const ARM64 = { architecture: "arm64", os: "linux" };
const LIMIT = 64 * 1024 * 1024;

let server: TestRegistry;
beforeAll(async () => {
  server = await startTestRegistry();
});
afterAll(() => server.stop());

let count = 0;
/** A repository of its own for each test. */
let name: (tag: string) => string;
beforeEach(() => {
  const repository = `${server.host}/test-${count++}`;
  name = (tag) => `${repository}/${tag}`;
});

const memory = () => ({ content: createMemoryContentStore(), images: createMemoryImageStore() });

async function multi() {
  const stores = memory();
  const amd64 = await sampleImage(stores.content);
  const arm64 = await sampleImage(stores.content, { platform: ARM64, layers: [{ "a.txt": "first\n" }, { arm: "64" }] });
  const index = await sampleIndex([amd64, arm64]);
  await stores.images.create({ name: name("multi:1"), target: index.descriptor });
  return { ...stores, amd64, arm64, index };
}

/** Which of these blobs were read from the registry, since so many requests. */
const readSince = (start: number, blobs: readonly Descriptor[]): readonly string[] =>
  server.requests
    .slice(start)
    .map(requestLine)
    .filter((line) => line.startsWith("GET") && blobs.some(({ digest }) => line.endsWith(digest)));

describe("copy with a registry", () => {
  it("keeps the digest from a store by the registry and an archive back to a store", async () => {
    const registry = createRegistry();
    const from = await multi();
    const first = await copy(storeSource(from), registry.target(name("multi:1")));
    expect(first.descriptor.digest).toBe(from.index.descriptor.digest);
    let bytes = new Uint8Array();
    const archive = archiveTarget(async (stream) => {
      bytes = await readAll(stream, LIMIT);
    });
    await copy(registry.source(name("multi:1")), archive);
    const inPlace = archiveSource(bytesSource(bytes), createMemoryContentStore());
    const second = await copy(inPlace, registry.target(name("again:2")));
    expect(second).toMatchObject({ descriptor: { digest: from.index.descriptor.digest }, names: [name("again:2")] });
    const to = memory();
    const last = await copy(registry.source(name("again:2")), storeTarget(to));
    expect(last).toMatchObject({ descriptor: { digest: from.index.descriptor.digest }, names: [name("again:2")] });
    expect(last.blobs).toEqual({ moved: (await storedDigests(from.content)).length, existing: 0 });
    await verifyImage(to.content, last.descriptor, { diffIDs: true });
  });

  it("moves no blob between repositories of one registry", async () => {
    const registry = createRegistry();
    const from = await multi();
    await copy(storeSource(from), registry.target(name("one:1")));
    const start = server.requests.length;
    const { blobs } = await copy(registry.source(name("one:1")), registry.target(name("two:1")));
    const layers = [...from.amd64.layers, ...from.arm64.layers];
    expect(readSince(start, layers)).toEqual([]);
    expect(blobs.existing).toBeGreaterThanOrEqual(3);
    const there = memory();
    await copy(registry.source(name("two:1")), storeTarget(there));
    expect(await storedDigests(there.content)).toEqual(await storedDigests(from.content));
  });

  it("reads nothing of the platforms that are not wanted", async () => {
    const from = await multi();
    await copy(storeSource(from), createRegistry().target(name("multi:1")));
    const to = memory();
    const start = server.requests.length;
    const copied = await copy(createRegistry().source(name("multi:1")), storeTarget(to), { platform: ARM64 });
    expect(copied.descriptor).toEqual(from.arm64.descriptor);
    expect(readSince(start, [from.amd64.descriptor, from.amd64.config, ...from.amd64.layers.slice(1)])).toEqual([]);
    expect(readSince(start, from.arm64.layers)).toHaveLength(2);
  });
});

describe("an image at a registry", () => {
  it("is changed and rebased there, while its layers stay where they are", async () => {
    const registry = createRegistry();
    const work = createMemoryContentStore();
    const old = await detailedImage(work, { layers: [{ version: "1" }, { sh: "1" }] });
    const next = await detailedImage(work, { layers: [{ version: "2" }, { sh: "2" }] });
    await registry.push(old, name("base:1"));
    await registry.push(next, name("base:2"));
    const layer = await createLayer(await sampleTar({ app: "run" }), { content: work });
    await registry.push(await mutateImage(old, { layers: [layer] }, { content: work }), name("app:1"));

    const layers = [...old.layers, ...next.layers, layer.descriptor];
    const start = server.requests.length;
    const client = createRegistry();
    const content = createMemoryContentStore();
    const [image, oldBase, newBase] = [
      await client.source(name("app:1")).resolve(),
      await client.source(name("base:1")).resolve(),
      await client.source(name("base:2")).resolve(),
    ];
    const rebased = await rebaseImage({ image, oldBase, newBase, newBaseName: name("base:2") }, { content });
    const changed = await mutateImage(rebased, { config: { labels: { rebased: "yes" } } }, { content });
    const pushed = await client.push(changed, name("app:2"));
    expect(readSince(start, layers)).toEqual([]);
    expect(pushed.blobs).toMatchObject({ mounted: next.layers.length });

    const to = memory();
    const copied = await copy(client.source(name("app:2")), storeTarget(to, "app"));
    await verifyImage(to.content, copied.descriptor, { diffIDs: true });
    const result = { content: to.content, descriptor: copied.descriptor };
    expect((await manifestOf(result)).layers).toEqual([...next.layers, layer.descriptor]);
    expect(await readBaseAnnotations(result)).toEqual({ name: name("base:2"), digest: next.descriptor.digest });
  });
});
