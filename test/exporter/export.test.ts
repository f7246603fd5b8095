import { describe, expect, it } from "vitest";
import { readAll } from "../../src/bytes.ts";
import { decompress } from "../../src/compress/index.ts";
import { createMemoryContentStore, readBlob, readBlobBytes } from "../../src/content/index.ts";
import { applyLayer } from "../../src/diff/index.ts";
import { createExporter } from "../../src/exporter/create-exporter.ts";
import { digestOf } from "../../src/hash/index.ts";
import { parseIndex } from "../../src/oci/image-index.ts";
import { createSnapshotter, walkTree } from "../../src/snapshots/index.ts";
import { documentsOf, openHouse, progressLog, textOf, threeRefs } from "./support.ts";

describe("an export", () => {
  it("is made by an instance that is named as BuildKit's", () => {
    expect(openHouse().exporter.resolve().name).toBe("exporting to image");
  });

  it.each(["gzip", "uncompressed"] as const)(
    "of a chain never mixes up digest and diffID (%s)",
    async (compression) => {
      const house = openHouse();
      const [, , top] = await threeRefs(house);
      const image = await house.exporter.resolve({ compression }).export(top);
      const [exported] = image.manifests;
      if (!exported) throw new Error("no manifest");
      const { manifest, config } = await documentsOf(house.content, exported);

      expect(manifest.layers).toHaveLength(3);
      expect(config.rootfs.diff_ids).toHaveLength(3);
      for (const [index, layer] of manifest.layers.entries()) {
        const blob = await readAll(readBlob(house.content, layer), 1e6);
        const tar = await readAll(decompress(blob), 1e6);
        expect(layer.digest).toBe(digestOf(blob));
        expect(layer.size).toBe(blob.byteLength);
        expect(config.rootfs.diff_ids[index]).toBe(digestOf(tar));
        expect(layer.digest === config.rootfs.diff_ids[index]).toBe(compression === "uncompressed");
        expect(layer.mediaType).toMatch(compression === "gzip" ? /layer\.v1\.tar\+gzip$/ : /layer\.v1\.tar$/);
        expect(exported.layers[index]).toMatchObject({ descriptor: layer, diffID: config.rootfs.diff_ids[index] });
      }
      expect(config.history).toHaveLength(3);
    },
  );

  it("gives layers that, applied one after the other, are the last tree", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const image = await house.exporter.resolve().export(top);

    const other = createSnapshotter({ content: house.content });
    const work = await other.prepare("flattened");
    for (const { descriptor } of image.manifests[0]?.layers ?? []) {
      await applyLayer(work, readBlob(house.content, descriptor), { contents: "store" });
    }
    const list = async (tree: Awaited<ReturnType<typeof top.tree>>) =>
      [...walkTree(tree)].map(({ path, node }) => {
        if (node.type === "directory") return [path, node.mode];
        const { inode: _, ...rest } = node as typeof node & { inode?: number };
        return [path, rest];
      });
    expect(await list(await work.tree())).toEqual(await list(await top.tree()));
  });

  it("writes the documents as BuildKit does: config compact, manifest indented, each with its media type", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const image = await house.exporter.resolve().export(top);
    const text = await textOf(house.content, image.descriptor);
    expect(text).toBe(JSON.stringify(JSON.parse(text), null, 2));
    expect(Object.keys(JSON.parse(text))).toEqual(["schemaVersion", "mediaType", "config", "layers"]);
    expect(image.descriptor.mediaType).toBe("application/vnd.oci.image.manifest.v1+json");
    const [exported] = image.manifests;
    expect(exported?.config.mediaType).toBe("application/vnd.oci.image.config.v1+json");
    const config = exported && (await textOf(house.content, exported.config));
    expect(config).toBe(JSON.stringify(JSON.parse(config ?? "")));
  });

  it("has Docker's media types if it is asked for them", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const image = await house.exporter.resolve({ "oci-mediatypes": "false" }).export(top);
    const manifest = JSON.parse(await textOf(house.content, image.descriptor));
    expect(manifest).toMatchObject({
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
      config: { mediaType: "application/vnd.docker.container.image.v1+json" },
    });
    for (const layer of manifest.layers) {
      expect(layer.mediaType).toBe("application/vnd.docker.image.rootfs.diff.tar.gzip");
    }
    expect(image.descriptor.mediaType).toBe(manifest.mediaType);
  });

  it("answers as BuildKit's exporter does", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const image = await house.exporter
      .resolve({ name: "app", "annotation-manifest-descriptor.emoji": "☃", "dangling-name-prefix": "dangling" })
      .export(top);
    expect(image.response).toEqual({
      "containerimage.digest": image.digest,
      "containerimage.config.digest": image.configDigest,
      "containerimage.descriptor": expect.any(String),
      "image.name": `docker.io/library/app:latest,dangling@${image.digest}`,
    });
    const descriptor = Buffer.from(image.response["containerimage.descriptor"] ?? "", "base64").toString("utf8");
    expect(JSON.parse(descriptor)).toEqual(image.descriptor);
    expect(image.descriptor).toMatchObject({
      annotations: { emoji: "☃" },
      platform: { os: "linux", architecture: "amd64" },
    });
    expect(image.names).toEqual(["docker.io/library/app:latest"]);
    expect(image.content).toBe(house.content);
  });

  it("without a ref or of an empty ref is an image without layers", async () => {
    const house = openHouse();
    const empty = await house.commit("empty", undefined, async () => undefined);
    for (const [source, history] of [
      [undefined, undefined],
      [empty, [{ created_by: "slipway", empty_layer: true }]],
    ] as const) {
      const image = await house.exporter.resolve().export(source, { config: { cmd: ["/x"] } });
      const [exported] = image.manifests;
      const documents = exported && (await documentsOf(house.content, exported));
      expect(documents?.manifest.layers).toEqual([]);
      expect(documents?.config.rootfs.diff_ids).toEqual([]);
      expect(documents?.config.history).toEqual(history);
    }
    expect(house.differ.count).toBe(0);
  });

  it("leaves out the layer of a ref that changed nothing, and says so in the history", async () => {
    const house = openHouse();
    await house.commit("a", undefined, (work) => work.writeFile("/a", "1"));
    await house.commit("same", "a", async (work) => {
      await work.writeFile("/b", "1");
      await work.remove("/b");
    });
    await house.commit("touched", "same", (work) => work.utimes("/a", 100));
    const top = await house.commit("c", "touched", (work) => work.writeFile("/c", "1"));
    const image = await house.exporter.resolve({ mtimeChanges: false }).export(top);
    const [exported] = image.manifests;
    const documents = exported && (await documentsOf(house.content, exported));
    expect(documents?.manifest.layers).toHaveLength(2);
    expect(documents?.config.rootfs.diff_ids).toHaveLength(2);
    expect(documents?.config.history?.map(({ empty_layer }) => empty_layer === true)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it("puts annotations on the manifest and its descriptor", async () => {
    const house = openHouse();
    const image = await house.exporter
      .resolve({ "annotation.b": "2", "annotation[linux/amd64].a": "1", "annotation-manifest-descriptor.c": "3" })
      .export(undefined);
    expect(JSON.parse(await textOf(house.content, image.descriptor)).annotations).toEqual({ a: "1", b: "2" });
    expect(image.descriptor.annotations).toEqual({ c: "3" });
    await expect(house.exporter.resolve({ "annotation-index.a": "1" }).export(undefined)).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });

  it("says of unfit entries what was left out, also when the layer is not made anew", async () => {
    const house = openHouse();
    const ref = await house.commit("a", undefined, async (work) => {
      await work.writeFile("/a", "1");
      await work.mknod("/socket", "socket");
    });
    for (let run = 0; run < 2; run++) {
      const warnings: string[] = [];
      await house.exporter.resolve({ onWarning: (message) => warnings.push(message) }).export(ref);
      expect(warnings).toEqual([expect.stringContaining("/socket")]);
    }
    expect(house.differ.count).toBe(1);
  });
});

describe("the same export", () => {
  it("gives the same bytes again, in other stores too", async () => {
    const digests: string[] = [];
    for (let run = 0; run < 2; run++) {
      const house = openHouse();
      const [, , top] = await threeRefs(house);
      for (let again = 0; again < 2; again++) digests.push((await house.exporter.resolve().export(top)).digest);
    }
    expect(new Set(digests).size).toBe(1);
  });

  it("later diffs only the ref that is new, and reads no other ref's files", async () => {
    const house = openHouse();
    const [, middle, top] = await threeRefs(house);
    const before = progressLog();
    await house.exporter.resolve().export(middle, before);
    expect(house.differ.count).toBe(2);

    house.content.opened.length = 0;
    const { events, onProgress, find } = progressLog();
    const image = await house.exporter.resolve().export(top, { onProgress });
    expect(house.differ.count).toBe(3);
    const changed = new Set(
      [...walkTree(await top.tree())]
        .filter(({ path }) => ["/app/main.js", "/bin/tool"].includes(path))
        .map(({ node }) => (node.type === "file" ? node.content : "")),
    );
    expect(new Set(house.content.opened)).toEqual(changed);
    expect(image.manifests[0]?.layers.map(({ cached }) => cached)).toEqual([true, true, false]);
    expect(find(/layer 1\/3/, "completed")).toMatchObject({ cached: true });
    expect(events.find(({ id, state }) => id === "layer 3/3" && state === "completed")?.cached).toBeUndefined();
  });

  it("by another exporter on the same stores, with other snapshots of equal trees, makes nothing anew", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const first = await house.exporter.resolve().export(top);
    const copy = createSnapshotter({ content: house.content });
    const again = openHouse({
      content: house.content,
      metadata: house.metadata,
      snapshots: copy,
      differ: house.differ,
    });
    const refs = await threeRefs({ ...again, commit: commitWith(copy) });
    const second = await again.exporter.resolve().export(refs[2]);
    expect(second.digest).toBe(first.digest);
    expect(house.differ.count).toBe(3);
  });

  it("with other options makes other layers", async () => {
    const house = openHouse();
    const [base] = await threeRefs(house);
    const digests = new Set<string>();
    for (const options of [
      {},
      { compression: "uncompressed" },
      { compressionLevel: 1 },
      { sourceDateEpoch: -1 },
    ] as const) {
      const image = await house.exporter.resolve(options).export(base);
      digests.add(image.manifests[0]?.layers[0]?.descriptor.digest ?? "");
    }
    expect(digests.size).toBe(4);
    expect(house.differ.count).toBe(4);
  });

  it("makes a layer again whose blob is gone, or whose record is spoilt", async () => {
    const house = openHouse();
    const [base] = await threeRefs(house);
    const image = await house.exporter.resolve().export(base);
    const layer = image.manifests[0]?.layers[0]?.descriptor;
    if (!layer) throw new Error("no layer");
    await house.content.delete(layer.digest);
    expect((await house.exporter.resolve().export(base)).digest).toBe(image.digest);
    expect(house.differ.count).toBe(2);
    for (const key of await house.metadata.keys("layers/")) await house.metadata.set(key, new Uint8Array([123]));
    expect((await house.exporter.resolve().export(base)).digest).toBe(image.digest);
    expect(house.differ.count).toBe(3);
    await expect(readBlobBytes(house.content, layer)).resolves.toBeDefined();
  });

  it("with a choice of xattrs of the caller's own is not mistaken for another choice", async () => {
    const house = openHouse();
    const ref = await house.commit("a", undefined, async (work) => {
      await work.writeFile("/a", "1", { xattrs: { "user.a": "1", "user.b": "1" } });
    });
    const digests = new Set<string>();
    for (const xattrs of [() => true, () => false, (name: string) => name === "user.a"]) {
      digests.add((await house.exporter.resolve({ xattrs }).export(ref)).digest);
    }
    expect(digests.size).toBe(3);
  });
});

describe("a multi-platform export", () => {
  it("is an index of its manifests, in the order given", async () => {
    const house = openHouse();
    const [base, , top] = await threeRefs(house);
    const log = progressLog();
    const image = await house.exporter
      .resolve({ "annotation-index.i": "1", "annotation[linux/arm/v7].m": "2" })
      .export(
        [
          { platform: { os: "linux", architecture: "arm", variant: "v7" }, ref: base, config: { cmd: ["arm"] } },
          { platform: { os: "linux", architecture: "amd64" }, ref: top },
          { platform: { os: "linux", architecture: "s390x" } },
        ],
        { config: { cmd: ["any"] }, onProgress: log.onProgress },
      );
    expect(image.descriptor.mediaType).toBe("application/vnd.oci.image.index.v1+json");
    expect(image.configDigest).toBeUndefined();
    expect(image.response).not.toHaveProperty("containerimage.config.digest");
    const index = parseIndex(await readBlobBytes(house.content, image.descriptor));
    expect(index).toMatchObject({ mediaType: image.descriptor.mediaType, annotations: { i: "1" } });
    expect(index.manifests).toEqual(image.manifests.map(({ descriptor }) => descriptor));
    expect(index.manifests.map(({ platform }) => platform)).toEqual([
      { os: "linux", architecture: "arm", variant: "v7" },
      { os: "linux", architecture: "amd64" },
      { os: "linux", architecture: "s390x" },
    ]);
    const commands: unknown[] = [];
    for (const exported of image.manifests) {
      const { manifest, config } = await documentsOf(house.content, exported);
      commands.push(config.config?.Cmd);
      expect(config.architecture).toBe(exported.platform.architecture);
      expect(manifest.annotations).toEqual(config.architecture === "arm" ? { m: "2" } : undefined);
    }
    expect(commands).toEqual([["arm"], ["any"], ["any"]]);
    expect(log.ended().filter((name) => !name.includes("layer"))).toHaveLength(7);
    expect(log.ended()).toContain(`exporting manifest list ${image.digest}`);
    // The base is in both chains, and was made once.
    expect(house.differ.count).toBe(3);
  });

  it("of one platform is an index, too", async () => {
    const house = openHouse();
    const image = await house.exporter.resolve().export([{ platform: { os: "linux", architecture: "amd64" } }]);
    expect(image.descriptor.mediaType).toMatch(/index/);
  });

  it("has Docker's manifest list by option", async () => {
    const house = openHouse();
    const platform = { os: "linux", architecture: "amd64" };
    const image = await house.exporter.resolve({ ociMediatypes: false }).export([{ platform }]);
    expect(image.descriptor.mediaType).toBe("application/vnd.docker.distribution.manifest.list.v2+json");
  });

  it("refuses a platform twice, none at all, and options that belong to one platform", async () => {
    const { exporter } = openHouse();
    const job = exporter.resolve();
    const platform = { os: "linux", architecture: "amd64" };
    await expect(job.export([{ platform }, { platform: { os: "linux", architecture: "x86_64" } }])).rejects.toThrow(
      /linux\/amd64 twice/,
    );
    await expect(job.export([])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(job.export([{ platform }], { platform })).rejects.toThrow(/option platform/);
  });
});

describe("progress", () => {
  it("has a step for layers with one for each of them, for config, manifest and names", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const log = progressLog();
    const image = await house.exporter.resolve({ name: "a,b" }).export(top, { onProgress: log.onProgress });
    const layers = image.manifests[0]?.layers.map(({ descriptor }) => descriptor.digest) ?? [];
    const ended = log.ended();
    expect([...ended.slice(0, 3)].sort()).toEqual([
      `exporting layer 1/3 ${layers[0]}`,
      `exporting layer 2/3 ${layers[1]}`,
      `exporting layer 3/3 ${layers[2]}`,
    ]);
    expect(ended.slice(3)).toEqual([
      "exporting layers",
      `exporting config ${image.configDigest}`,
      `exporting manifest ${image.digest}`,
      "naming to docker.io/library/a:latest",
      "naming to docker.io/library/b:latest",
    ]);
    const children = log.events.filter(({ id }) => id.startsWith("layer "));
    expect(children.every(({ parent }) => parent === "exporting layers")).toBe(true);
    expect(log.find(/layer 1\/3/, "running")).toMatchObject({
      current: expect.any(Number),
      total: expect.any(Number),
    });
  });

  it("sets the error on the step that failed", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const error = new Error("disk on fire");
    house.differ.before = async () => {
      if (house.differ.count === 2) throw error;
    };
    const log = progressLog();
    await expect(house.exporter.resolve().export(top, { onProgress: log.onProgress })).rejects.toBe(error);
    expect(log.find(/^exporting layers$/, "failed")?.error).toBe(error);
    const failed = log.events.filter(
      ({ state, id, error: why }) => state === "failed" && id !== "exporting layers" && why === error,
    );
    expect(failed).toHaveLength(1);
    expect(log.find(/config|manifest|naming/)).toBeUndefined();
  });
});

function commitWith(snapshots: ReturnType<typeof createSnapshotter>) {
  return async (
    name: string,
    parent: string | undefined,
    edit: Parameters<ReturnType<typeof openHouse>["commit"]>[2],
  ) => {
    await edit(await snapshots.prepare(`work-${name}`, parent));
    return await snapshots.commit(name, `work-${name}`);
  };
}

describe("an exporter without stores of its own", () => {
  it("needs only contents and snapshots", async () => {
    const content = createMemoryContentStore();
    const snapshots = createSnapshotter({ content });
    await (await snapshots.prepare("w")).writeFile("/a", "1");
    const ref = await snapshots.commit("a", "w");
    const image = await createExporter({ content, snapshots }).resolve().export(ref);
    expect(image.manifests[0]?.layers).toHaveLength(1);
    expect(image.names).toEqual([]);
  });
});
