import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flattenImage, verifyImage } from "../../src/archive/index.ts";
import { type ContentStore, createMemoryContentStore } from "../../src/content/index.ts";
import { createLayer, mutateImage, readBaseAnnotations, rebaseImage } from "../../src/mutate/index.ts";
import { DOCKER_TYPES, type History, OCI_TYPES, parseDigest, type RuntimeConfig } from "../../src/oci/index.ts";
import { type SampleImage, type SampleLayer, sampleTar, storeWith } from "../support/sample-image.ts";
import {
  AMD64,
  ARM64,
  attestation,
  configOf,
  type DetailedOptions,
  detailedImage,
  indexOf,
  manifestOf,
  putIndex,
  RISCV,
} from "./support.ts";

const BASE_DIGEST = "org.opencontainers.image.base.digest";
const BASE_NAME = "org.opencontainers.image.base.name";

/** An image on a base, as a builder makes it. */
async function builtOn(
  content: ContentStore,
  base: SampleImage,
  layers: readonly SampleLayer[],
  config: Parameters<typeof mutateImage>[1]["config"] = {},
) {
  const appended = [];
  for (const files of layers) appended.push(await createLayer(await sampleTar(files), { content }));
  const image = await mutateImage(base, { layers: appended, config }, { content });
  return { ...image, layers: appended.map(({ descriptor }) => descriptor) };
}

async function bases(content: ContentStore, options: DetailedOptions = {}) {
  const old = await detailedImage(content, {
    layers: [{ "etc/version": "1\n", "etc/gone": "x" }, { "bin/sh": "sh 1" }],
    config: { Env: ["PATH=/bin", "BASE=1"], Cmd: ["sh"], Labels: { base: "1", common: "c" } },
    history: [{ created_by: "ADD rootfs 1" }, { created_by: "ENV 1", empty_layer: true }, { created_by: "ADD sh 1" }],
    ...options,
  });
  const next = await detailedImage(content, {
    layers: [{ "etc/version": "2\n" }, { "bin/sh": "sh 2" }, { "bin/more": "more" }],
    config: { Env: ["PATH=/usr/bin:/bin", "NEW=2"], Cmd: ["bash"], Labels: { base: "2", common: "c" }, User: "nobody" },
    history: [{ created_by: "ADD rootfs 2" }, { created_by: "ADD sh 2" }, { created_by: "ADD more" }],
    ...options,
  });
  return { old, next };
}

describe("rebaseImage", () => {
  it("puts the image's own layers onto the new base, and reads none", async () => {
    const from = createMemoryContentStore();
    const { old, next } = await bases(from);
    const image = await builtOn(from, old, [{ "app/run": "run" }, { "etc/.wh.version": "" }]);
    const layers = new Set([...old.layers, ...next.layers, ...image.layers].map(({ digest }) => digest));
    const content = storeWith(from, {
      open(digest, range) {
        if (layers.has(digest)) throw new Error(`layer ${digest} is read`);
        return from.open(digest, range);
      },
    });
    const rebase = { image: { ...image, content }, oldBase: { ...old, content }, newBase: { ...next, content } };
    const rebased = await rebaseImage(rebase, { content: createMemoryContentStore() });
    expect((await manifestOf(rebased)).layers).toEqual([...next.layers, ...image.layers]);
    const { diff_ids: ids } = (await configOf(rebased)).rootfs;
    expect(ids.slice(0, 3)).toEqual(next.diffIDs);
    expect(ids.slice(3)).toEqual((await configOf(image)).rootfs.diff_ids.slice(2));
  });

  it("has the files of the new base and of the image's own layers", async () => {
    const [one, two, three] = [createMemoryContentStore(), createMemoryContentStore(), createMemoryContentStore()];
    const { old } = await bases(one);
    const { next } = await bases(two);
    const image = await builtOn(one, old, [{ "app/run": "run" }, { "bin/.wh.sh": "" }]);
    const rebased = await rebaseImage({ image, oldBase: old, newBase: next }, { content: three });
    const files = createMemoryContentStore();
    const tree = await flattenImage(rebased.content, rebased.descriptor, { files });
    const expected = await builtOn(two, next, [{ "app/run": "run" }, { "bin/.wh.sh": "" }]);
    const { root } = await flattenImage(expected.content, expected.descriptor, { files });
    expect(tree.root.digest).toBe(root.digest);
    expect([...root.entries.keys()]).toEqual(["app", "bin", "etc"]);
    await verifyImage(rebased.content, rebased.descriptor, { diffIDs: true });
  });

  it("takes from the new base what came from the old one, and keeps the image's own", async () => {
    const from = createMemoryContentStore();
    const { old, next } = await bases(from);
    const config = { env: { APP: "yes", BASE: "own" }, labels: { common: "own", app: "a" }, exposedPorts: ["80"] };
    const image = await builtOn(from, old, [{ app: "1" }], config);
    const rebased = await rebaseImage({ image, oldBase: old, newBase: next }, { content: from });
    expect((await configOf(rebased)).config).toEqual({
      Env: ["PATH=/usr/bin:/bin", "NEW=2", "BASE=own", "APP=yes"],
      Cmd: ["bash"],
      Labels: { base: "2", common: "own", app: "a" },
      User: "nobody",
      ExposedPorts: { "80/tcp": {} },
    });
  });

  it("gives the new base's arguments to no entrypoint but a base's", async () => {
    const from = createMemoryContentStore();
    const { old, next } = await bases(from);
    const own = await builtOn(from, old, [], { entrypoint: ["/app"] });
    const { config } = await configOf(
      await rebaseImage({ image: own, oldBase: old, newBase: next }, { content: from }),
    );
    expect(config).toMatchObject({ Entrypoint: ["/app"] });
    expect(config?.Cmd).toBeUndefined();
    const withEntrypoint = await detailedImage(from, { config: { Entrypoint: ["/init"], Cmd: ["start"] } });
    const cmd = await builtOn(from, old, [], { cmd: ["serve"] });
    const rebased = await rebaseImage({ image: cmd, oldBase: old, newBase: withEntrypoint }, { content: from });
    expect((await configOf(rebased)).config).toMatchObject({ Entrypoint: ["/init"], Cmd: ["serve"] });
  });

  it("keeps what the image took out of its base's config", async () => {
    const from = createMemoryContentStore();
    const { old, next } = await bases(from);
    const image = await builtOn(from, old, [], (config) => ({ ...config, config: { Labels: { common: "c" } } }));
    const rebased = await rebaseImage({ image, oldBase: old, newBase: next }, { content: from });
    expect((await configOf(rebased)).config).toEqual({ Env: ["NEW=2"], Labels: { common: "c" }, User: "nobody" });
  });

  it("joins the histories, steps without a layer too", async () => {
    const from = createMemoryContentStore();
    const { old, next } = await bases(from);
    const history = [
      { createdBy: "ENV app", emptyLayer: true },
      { createdBy: "COPY app" },
      { createdBy: "CMD app", emptyLayer: true },
    ];
    const image = await builtOn(from, old, [{ app: "1" }], { history });
    const rebased = await configOf(await rebaseImage({ image, oldBase: old, newBase: next }, { content: from }));
    expect(rebased.history).toEqual([
      { created_by: "ADD rootfs 2" },
      { created_by: "ADD sh 2" },
      { created_by: "ADD more" },
      { created_by: "ENV app", empty_layer: true },
      { created_by: "COPY app" },
      { created_by: "CMD app", empty_layer: true },
    ]);
  });

  it("accounts for layers whose history is missing or does not fit the base's", async () => {
    const from = createMemoryContentStore();
    const { old, next } = await bases(from);
    const built = await builtOn(from, old, [{ app: "1" }]);
    const histories: readonly (readonly History[] | undefined)[] = [
      undefined,
      [],
      [{ created_by: "squashed" }, { created_by: "base" }, { created_by: "app" }],
      [{ created_by: "base" }, { created_by: "x", empty_layer: true }],
    ];
    const own = [["layer without history"], ["layer without history"], ["app"], ["layer without history"]];
    for (const [at, history] of histories.entries()) {
      const image = await mutateImage(
        built,
        { config: ({ history: _, ...config }) => ({ ...config, ...(history && { history }) }) },
        { content: from },
      );
      const rebased = await configOf(await rebaseImage({ image, oldBase: old, newBase: next }, { content: from }));
      const { history: joined = [] } = rebased;
      expect(joined.filter((entry) => entry.empty_layer !== true)).toHaveLength(rebased.rootfs.diff_ids.length);
      expect(joined.slice(3).map(({ comment, created_by: by }) => comment ?? by)).toEqual(own[at]);
    }
  });

  it("says on what it is based, and can be asked", async () => {
    const from = createMemoryContentStore();
    const { old, next } = await bases(from);
    const image = await builtOn(from, old, [{ app: "1" }]);
    expect(await readBaseAnnotations(image)).toEqual({});
    const options = { content: from };
    const first = await rebaseImage({ image, oldBase: old, newBase: next, newBaseName: "debian" }, options);
    expect((await manifestOf(first)).annotations).toEqual({
      [BASE_DIGEST]: next.descriptor.digest,
      [BASE_NAME]: "docker.io/library/debian:latest",
    });
    expect(await readBaseAnnotations(first)).toEqual({
      name: "docker.io/library/debian:latest",
      digest: next.descriptor.digest,
    });
    const back = await rebaseImage({ image: first, oldBase: next, newBase: old }, options);
    expect(await readBaseAnnotations(back)).toEqual({
      name: "docker.io/library/debian:latest",
      digest: old.descriptor.digest,
    });
    expect((await manifestOf(back)).config).toEqual((await manifestOf(image)).config);
  });

  it("puts an image that was based on nothing onto a base, below what it has", async () => {
    const from = createMemoryContentStore();
    const { next } = await bases(from);
    const image = await detailedImage(from, { layers: [{ app: "1" }], config: { Cmd: ["/app"] } });
    const rebased = await rebaseImage({ image, oldBase: "scratch", newBase: next }, { content: from });
    expect((await manifestOf(rebased)).layers).toEqual([...next.layers, ...image.layers]);
    expect((await configOf(rebased)).config).toMatchObject({ Cmd: ["/app"], User: "nobody" });
  });

  it("knows a base by what is in its layers, however they are compressed", async () => {
    const from = createMemoryContentStore();
    const { old, next } = await bases(from);
    const plain = await bases(from, { compression: "uncompressed" });
    const image = await builtOn(from, old, [{ app: "1" }]);
    const rebased = await rebaseImage({ image, oldBase: plain.old, newBase: next }, { content: from });
    expect((await manifestOf(rebased)).layers).toEqual([...next.layers, ...image.layers]);
  });

  it("writes layers of a base in the words of the image's kind", async () => {
    const from = createMemoryContentStore();
    const { old } = await bases(from);
    const docker = await bases(from, { docker: true });
    const image = await builtOn(from, old, [{ app: "1" }]);
    const oci = await manifestOf(await rebaseImage({ image, oldBase: old, newBase: docker.next }, { content: from }));
    expect(new Set(oci.layers.map(({ mediaType }) => mediaType))).toEqual(new Set([OCI_TYPES.layerGzip]));
    const own = await builtOn(from, docker.old, [{ app: "1" }]);
    const { next } = await bases(from);
    const rebased = await rebaseImage({ image: own, oldBase: docker.old, newBase: next }, { content: from });
    expect(rebased.descriptor.mediaType).toBe(DOCKER_TYPES.manifest);
    expect(new Set((await manifestOf(rebased)).layers.map(({ mediaType }) => mediaType))).toEqual(
      new Set([DOCKER_TYPES.layerGzip]),
    );
  });

  it("names the first layer that is not the base's", async () => {
    const from = createMemoryContentStore();
    const { old, next } = await bases(from);
    const image = await builtOn(from, old, [{ app: "1" }]);
    const other = await detailedImage(from, { layers: [{ "etc/version": "1\n", "etc/gone": "x" }, { other: "1" }] });
    const content = createMemoryContentStore();
    await expect(rebaseImage({ image, oldBase: other, newBase: next }, { content })).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: expect.stringMatching(`layer 2 of that is ${other.diffIDs[1]}, and its own is ${old.diffIDs[1]}`),
    });
    await expect(rebaseImage({ image: old, oldBase: image, newBase: next }, { content })).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: expect.stringContaining("which has more layers: layer 3"),
    });
    for await (const { digest } of content.list()) expect(digest).toBeUndefined();
  });
});

describe("rebaseImage of an index", () => {
  async function multi(content: ContentStore) {
    const amd64 = await bases(content);
    const arm64 = await bases(content, { platform: ARM64 });
    const riscv = await bases(content, { platform: RISCV });
    const index = async (images: readonly (readonly [SampleImage, typeof AMD64])[]) => ({
      content,
      descriptor: await putIndex(content, {
        manifests: images.map(([{ descriptor }, platform]) => ({ ...descriptor, platform })),
      }),
    });
    const oldBase = await index([
      [riscv.old, RISCV],
      [amd64.old, AMD64],
      [arm64.old, ARM64],
    ]);
    const newBase = await index([
      [arm64.next, ARM64],
      [amd64.next, AMD64],
    ]);
    const one = await builtOn(content, amd64.old, [{ app: "amd64" }]);
    const two = await builtOn(content, arm64.old, [{ app: "arm64" }]);
    const image = {
      content,
      descriptor: await putIndex(content, {
        manifests: [
          { ...one.descriptor, platform: AMD64 },
          { ...two.descriptor, platform: ARM64 },
          await attestation(content, { ...amd64.old, descriptor: one.descriptor }),
        ],
        annotations: { [BASE_DIGEST]: oldBase.descriptor.digest },
      }),
    };
    return { amd64, arm64, riscv, oldBase, newBase, image, one, two };
  }

  it("puts each image onto the base for its platform", async () => {
    const content = createMemoryContentStore();
    const { amd64, arm64, oldBase, newBase, image, one, two } = await multi(content);
    const warnings: string[] = [];
    const options = { content, onWarning: (message: string) => warnings.push(message) };
    const rebased = await rebaseImage({ image, oldBase, newBase, newBaseName: "base:2" }, options);
    const { manifests, annotations } = await indexOf(rebased);
    expect(manifests.map(({ platform }) => platform)).toEqual([AMD64, ARM64]);
    const [first, second] = await Promise.all(manifests.map((descriptor) => manifestOf({ content, descriptor })));
    expect(first?.layers).toEqual([...amd64.next.layers, ...one.layers]);
    expect(second?.layers).toEqual([...arm64.next.layers, ...two.layers]);
    expect(first?.annotations?.[BASE_DIGEST]).toBe(newBase.descriptor.digest);
    expect(annotations).toEqual({
      [BASE_DIGEST]: newBase.descriptor.digest,
      [BASE_NAME]: "docker.io/library/base:2",
    });
    expect(await readBaseAnnotations(rebased)).toMatchObject({ digest: newBase.descriptor.digest });
    expect(warnings).toEqual([expect.stringContaining(one.descriptor.digest)]);
    await verifyImage(rebased.content, rebased.descriptor, { diffIDs: true });
  });

  it("refuses a base that lacks a platform", async () => {
    const content = createMemoryContentStore();
    const { amd64, oldBase, newBase, image } = await multi(content);
    await expect(rebaseImage({ image, oldBase, newBase: amd64.next }, { content })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("linux/arm64: it is for linux/amd64"),
    });
    await expect(rebaseImage({ image, oldBase: amd64.old, newBase }, { content })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });
});

describe("readBaseAnnotations", () => {
  it("reads those of the first image that has them, where an index says nothing", async () => {
    const content = createMemoryContentStore();
    const digest = parseDigest(`sha256:${"a".repeat(64)}`);
    const plain = await detailedImage(content);
    const based = await detailedImage(content, { platform: ARM64, annotations: { [BASE_DIGEST]: digest } });
    const descriptor = await putIndex(content, {
      manifests: [await attestation(content, plain), plain.descriptor, based.descriptor],
    });
    expect(await readBaseAnnotations({ content, descriptor })).toEqual({ digest });
    const wrong = await detailedImage(content, { annotations: { [BASE_DIGEST]: "latest" } });
    await expect(readBaseAnnotations(wrong)).rejects.toMatchObject({ code: "INVALID_DIGEST" });
  });
});

const word = fc.constantFrom("a", "b", "c");
const layers = (minimum: number) => fc.array(fc.dictionary(word, word), { minLength: minimum, maxLength: 3 });
const runtime: fc.Arbitrary<RuntimeConfig> = fc.record(
  {
    Env: fc
      .uniqueArray(fc.tuple(word, word), { selector: ([key]) => key, minLength: 1 })
      .map((pairs) => pairs.map(([key, value]) => `${key}=${value}`)),
    Cmd: fc.array(word, { minLength: 1, maxLength: 2 }),
    Entrypoint: fc.array(word, { minLength: 1, maxLength: 2 }),
    Labels: fc.dictionary(word, word, { minKeys: 1 }),
    User: word,
    Volumes: fc.dictionary(word, fc.constant({}), { minKeys: 1 }),
  },
  { requiredKeys: [] },
);
const steps = (count: number): fc.Arbitrary<History[]> =>
  fc
    .array(fc.nat({ max: 2 }), { minLength: count + 1, maxLength: count + 1 })
    .map((empties) =>
      empties.flatMap((empty, at) => [
        ...(at === 0 ? [] : [{ created_by: `layer ${at}` }]),
        ...Array.from({ length: empty }, () => ({ created_by: "empty", empty_layer: true })),
      ]),
    );
const imageOf = layers(0).chain((files) =>
  fc.record({
    layers: fc.constant(files),
    config: runtime,
    history: fc.option(steps(files.length), { nil: undefined }),
  }),
);

describe("rebasing any image", () => {
  it("is itself on the base that it has, and comes back from another", async () => {
    await fc.assert(
      fc.asyncProperty(imageOf, imageOf, layers(0), runtime, async (before, after, own, config) => {
        const content = createMemoryContentStore();
        const detailed = ({ history, ...options }: typeof before) =>
          detailedImage(content, { ...options, ...(history && { history }) });
        const [old, next] = [await detailed(before), await detailed(after)];
        const built = await builtOn(content, old, own, (fields) => ({
          ...fields,
          config: { ...fields.config, ...config },
        }));
        const annotations = { [BASE_DIGEST]: old.descriptor.digest };
        const image = await mutateImage(built, { annotations }, { content });
        const same = await rebaseImage({ image, oldBase: old, newBase: old }, { content });
        expect(same.descriptor).toEqual(image.descriptor);
        // Another manifest of the same image: what it says is taken apart and put together to the same.
        const twin = await mutateImage(old, { annotations: { twin: "yes" } }, { content });
        const twice = await rebaseImage({ image, oldBase: old, newBase: twin }, { content });
        expect(await manifestOf(twice)).toMatchObject({ config: (await manifestOf(image)).config });

        const rebased = await rebaseImage({ image, oldBase: old, newBase: next }, { content });
        const result = await configOf(rebased);
        expect(result.rootfs.diff_ids).toHaveLength(next.layers.length + own.length);
        expect((await manifestOf(rebased)).layers.slice(next.layers.length)).toEqual(built.layers);
        if (result.history !== undefined) {
          const counted = result.history.filter((entry) => entry.empty_layer !== true);
          expect(counted).toHaveLength(result.rootfs.diff_ids.length);
        }
        const back = await rebaseImage({ image: rebased, oldBase: next, newBase: old }, { content });
        expect((await manifestOf(back)).layers).toEqual((await manifestOf(image)).layers);
      }),
      { numRuns: 25 },
    );
  });
});
