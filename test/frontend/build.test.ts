import { describe, expect, it } from "vitest";
import { flattenImage } from "../../src/archive/flatten.ts";
import { decompress } from "../../src/compress/index.ts";
import { createMemoryContentStore } from "../../src/content/memory.ts";
import { readBlob, readBlobBytes } from "../../src/content/read.ts";
import type { ContentStore } from "../../src/content/store.ts";
import { isSlipwayError } from "../../src/errors.ts";
import { type BuildOptions, build } from "../../src/frontend/build.ts";
import { createMemoryImageStore } from "../../src/images/memory.ts";
import { parseImageConfig } from "../../src/oci/config.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { formatPlatform } from "../../src/oci/platform.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { createSnapshotter } from "../../src/snapshots/create-snapshotter.ts";
import type { Snapshotter } from "../../src/snapshots/snapshotter.ts";
import { walkTree } from "../../src/snapshots/walk.ts";
import { readTar } from "../../src/tar/index.ts";

async function names(content: ContentStore, layer: Descriptor): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of readTar(decompress(readBlob(content, layer)))) {
    found.push(`${entry.name} ${entry.mode.toString(8)}`);
  }
  return found;
}

async function keysOf(snapshots: Snapshotter): Promise<string[]> {
  const keys: string[] = [];
  await snapshots.walk(({ key }) => void keys.push(key));
  return keys;
}

const layersOf = (image: Awaited<ReturnType<typeof build>>) => image.manifests.flatMap(({ layers }) => layers);

async function base(content: ContentStore, options: Partial<BuildOptions> = {}) {
  return await build({
    content,
    files: { "/etc/conf": { content: "old", mode: 0o600 }, "/etc/other": "other" },
    fill: async (work) => {
      await work.chmod("/etc", 0o711);
    },
    config: { env: { LANG: "C" }, cmd: ["/sh"] },
    ...options,
  });
}

describe("build", () => {
  it("makes an image of files, from scratch", async () => {
    const content = createMemoryContentStore();
    const image = await build({
      content,
      files: { "/app/hello.sh": { content: "#!/bin/sh\n", mode: 0o755 }, "app/data": new Uint8Array([1, 2]) },
      config: { entrypoint: ["/app/hello.sh"] },
    });
    const [manifest] = image.manifests;
    expect(manifest?.platform).toEqual({ os: "linux", architecture: "amd64" });
    expect(await names(content, layersOf(image)[0]?.descriptor as Descriptor)).toEqual([
      "app 755",
      "app/data 644",
      "app/hello.sh 755",
    ]);
    const config = parseImageConfig(await readBlobBytes(content, manifest?.config as Descriptor));
    expect(config.config?.Entrypoint).toEqual(["/app/hello.sh"]);
  });

  it("gives the same image again, also through another store", async () => {
    const [a, b] = await Promise.all([base(createMemoryContentStore()), base(createMemoryContentStore())]);
    expect(a.digest).toBe(b.digest);
  });

  it("puts files on a base: its layers first, its config kept, and only what changed in the new layer", async () => {
    const content = createMemoryContentStore();
    const from = await base(content);
    const image = await build({
      content,
      from: { descriptor: from.descriptor },
      files: { "/etc/conf": "new", "/etc/other": "other", "/srv/x": "x" },
      config: { workingDir: "/srv" },
    });
    const layers = layersOf(image);
    expect(layers).toHaveLength(2);
    expect(layers[0]?.descriptor.digest).toBe(layersOf(from)[0]?.descriptor.digest);
    // The base's own attributes, of the directory and of the file that was written over.
    expect(await names(content, layers[1]?.descriptor as Descriptor)).toEqual([
      "etc 711",
      "etc/conf 600",
      "srv 755",
      "srv/x 644",
    ]);
    const config = parseImageConfig(await readBlobBytes(content, image.manifests[0]?.config as Descriptor));
    expect(config.config).toMatchObject({ Cmd: ["/sh"], WorkingDir: "/srv" });
    expect(config.config?.Env).toContain("LANG=C");
    const tree = await flattenImage(content, image.descriptor);
    expect([...walkTree(tree)].map(({ path }) => path)).toContain("/etc/other");
  });

  it("copies the layers of a base that is in another store", async () => {
    const [there, here] = [createMemoryContentStore(), createMemoryContentStore()];
    const from = await base(there);
    const image = await build({
      content: here,
      from: { descriptor: from.descriptor, content: there },
      files: { "/x": "x" },
    });
    for (const { descriptor } of layersOf(image)) await expect(here.info(descriptor.digest)).resolves.toBeDefined();
  });

  it("changes only the config where there are no files, without applying the base's layers", async () => {
    const content = createMemoryContentStore();
    const from = await base(content);
    const events: ProgressEvent[] = [];
    const image = await build({
      content,
      from: { descriptor: from.descriptor },
      config: { cmd: ["/other"] },
      onProgress: (event) => events.push(event),
    });
    expect(layersOf(image).map(({ diffID }) => diffID)).toEqual(layersOf(from).map(({ diffID }) => diffID));
    expect(image.digest).not.toBe(from.digest);
    expect(events.some(({ name }) => name.startsWith("applying layer"))).toBe(false);
  });

  it("makes an index for several platforms, and builds on the right one of a base", async () => {
    const content = createMemoryContentStore();
    const from = await base(content, { platform: ["linux/amd64", "linux/arm64"] });
    expect(from.manifests.map(({ platform }) => formatPlatform(platform))).toEqual(["linux/amd64", "linux/arm64"]);
    const one = await build({
      content,
      from: { descriptor: from.descriptor },
      platform: "linux/arm64",
      files: { "/x": "x" },
    });
    expect(one.manifests.map(({ platform }) => formatPlatform(platform))).toEqual(["linux/arm64"]);
    const all = await build({ content, from: { descriptor: from.descriptor }, files: { "/x": "x" } });
    expect(all.manifests).toHaveLength(2);
    await expect(
      build({ content, from: { descriptor: from.descriptor }, platform: "linux/s390x", files: { "/x": "x" } }),
    ).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("linux/amd64, linux/arm64") });
  });

  it("calls fill once for platforms that share a base", async () => {
    let calls = 0;
    await build({
      content: createMemoryContentStore(),
      platform: ["linux/amd64", "linux/arm64"],
      fill: async (work) => {
        calls++;
        await work.writeFile("/x", "x");
      },
    });
    expect(calls).toBe(1);
  });

  it("removes the snapshots it made, and keeps those of others", async () => {
    const content = createMemoryContentStore();
    const snapshots = createSnapshotter({ content });
    const from = await base(content, { snapshots });
    await snapshots.prepare("mine");
    await build({ content, snapshots, from: { descriptor: from.descriptor }, files: { "/x": "x" } });
    expect(await keysOf(snapshots)).toEqual(["mine"]);
  });

  it("removes them on failure and when it is aborted, too", async () => {
    const content = createMemoryContentStore();
    const snapshots = createSnapshotter({ content });
    const from = await base(content);
    const controller = new AbortController();
    const reason = new Error("enough");
    const failing = build({
      content,
      snapshots,
      from: { descriptor: from.descriptor },
      signal: controller.signal,
      fill: async () => {
        controller.abort(reason);
        controller.signal.throwIfAborted();
      },
    });
    await expect(failing).rejects.toBe(reason);
    expect(await keysOf(snapshots)).toEqual([]);
  });

  it("works when several builds share snapshots and base at the same time", async () => {
    const content = createMemoryContentStore();
    const snapshots = createSnapshotter({ content });
    const from = await base(content);
    const images = await Promise.all(
      ["a", "b", "c"].map((name) =>
        build({ content, snapshots, from: { descriptor: from.descriptor }, files: { [`/${name}`]: name } }),
      ),
    );
    expect(new Set(images.map(({ digest }) => digest)).size).toBe(3);
    expect(await keysOf(snapshots)).toEqual([]);
  });

  it("tells a wrong option before any work", async () => {
    let filled = false;
    const failing = build({
      content: createMemoryContentStore(),
      images: createMemoryImageStore(),
      options: { compression: "zip" },
      fill: async () => {
        filled = true;
      },
    });
    await expect(failing).rejects.toSatisfy((error: unknown) => isSlipwayError(error, "INVALID_OPTION"));
    expect(filled).toBe(false);
  });
});
