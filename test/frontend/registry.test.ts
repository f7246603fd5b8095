import { afterEach, describe, expect, it } from "vitest";
import { verifyImage, writeArchive } from "../../src/archive/index.ts";
import { readAll } from "../../src/bytes.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import type { ExportedImage } from "../../src/exporter/exporter.ts";
import { build } from "../../src/frontend/build.ts";
import { formatPlatform } from "../../src/oci/platform.ts";
import { createRegistry } from "../../src/registry/index.ts";
import { startTestRegistry, type TestRegistry } from "../support/registry-server/test-registry.ts";

const running: TestRegistry[] = [];

afterEach(async () => {
  for (const registry of running.splice(0)) await registry.stop();
});

/** A registry with a base of two platforms as `base:1`. */
async function registryWithBase(): Promise<{ readonly server: TestRegistry; readonly base: ExportedImage }> {
  const server = await startTestRegistry();
  running.push(server);
  const base = await build({
    content: createMemoryContentStore(),
    files: { "/etc/os-release": "NAME=base\n", "/usr/share/data": "data".repeat(1000) },
    platform: ["linux/amd64", "linux/arm64"],
    registry: createRegistry(),
    options: { name: `${server.host}/base:1`, push: true },
  });
  return { server, base };
}

/** What was asked of a registry about layers of the base, `METHOD PATH`, since its log had so many lines. */
function askedForLayers({ requests }: TestRegistry, base: ExportedImage, since: number): string[] {
  const digests = base.manifests.flatMap(({ layers }) => layers.map(({ descriptor }) => descriptor.digest));
  return requests
    .slice(since)
    .map(({ method, url }) => `${method} ${decodeURIComponent(url)}`)
    .filter((line) => digests.some((digest) => line.includes(digest)));
}

describe("a build on a base at a registry, with the registry client", () => {
  it("pushed to the same registry mounts the base's layers and sends only its own", async () => {
    const { server, base } = await registryWithBase();
    const since = server.requests.length;
    const image = await build({
      content: createMemoryContentStore(),
      registry: createRegistry(),
      from: `${server.host}/base:1`,
      files: { "/srv/app": "app" },
      options: { name: `${server.host}/app:1`, push: true },
    });
    const asked = askedForLayers(server, base, since);
    expect(asked.filter((line) => !line.startsWith("HEAD "))).toEqual([
      expect.stringMatching(/^POST \/v2\/app\/blobs\/uploads\/\?.*mount=.*from=base/),
    ]);
    const [pushed] = image.pushed;
    expect(pushed).toMatchObject({ name: `${server.host}/app:1`, descriptor: { digest: image.digest } });
    // The layer that both platforms share; its own one, and the two configs.
    expect(pushed?.blobs).toEqual({ existing: 0, mounted: 1, uploaded: 3 });
    expect(image.manifests.map(({ platform }) => formatPlatform(platform))).toEqual(["linux/amd64", "linux/arm64"]);

    const { descriptor, content } = await createRegistry().source(`${server.host}/app:1`).resolve();
    expect(descriptor.digest).toBe(image.digest);
    await verifyImage(content, descriptor);
  });

  it("pushed to another registry goes there through us, and is named at both", async () => {
    const { server, base } = await registryWithBase();
    const other = await startTestRegistry();
    running.push(other);
    const since = server.requests.length;
    const image = await build({
      content: createMemoryContentStore(),
      registry: createRegistry(),
      from: `${server.host}/base:1`,
      files: { "/srv/app": "app" },
      options: { name: `${other.host}/app:1,${server.host}/app:1`, push: true },
    });
    expect(askedForLayers(server, base, since).filter((line) => line.startsWith("GET "))).toHaveLength(1);
    expect(image.pushed.map(({ blobs }) => [blobs.mounted, blobs.uploaded])).toEqual([
      [0, 4],
      [1, 3],
    ]);
    for (const { host } of [other, server]) {
      const { descriptor, content } = await createRegistry().source(`${host}/app:1`).resolve();
      expect(descriptor.digest).toBe(image.digest);
      await verifyImage(content, descriptor);
    }
  });

  it("written to an archive fetches them then", async () => {
    const { server, base } = await registryWithBase();
    const since = server.requests.length;
    const image = await build({
      content: createMemoryContentStore(),
      registry: createRegistry(),
      from: `${server.host}/base:1`,
      platform: "linux/arm64",
      files: { "/srv/app": "app" },
    });
    expect(askedForLayers(server, base, since)).toEqual([]);
    await readAll(writeArchive(image), 1e7);
    expect(askedForLayers(server, base, since).map((line) => line.split(" ")[0])).toEqual(["GET"]);
  });

  it("pushes by digest without a tag", async () => {
    const { server } = await registryWithBase();
    const image = await build({
      content: createMemoryContentStore(),
      registry: createRegistry(),
      files: { "/srv/app": "app" },
      options: { name: `${server.host}/app`, push: "true", "push-by-digest": "true" },
    });
    const name = `${server.host}/app@${image.digest}`;
    expect([image.names, image.pushed.map((pushed) => pushed.name)]).toEqual([[name], [name]]);
    const tags: string[] = [];
    for await (const tag of createRegistry().repository(`${server.host}/app`).tags()) tags.push(tag);
    expect(tags).toEqual([]);
    expect((await createRegistry().source(name).resolve()).descriptor.digest).toBe(image.digest);
  });
});
