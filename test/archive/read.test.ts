import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ArchiveSource, readArchive, resolveImage, type WriteArchiveOptions } from "../../src/archive/index.ts";
import { readAll } from "../../src/bytes.ts";
import { gzip } from "../../src/compress/index.ts";
import { type ContentStore, createMemoryContentStore, writeBlob } from "../../src/content/index.ts";
import { digestHex } from "../../src/oci/index.ts";
import { blobBytes, sampleImage, sampleIndex, sampleTar, storedDigests } from "../support/sample-image.ts";
import { archiveFiles, archiveOf, changedJson, type Files, inPieces, replaced } from "./support.ts";

const LIMIT = 64 * 1024 * 1024;

const read = async (files: Files, content: ContentStore = createMemoryContentStore()) =>
  ({ content, images: await readArchive(await archiveOf(files), content) }) as const;

describe("readArchive", () => {
  for (const format of ["both", "oci"] as const) {
    it(`gives back what was written with format ${format}`, async () => {
      const source = createMemoryContentStore();
      const image = await sampleImage(source, { names: ["hello", "example.com/hello:2"] });
      const { content, images } = await read(await archiveFiles(image, { format }));
      expect(images).toEqual([
        {
          descriptor: image.descriptor,
          names: ["docker.io/library/hello:latest", "example.com/hello:2"],
          tags: [],
          platform: image.platform,
          manifests: [
            {
              descriptor: image.descriptor,
              config: image.config,
              layers: image.layers,
              platform: image.platform,
              diffIDs: image.diffIDs,
            },
          ],
        },
      ]);
      expect(await storedDigests(content)).toEqual(await storedDigests(source));
      for (const digest of await storedDigests(source)) {
        expect(await blobBytes(content, digest)).toEqual(await blobBytes(source, digest));
      }
    });
  }

  it("makes the manifest of an archive of Docker's own, the same that a plain OCI image has", async () => {
    for (const compression of ["gzip", "uncompressed"] as const) {
      const image = await sampleImage(createMemoryContentStore(), { names: ["hello"], compression });
      const { images } = await read(await archiveFiles(image, { format: "docker" }));
      expect(images).toMatchObject([
        { descriptor: image.descriptor, names: ["docker.io/library/hello:latest"], platform: image.platform },
      ]);
    }
  });

  it("reads several images, and an index with all its platforms", async () => {
    const content = createMemoryContentStore();
    const amd64 = await sampleImage(content, { layers: [{ a: "amd64" }] });
    const arm = { architecture: "arm", os: "linux", variant: "v6" };
    const arm6 = await sampleImage(content, { layers: [{ a: "arm" }], platform: arm });
    const index = await sampleIndex([amd64, arm6], ["multi"]);
    const plain = await sampleImage(content, { names: ["plain"], docker: true });
    const { images } = await read(await archiveFiles([index, plain]));
    expect(images.map(({ descriptor, names }) => [descriptor.digest, names])).toEqual([
      [index.descriptor.digest, ["docker.io/library/multi:latest"]],
      [plain.descriptor.digest, ["docker.io/library/plain:latest"]],
    ]);
    expect(images[0]?.manifests.map(({ platform }) => platform)).toEqual([amd64.platform, arm]);
    expect(resolveImage(images, { name: "multi", platform: arm }).manifest.config).toEqual(arm6.config);
  });

  it("takes the entries in any order and the bytes in any pieces, compressed as a whole or not", async () => {
    const image = await sampleImage(createMemoryContentStore(), { names: ["hello"] });
    const archives: Readonly<Record<string, Files>> = {
      both: await archiveFiles(image),
      docker: await archiveFiles(image, { format: "docker" }),
    };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("both", "docker"),
        fc.array(fc.nat(), { minLength: 10, maxLength: 10 }),
        fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (format, keys, sizes, compressed) => {
          const files = archives[format] ?? [];
          const order = files.map((file, i) => ({ file, key: keys[i] ?? 0 })).sort((a, b) => a.key - b.key);
          const tar = await archiveOf(order.map(({ file }) => file));
          const bytes = compressed ? await readAll(gzip(tar), LIMIT) : tar;
          const images = await readArchive(inPieces(bytes, sizes), createMemoryContentStore());
          expect(images).toMatchObject([{ descriptor: image.descriptor, names: ["docker.io/library/hello:latest"] }]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("round trips images of every shape with the same digests", async () => {
    const layer = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string({ unit: "binary" }), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ layers: fc.array(layer, { maxLength: 3 }), docker: fc.boolean() }), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.constantFrom("both", "oci", "docker"),
        async (shapes, format) => {
          const content = createMemoryContentStore();
          const images = [];
          for (const [i, shape] of shapes.entries()) {
            images.push(await sampleImage(content, { ...shape, names: [`image${i}`] }));
          }
          const back = (await read(await archiveFiles(images, { format }))).images;
          for (const [i, { config, diffIDs, descriptor }] of images.entries()) {
            const { image, manifest } = resolveImage(back, { name: `image${i}` });
            expect(manifest.config.digest).toBe(config.digest);
            expect(manifest.diffIDs).toEqual(diffIDs);
            if (format !== "docker") expect(image.descriptor.digest).toBe(descriptor.digest);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("keeps only what an image needs", async () => {
    const image = await sampleImage(createMemoryContentStore());
    const stray = await sampleTar({ stray: "file" });
    for (const format of ["both", "docker"] as const) {
      const files = await archiveFiles(image, { format });
      const { content } = await read(replaced(files, { "stray.tar": stray, "a/VERSION": "1.0", x: { type: "fifo" } }));
      expect(await storedDigests(content)).toEqual(await storedDigests(image.content));
    }
  });

  it("leaves what the store had before", async () => {
    const image = await sampleImage(createMemoryContentStore());
    const content = createMemoryContentStore();
    const [layer] = image.layers;
    if (layer === undefined) throw new Error("no layer");
    await writeBlob(content, await blobBytes(image.content, layer.digest));
    const other = await writeBlob(content, new TextEncoder().encode("other"));
    const before = await storedDigests(content);
    const files = await archiveFiles(image);
    const path = `blobs/sha256/${digestHex(image.config.digest)}`;
    await expect(read(replaced(files, { [path]: undefined }), content)).rejects.toThrow();
    expect(await storedDigests(content)).toEqual(before);
    await read(files, content);
    expect(await storedDigests(content)).toEqual([...(await storedDigests(image.content)), other.digest].sort());
  });

  it("leaves nothing when it is aborted in the middle", async () => {
    const image = await sampleImage(createMemoryContentStore());
    const content = createMemoryContentStore();
    const controller = new AbortController();
    const reason = new Error("enough");
    const tar = await archiveOf(await archiveFiles(image));
    const source = (function* () {
      yield tar.subarray(0, tar.byteLength - 2000);
      controller.abort(reason);
      yield tar.subarray(tar.byteLength - 2000);
    })();
    await expect(readArchive(source, content, { signal: controller.signal })).rejects.toBe(reason);
    expect(await storedDigests(content)).toEqual([]);
    for await (const status of content.statuses()) expect.unreachable(`${status.ref} is left`);
  });

  describe("of other writers", () => {
    const docker = async (options?: WriteArchiveOptions & { readonly source?: ArchiveSource }) => {
      const image = await sampleImage(createMemoryContentStore(), {
        compression: "uncompressed",
        names: ["hello:1"],
        layers: [{ a: "1" }, { b: "2" }, { a: "1" }],
      });
      const tars = await Promise.all(image.layers.map(({ digest }) => blobBytes(image.content, digest)));
      const config = await blobBytes(image.content, image.config.digest);
      return { image, tars, config, options };
    };

    it("follows the links that stand for layers which are there already", async () => {
      const { image, tars, config } = await docker();
      const name = `${digestHex(image.config.digest)}.json`;
      const layers = ["one/layer.tar", "two/layer.tar", "three/layer.tar"];
      const [one, two, three] = layers as [string, string, string];
      const common: Files = [
        [two, tars[1] ?? ""],
        [name, config],
        ["one", { type: "directory" }],
        ["one/VERSION", "1.0"],
        ["manifest.json", JSON.stringify([{ Config: name, RepoTags: ["hello:1"], Layers: layers }])],
        ["repositories", "{}"],
      ];
      for (const link of [
        { type: "symlink" as const, linkName: "../one/layer.tar" },
        { type: "symlink" as const, linkName: "./.././one//layer.tar" },
        { type: "link" as const, linkName: "one/layer.tar" },
      ]) {
        const { images } = await read([[three, link], [one, tars[0] ?? ""], ...common]);
        expect(images).toMatchObject([{ descriptor: image.descriptor, names: ["docker.io/library/hello:1"] }]);
      }
      const chain: Files = [
        [one, tars[0] ?? ""],
        ["x", { type: "symlink", linkName: "one/layer.tar" }],
        [three, { type: "symlink", linkName: "../x" }],
        ...common,
      ];
      expect((await read(chain)).images).toMatchObject([{ descriptor: image.descriptor }]);
    });

    it("takes a layout whose names begin with ./ and whose ref names are skopeo's", async () => {
      const image = await sampleImage(createMemoryContentStore());
      for (const [refName, names, tags] of [
        ["hello:1", ["docker.io/library/hello:1"], []],
        ["example.com/a:b", ["example.com/a:b"], []],
        ["1.0", [], ["1.0"]],
        ["Not A:Name", [], ["Not A:Name"]],
      ] as const) {
        const files = await archiveFiles(image, { format: "oci" });
        const index = changedJson(files, "index.json", (document: { manifests: object[] }) => ({
          ...document,
          manifests: document.manifests.map((entry) => ({
            ...entry,
            annotations: { "org.opencontainers.image.ref.name": refName, other: "1" },
          })),
        }));
        const dotted = replaced(files, { "index.json": index }).map(([name, file]) => [`./${name}`, file] as const);
        const { images } = await read([["./", { type: "directory" }], ...dotted]);
        expect(images).toMatchObject([{ names, tags, descriptor: { annotations: { other: "1" } } }]);
        expect(resolveImage(images, { name: refName }).manifest.descriptor.digest).toBe(image.descriptor.digest);
      }
    });

    it("takes the names of manifest.json where index.json has none", async () => {
      const image = await sampleImage(createMemoryContentStore());
      const files = await archiveFiles(image);
      const docker = changedJson(files, "manifest.json", ([entry]: [object]) => [{ ...entry, RepoTags: ["hello:3"] }]);
      const { images } = await read(replaced(files, { "manifest.json": docker }));
      expect(images).toMatchObject([{ names: ["docker.io/library/hello:3"] }]);
    });

    it("takes an index that names platforms which are not there if that is allowed", async () => {
      const content = createMemoryContentStore();
      const amd64 = await sampleImage(content);
      const arm64 = await sampleImage(content, {
        platform: { architecture: "arm64", os: "linux" },
        layers: [{ c: "3" }],
      });
      const files = await archiveFiles(await sampleIndex([amd64, arm64], ["multi"]));
      const path = (digest: `${"sha256" | "sha512"}:${string}`): string => `blobs/sha256/${digestHex(digest)}`;
      for (const missing of [arm64.descriptor.digest, arm64.layers[0]?.digest ?? arm64.config.digest]) {
        const archive = await archiveOf(replaced(files, { [path(missing)]: undefined }));
        await expect(readArchive(archive, createMemoryContentStore())).rejects.toMatchObject({
          code: "INVALID_ARCHIVE",
          message: expect.stringContaining(missing),
        });
        const images = await readArchive(archive, createMemoryContentStore(), { allowMissingPlatforms: true });
        expect(images.map(({ manifests }) => manifests.map(({ config }) => config.digest))).toEqual([
          [amd64.config.digest],
        ]);
      }
    });
  });
});
