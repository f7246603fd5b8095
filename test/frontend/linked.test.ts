import { describe, expect, it } from "vitest";
import { flattenImage, writeArchive } from "../../src/archive/index.ts";
import { readAll } from "../../src/bytes.ts";
import { decompress } from "../../src/compress/index.ts";
import { createMemoryContentStore, readBlob, readBlobBytes } from "../../src/content/index.ts";
import type { ContentStore } from "../../src/content/store.ts";
import type { ExportedImage } from "../../src/exporter/exporter.ts";
import type { ImagePusher, PushableImage } from "../../src/exporter/image-pusher.ts";
import { type BuildOptions, build } from "../../src/frontend/build.ts";
import { createMemoryImageStore } from "../../src/images/index.ts";
import { parseImageConfig } from "../../src/oci/config.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { parseManifest } from "../../src/oci/manifest.ts";
import { formatPlatform } from "../../src/oci/platform.ts";
import { createSnapshotter } from "../../src/snapshots/index.ts";
import { walkTree } from "../../src/snapshots/walk.ts";
import { readTar } from "../../src/tar/index.ts";
import { type RemoteProvider, remoteProvider } from "../support/remote-provider.ts";

/** A registry with one image, and what was asked of it. */
interface FakeRegistry extends ImagePusher {
  readonly provider: RemoteProvider;
  readonly image: ExportedImage;
  readonly pushes: { readonly name: string; readonly image: PushableImage }[];
  source: NonNullable<BuildOptions["registry"]>["source"];
}

async function registryWith(options: Partial<BuildOptions> = {}): Promise<FakeRegistry> {
  const store = createMemoryContentStore();
  const image = await build({
    content: store,
    files: { "/usr/bin/sh": { content: "#!", mode: 0o755 }, "/etc/os-release": "NAME=base\n" },
    fill: async (work) => {
      await work.symlink("usr/bin", "/bin");
      await work.mkdir("/tmp", { mode: 0o1777 });
    },
    config: { env: { LANG: "C" } },
    ...options,
  });
  const provider = remoteProvider(store);
  const pushes: FakeRegistry["pushes"] = [];
  return {
    provider,
    image,
    pushes,
    source: (reference) => ({
      description: reference,
      resolve: async () => ({ descriptor: image.descriptor, content: provider, names: [reference] }),
    }),
    async push(pushed, name) {
      pushes.push({ name, image: pushed });
      return {
        name,
        descriptor: pushed.descriptor,
        blobs: { existing: 0, mounted: 0, uploaded: 0 },
        uploadedBytes: 0,
      };
    },
  };
}

const layersOf = (image: ExportedImage): Descriptor[] =>
  image.manifests.flatMap(({ layers }) => layers.map(({ descriptor }) => descriptor));

/** Reads of the base's layers. */
const layersRead = ({ provider, image }: FakeRegistry): string[] =>
  provider.opened.filter((opened) => layersOf(image).some(({ digest }) => opened.startsWith(digest)));

/** Entries of the last layer of the first platform. */
async function entriesOf(image: ExportedImage): Promise<string[]> {
  const layer = image.manifests[0]?.layers.at(-1)?.descriptor;
  if (layer === undefined) throw new Error("no layer");
  const found: string[] = [];
  for await (const { name, mode } of readTar(decompress(readBlob(image.content, layer)))) {
    found.push(`${name} ${mode.toString(8)}`);
  }
  return found;
}

async function pathsOf(content: ContentStore, manifest: Descriptor): Promise<string[]> {
  return [...walkTree(await flattenImage(content, manifest))].map(({ path }) => path);
}

describe("a build on a base at a registry", () => {
  it("reads its manifest and config, and no layer, also when it is pushed", async () => {
    const registry = await registryWith();
    const image = await build({
      content: createMemoryContentStore(),
      registry,
      from: "registry.example/team/base:1",
      files: { "/srv/app": "app", "/etc/app/conf": "x" },
      config: { cmd: ["/srv/app"] },
      options: { name: "registry.example/team/app:1", push: true },
    });
    expect(registry.provider.opened).toEqual([
      registry.image.descriptor.digest,
      registry.image.manifests[0]?.config.digest,
      // Once to choose the platform, once to build.
      registry.image.descriptor.digest,
      registry.image.manifests[0]?.config.digest,
    ]);
    expect(image.manifests[0]?.layers.map(({ remote }) => remote ?? false)).toEqual([true, false]);
    expect(await entriesOf(image)).toEqual(["etc 755", "etc/app 755", "etc/app/conf 644", "srv 755", "srv/app 644"]);
    const [manifest] = image.manifests;
    const config = parseImageConfig(await readBlobBytes(image.content, manifest?.config as Descriptor));
    expect(config.config).toMatchObject({ Cmd: ["/srv/app"] });
    expect(config.config?.Env).toContain("LANG=C");
    expect(registry.pushes.map(({ name }) => name)).toEqual(["registry.example/team/app:1"]);
    expect(registry.pushes[0]?.image.content).toBe(image.content);
    expect(image.pushed).toHaveLength(1);
  });

  it("makes an image whose files are the base's and the layer's", async () => {
    const registry = await registryWith();
    const content = createMemoryContentStore();
    const image = await build({ content, registry, from: "base", files: { "/etc/app": "x" } });
    expect(await pathsOf(image.content as ContentStore, image.descriptor)).toEqual(
      expect.arrayContaining(["/etc/os-release", "/etc/app", "/usr/bin/sh"]),
    );
    expect(layersRead(registry)).toHaveLength(1);
  });

  it("fetches each base layer for an archive, once", async () => {
    const registry = await registryWith();
    const image = await build({ content: createMemoryContentStore(), registry, from: "base", files: { "/x": "x" } });
    expect(layersRead(registry)).toEqual([]);
    await readAll(writeArchive(image), 1e7);
    expect(layersRead(registry)).toEqual(layersOf(registry.image).map(({ digest }) => digest));
  });

  it("fetches them for an image store, and not if the image is only pushed", async () => {
    const registry = await registryWith();
    const images = createMemoryImageStore();
    const options = { registry, images, from: "base", files: { "/x": "x" } } as const;
    await build({
      ...options,
      content: createMemoryContentStore(),
      options: { name: "app", push: "true", store: "false" },
    });
    expect(layersRead(registry)).toEqual([]);
    const content = createMemoryContentStore();
    const image = await build({ ...options, content, options: { name: "app" } });
    expect(layersRead(registry)).toHaveLength(1);
    for (const { digest } of layersOf(image)) await expect(content.info(digest)).resolves.toBeDefined();
  });

  it("reads the layers with link=false, and puts into the layer only what is not there", async () => {
    const registry = await registryWith();
    const image = await build({
      content: createMemoryContentStore(),
      registry,
      from: "base",
      link: false,
      files: { "/etc/os-release": "NAME=base\n", "/bin/app": "x", "/tmp/y": "y" },
    });
    expect(layersRead(registry)).toEqual(layersOf(registry.image).map(({ digest }) => digest));
    expect(await entriesOf(image)).toEqual(["tmp 1777", "tmp/y 644", "usr 755", "usr/bin 755", "usr/bin/app 644"]);
  });

  it("needs a registry for a name", async () => {
    const content = createMemoryContentStore();
    await expect(build({ content, from: "debian:stable-slim" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/debian:stable-slim.*`registry`/),
    });
  });

  it("pushes by whom it is told to", async () => {
    const [registry, other] = [await registryWith(), await registryWith()];
    const options = { name: "app", push: true };
    await build({ content: createMemoryContentStore(), registry, pusher: other, from: "base", options });
    expect([registry.pushes.length, other.pushes.length]).toEqual([0, 1]);
    await expect(build({ content: createMemoryContentStore(), options })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });
});

describe("platforms of a base at a registry", () => {
  const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/s390x"];
  const twoLayers = async (): Promise<FakeRegistry> => await registryWith({ platform: PLATFORMS });

  it("are all built for without a choice, with files that are made once", async () => {
    const registry = await twoLayers();
    let fills = 0;
    const image = await build({
      content: createMemoryContentStore(),
      registry,
      from: "base",
      fill: async (work) => {
        fills++;
        await work.writeFile("/srv/x", "x");
      },
    });
    expect(image.manifests.map(({ platform }) => formatPlatform(platform))).toEqual(PLATFORMS);
    expect(fills).toBe(1);
    expect(layersRead(registry)).toEqual([]);
    const own = image.manifests.map(({ layers }) => layers.at(-1)?.descriptor.digest);
    expect(new Set(own).size).toBe(1);
    for (const { descriptor } of image.manifests) {
      const manifest = parseManifest(await readBlobBytes(image.content, descriptor), "manifest", descriptor.mediaType);
      expect(manifest.layers).toHaveLength(2);
    }
  });

  it("are chosen, and the documents of the others are not read", async () => {
    const registry = await twoLayers();
    const image = await build({
      content: createMemoryContentStore(),
      registry,
      from: "base",
      platform: ["linux/s390x", "linux/arm64"],
      files: { "/x": "x" },
    });
    expect(image.manifests.map(({ platform }) => formatPlatform(platform))).toEqual(["linux/s390x", "linux/arm64"]);
    const [amd64, ...chosen] = registry.image.manifests;
    expect(registry.provider.opened).not.toContain(amd64?.descriptor.digest);
    expect(registry.provider.opened).not.toContain(amd64?.config.digest);
    for (const { descriptor } of chosen) expect(registry.provider.opened).toContain(descriptor.digest);
    await expect(
      build({ content: createMemoryContentStore(), registry, from: "base", platform: "windows/amd64" }),
    ).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining(PLATFORMS.join(", ")) });
  });
});

describe("a linked layer", () => {
  const linked = async (
    options: Partial<BuildOptions>,
  ): Promise<{ readonly entries: readonly string[]; readonly warnings: readonly string[] }> => {
    const registry = await registryWith();
    const warnings: string[] = [];
    const image = await build({
      content: createMemoryContentStore(),
      registry,
      from: "base",
      options: { onWarning: (message) => warnings.push(message) },
      ...options,
    });
    return { entries: await entriesOf(image), warnings };
  };

  it("leaves well-known directories as every base has them", async () => {
    const { entries, warnings } = await linked({
      files: { "/tmp/a": "", "/var/tmp/b": "", "/root/.profile": "", "/home/me/c": "" },
    });
    expect(entries).toEqual([
      "home 755",
      "home/me 755",
      "home/me/c 644",
      "root 700",
      "root/.profile 644",
      "tmp 1777",
      "tmp/a 644",
      "var 755",
      "var/tmp 1777",
      "var/tmp/b 644",
    ]);
    expect(warnings).toEqual([]);
  });

  it("keeps what somebody gave them", async () => {
    const { entries } = await linked({
      fill: async (work) => {
        await work.mkdir("/tmp", { mode: 0o700 });
        await work.mkdir("/root", { uid: 5 });
        await work.writeFile("/var", "a file");
      },
    });
    expect(entries).toEqual(["root 755", "tmp 700", "var 644"]);
  });

  it("warns of directories where bases have symlinks, and not of symlinks", async () => {
    const { entries, warnings } = await linked({
      files: { "/bin/app": "x", "/usr/bin/app": "x", "/var/run/app.pid": "1" },
      fill: async (work) => {
        await work.symlink("usr/lib", "/lib");
      },
    });
    expect(entries).toContain("bin/app 644");
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/^\/bin becomes a directory.*\/usr\/bin.*link=false/);
    expect(warnings[1]).toMatch(/^\/var\/run becomes a directory.*\/run/);
  });

  it("can be asked for on a base that is here, too, and is the default there only if it is asked for", async () => {
    const content = createMemoryContentStore();
    const from = { descriptor: (await build({ content, files: { "/tmp/a": "a" } })).descriptor };
    const files = { "/tmp/a": "a" };
    const snapshots = createSnapshotter({ content });
    const image = await build({ content, snapshots, from, link: true, files });
    expect(await entriesOf(image)).toEqual(["tmp 1777", "tmp/a 644"]);
    expect((await build({ content, from, files })).manifests[0]?.layers).toHaveLength(1);
    const keys: string[] = [];
    await snapshots.walk(({ key }) => void keys.push(key));
    expect(keys).toEqual([]);
  });

  it("is an ordinary one where there is no base", async () => {
    const image = await build({
      content: createMemoryContentStore(),
      link: true,
      files: { "/tmp/a": "a", "/bin/b": "" },
    });
    expect(await entriesOf(image)).toEqual(["bin 755", "bin/b 644", "tmp 755", "tmp/a 644"]);
  });
});
