import { execFileSync } from "node:child_process";
import { lstatSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage, writeBlob } from "../../src/content/index.ts";
import type { Image } from "../../src/images/store.ts";
import { type DirectoryStore, openDirectoryStore } from "../../src/node/index.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { bytesOf } from "../content/support.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { itWith } from "../support/tools.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const FULL_NAME = "io.containerd.image.name";
const REF_NAME = "org.opencontainers.image.ref.name";
const digestOfDigit = (digit: string): Digest => `sha256:${digit.repeat(64)}`;
const targetOf = (digit: string) => ({ mediaType: MANIFEST, digest: digestOfDigit(digit), size: 10 });
const imageOf = (name: string, digit = "a"): Image => ({ name, target: targetOf(digit) });

let store: DirectoryStore;
beforeEach(async () => {
  store = await openDirectoryStore(join(temporaryDirectory(), "layout"));
});

type Entry = Record<string, unknown> & { readonly annotations?: Record<string, string> };
const indexFile = (): string => join(store.path, "index.json");
const readIndex = () =>
  JSON.parse(readFileSync(indexFile(), "utf8")) as Record<string, unknown> & { manifests: Entry[] };
const writeIndex = (index: unknown): void => writeFileSync(indexFile(), JSON.stringify(index));

describe("index.json as an image store", () => {
  it("names an entry in full and by its tag, as other tools expect it", async () => {
    await store.images.create({ ...imageOf("docker.io/library/hello:1.0"), createdAt: "2024-01-01T00:00:00Z" });
    expect(readIndex()).toEqual({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [
        {
          ...targetOf("a"),
          annotations: {
            [FULL_NAME]: "docker.io/library/hello:1.0",
            "org.opencontainers.image.created": "2024-01-01T00:00:00Z",
            [REF_NAME]: "1.0",
          },
        },
      ],
    });
  });

  it.each([
    ["that is gone", () => rmSync(indexFile()), "it is not there"],
    ["without a list", () => writeIndex({ schemaVersion: 2 }), "manifests is not a list"],
  ])("does not take one %s for an empty one, so that no collection removes all images", async (_, lose, reason) => {
    const blob = await writeBlob(store.content, bytesOf("a manifest"));
    await store.images.create({ name: "docker.io/library/hello:1.0", target: { ...targetOf("a"), ...blob } });
    lose();
    const { content, leases, roots } = store;
    const refused = { code: "INVALID_DOCUMENT", message: expect.stringContaining(reason) as string };
    await expect(collectGarbage({ content, leases, roots })).rejects.toMatchObject(refused);
    await expect(store.images.list()).rejects.toMatchObject(refused);
    await expect(store.images.create(imageOf("docker.io/library/other:1"))).rejects.toMatchObject(refused);
    expect(await content.info(blob.digest)).toMatchObject({ size: blob.size });
  });

  it("is not written again to say the same", async () => {
    const image = { ...imageOf("docker.io/library/hello:1.0"), createdAt: "2024-01-01T00:00:00Z" };
    await store.images.create(image);
    const { ino, ctimeNs } = statSync(indexFile(), { bigint: true });
    await store.images.update(image);
    expect(statSync(indexFile(), { bigint: true })).toMatchObject({ ino, ctimeNs });
    await store.images.update({ ...image, createdAt: "2025-01-01T00:00:00Z" });
    expect(statSync(indexFile(), { bigint: true }).ino).not.toBe(ino);
  });

  it("is written anew in the place of a symlink to the same", async () => {
    await store.images.create(imageOf("docker.io/library/hello:1.0"));
    renameSync(indexFile(), join(store.path, "../elsewhere"));
    symlinkSync("../elsewhere", indexFile());
    await store.images.update(imageOf("docker.io/library/hello:1.0"));
    expect(lstatSync(indexFile()).isFile()).toBe(true);
  });

  it("makes two entries of two names of one manifest, each of which can be chosen", async () => {
    for (const name of [
      "docker.io/library/hello:latest",
      "docker.io/library/world:latest",
      `example.com/x@${digestOfDigit("a")}`,
    ]) {
      await store.images.create(imageOf(name));
    }
    expect(readIndex().manifests.map(({ annotations }) => annotations?.[REF_NAME])).toEqual([
      "latest",
      // The tag alone would not tell it from the first.
      "docker.io/library/world:latest",
      `example.com/x@${digestOfDigit("a")}`,
    ]);
    await store.images.update(imageOf("docker.io/library/hello:latest", "b"));
    expect(readIndex().manifests.map(({ digest, annotations }) => [digest, annotations?.[REF_NAME]])).toEqual([
      [digestOfDigit("b"), "latest"],
      [digestOfDigit("a"), "docker.io/library/world:latest"],
      [digestOfDigit("a"), `example.com/x@${digestOfDigit("a")}`],
    ]);
  });

  it("takes no port for a tag", async () => {
    await store.images.create(imageOf("localhost:5000/hello"));
    expect(readIndex().manifests[0]?.annotations?.[REF_NAME]).toBe("localhost:5000/hello");
  });

  it("leaves fields, entries and annotations that it does not know as they are", async () => {
    const unnamed = {
      ...targetOf("c"),
      "com.example.field": { a: [1] },
      platform: { os: "linux", architecture: "arm" },
    };
    const before = {
      schemaVersion: 2,
      manifests: [unnamed, { ...targetOf("d"), annotations: { "com.example.note": "kept" } }],
      annotations: { "com.example.index": "yes" },
      "com.example.extension": [null],
    };
    writeIndex(before);
    await store.images.create(imageOf("example.com/a:1"));
    await store.images.update(imageOf("example.com/a:1", "b"));
    expect(await store.images.list()).toEqual([imageOf("example.com/a:1", "b")]);
    await store.images.delete("example.com/a:1");
    expect(readIndex()).toEqual(before);
    expect((await store.roots()).map(({ digest }) => digest)).toEqual([digestOfDigit("c"), digestOfDigit("d")]);
  });

  it("reads layouts by tools that write the tag only, or null for no entries", async () => {
    writeIndex({
      schemaVersion: 2,
      manifests: [
        { ...targetOf("1"), annotations: { [REF_NAME]: "latest" } },
        { ...targetOf("2"), annotations: { [REF_NAME]: "docker.io/library/alpine:3" } },
        { ...targetOf("3"), annotations: { [FULL_NAME]: "docker.io/library/busybox:latest", [REF_NAME]: "latest" } },
        { ...targetOf("4"), annotations: { [REF_NAME]: "latest" } },
        { ...targetOf("5"), annotations: null },
      ],
    });
    const digestOf = async (name: string) => (await store.images.get(name)).target.digest;
    expect(await digestOf("latest")).toBe(digestOfDigit("1"));
    expect(await digestOf("docker.io/library/alpine:3")).toBe(digestOfDigit("2"));
    expect(await digestOf("docker.io/library/busybox:latest")).toBe(digestOfDigit("3"));
    expect((await store.images.list()).map(({ name }) => name)).toEqual([
      "docker.io/library/alpine:3",
      "docker.io/library/busybox:latest",
      "latest",
    ]);
    await store.images.update(imageOf("latest", "6"));
    expect(readIndex().manifests.map(({ digest }) => digest)).toEqual(["6", "2", "3", "5"].map(digestOfDigit));
    writeIndex({ schemaVersion: 2, manifests: null });
    expect(await store.images.list()).toEqual([]);
    await store.images.create(imageOf("a"));
  });

  it("keeps the target's own annotations apart from the image's", async () => {
    const image: Image = {
      name: "example.com/a:1",
      target: { ...targetOf("a"), annotations: { "org.opencontainers.image.created": "1999-01-01T00:00:00Z", x: "y" } },
      labels: { label: "value" },
    };
    for (const createdAt of [undefined, "2024-01-01T00:00:00Z"]) {
      const expected: Image = { ...image, ...(createdAt === undefined ? {} : { createdAt }) };
      await store.images.create(expected);
      expect(await store.images.get(image.name)).toEqual(expected);
      await store.images.delete(image.name);
    }
  });

  it.each([
    ["{", "INVALID_DOCUMENT"],
    ["[]", "INVALID_DOCUMENT"],
    ['{"manifests":{}}', "INVALID_DOCUMENT"],
    ['{"manifests":[1]}', "INVALID_DOCUMENT"],
    [`{"manifests":[{"digest":"sha256:../x","annotations":{"${REF_NAME}":"a"}}]}`, "INVALID_DOCUMENT"],
    ['{"manifests":[],"layers":[]}', "AMBIGUOUS_DOCUMENT"],
    [" ".repeat(5 * 1024 * 1024), "INVALID_DOCUMENT"],
    [`{"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "INVALID_DOCUMENT"],
  ])("refuses an index such as %.40s", async (text, code) => {
    writeFileSync(indexFile(), text);
    await expect(store.images.list()).rejects.toMatchObject({ code, message: expect.stringContaining(indexFile()) });
    expect(readFileSync(indexFile(), "utf8")).toBe(text);
  });

  itWith(["umoci"], "works on layouts by umoci, and umoci on ours", async () => {
    const layout = join(temporaryDirectory(), "umoci");
    execFileSync("umoci", ["init", "--layout", layout]);
    execFileSync("umoci", ["new", "--image", `${layout}:first`]);
    store = await openDirectoryStore(layout, { create: false });
    const { target } = await store.images.get("first");
    await store.images.create({ name: "docker.io/library/second:tag", target });
    await store.close();
    expect(execFileSync("umoci", ["list", "--layout", layout]).toString().split("\n").sort()).toEqual([
      "",
      "first",
      "tag",
    ]);
    execFileSync("umoci", ["tag", "--image", `${layout}:tag`, "third"]);
    const names = (await store.images.list()).map(({ name }) => name);
    expect(names).toContain("docker.io/library/second:tag");
  });

  itWith(["skopeo"], "names images as skopeo looks for them", async () => {
    const put = async (mediaType: string, content: object) => {
      const { digest, size } = await writeBlob(store.content, bytesOf(JSON.stringify(content)));
      return { mediaType, digest, size };
    };
    const config = await put("application/vnd.oci.image.config.v1+json", {
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [] },
    });
    const target = await put(MANIFEST, { schemaVersion: 2, mediaType: MANIFEST, config, layers: [] });
    await store.images.create({ name: "docker.io/library/one:tag", target });
    await store.images.create({ name: "docker.io/library/two:tag", target });
    await store.close();
    for (const choice of ["tag", "docker.io/library/two:tag"]) {
      const inspected = execFileSync("skopeo", ["inspect", `oci:${store.path}:${choice}`]).toString();
      expect(JSON.parse(inspected)).toMatchObject({ Digest: target.digest, Architecture: "amd64" });
    }
  });
});
