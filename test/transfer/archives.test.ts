import { describe, expect, it } from "vitest";
import { readArchive, writeArchive } from "../../src/archive/index.ts";
import { bytesSource, readAll } from "../../src/bytes.ts";
import { gzip } from "../../src/compress/index.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { createMemoryImageStore } from "../../src/images/index.ts";
import type { Descriptor } from "../../src/oci/index.ts";
import {
  archiveSource,
  archiveTarget,
  copy,
  type ImageSource,
  type ImageTarget,
  storeSource,
  storeTarget,
} from "../../src/transfer/index.ts";
import { sampleImage, sampleIndex, storedDigests } from "../support/sample-image.ts";

const AMD64 = { architecture: "amd64", os: "linux" };
const ARM64 = { architecture: "arm64", os: "linux" };
const LIMIT = 64 * 1024 * 1024;
const NAME = "docker.io/library/hello:1";

const memory = () => ({ content: createMemoryContentStore(), images: createMemoryImageStore() });

async function filled() {
  const stores = memory();
  const amd64 = await sampleImage(stores.content);
  const arm64 = await sampleImage(stores.content, { platform: ARM64, layers: [{ "a.txt": "first\n" }, { arm: "64" }] });
  const index = await sampleIndex([amd64, arm64]);
  await stores.images.create({ name: NAME, target: index.descriptor });
  await stores.images.create({ name: "docker.io/library/other:1", target: arm64.descriptor });
  return { ...stores, amd64, arm64, index };
}

/** A place that can be copied to, and then from. */
interface Place {
  readonly target: ImageTarget;
  source(): ImageSource;
}

const archive = (
  format: "oci" | "both",
  how: (bytes: Uint8Array<ArrayBuffer>) => Parameters<typeof archiveSource>[0],
): Place => {
  let bytes = new Uint8Array();
  const target = archiveTarget(
    async (stream) => {
      bytes = await readAll(stream, LIMIT);
    },
    { format },
  );
  return { target, source: () => archiveSource(how(bytes), createMemoryContentStore(), { name: "hello:1" }) };
};

const PLACES: Readonly<Record<string, () => Place>> = {
  "memory stores": () => {
    const stores = memory();
    return { target: storeTarget(stores), source: () => storeSource(stores, "hello:1") };
  },
  "an OCI archive read in place": () => archive("oci", bytesSource),
  "an archive for all, read in place": () => archive("both", bytesSource),
  "an archive that comes as a stream": () => archive("both", (bytes) => () => bytes),
  "a compressed archive": () => archive("oci", (bytes) => () => gzip(bytes)),
};

const PAIRS = Object.keys(PLACES).flatMap((from) => Object.keys(PLACES).map((to) => [from, to] as const));

const make = (name: string): Place => {
  const place = PLACES[name]?.();
  if (place === undefined) throw new Error(name);
  return place;
};

describe("copy", () => {
  it.each(PAIRS)("keeps digest, names and all blobs from %s to %s", async (from, to) => {
    const start = await filled();
    for (const name of ["hello:1", "other:1"]) {
      const [first, second] = [make(from), make(to)];
      const end = memory();
      const original = await copy(storeSource(start, name), storeTarget(memory()));
      await copy(storeSource(start, name), renamed(first.target));
      const moved = await copy(first.source(), second.target);
      const copied = await copy(second.source(), storeTarget(end));
      expect(copied.descriptor).toEqual(original.descriptor);
      expect(copied.names).toEqual([NAME]);
      expect(moved).toEqual({ ...copied, blobs: { moved: original.blobs.moved, existing: 0 } });
      expect(copied.movedBytes).toBe(original.movedBytes);
      for (const digest of await storedDigests(end.content)) {
        expect(await storedDigests(start.content)).toContain(digest);
      }
    }
  });
});

/** All images are called alike in the places between. */
const renamed = (target: ImageTarget): ImageTarget => ({
  ...target,
  write: (image, options) => target.write({ ...image, names: [NAME] }, options),
});

describe("archiveSource", () => {
  it("reads of an archive in place only what the target lacks", async () => {
    const from = await filled();
    const bytes = await readAll(writeArchive({ ...from, descriptor: from.index.descriptor, names: [NAME] }), LIMIT);
    const read: Descriptor["size"][] = [];
    const { size, open } = bytesSource(bytes);
    const source = archiveSource(
      {
        size,
        open(range) {
          if (range?.length !== undefined) read.push(range.length);
          return open(range);
        },
      },
      createMemoryContentStore(),
    );
    const to = memory();
    await copy(source, storeTarget(to), { platform: ARM64 });
    read.length = 0;
    const { blobs } = await copy(source, storeTarget(to));
    expect(blobs.existing).toBe(2 + from.arm64.layers.length);
    // The common layer is there; of the rest each blob is read once, and documents for what they name.
    const missing = from.amd64.layers.slice(1);
    for (const layer of missing) expect(read.filter((length) => length === layer.size).length).toBeGreaterThan(0);
    const there = from.amd64.layers.slice(0, 1).map(({ size: of }) => of);
    const others = [...missing, from.amd64.config, from.amd64.descriptor, from.index.descriptor].map(
      (blob) => blob.size,
    );
    for (const length of there) if (!others.includes(length)) expect(read).not.toContain(length);
  });

  it("finds the image by name, and says what there is", async () => {
    const from = await filled();
    const bytes = await readAll(
      writeArchive([
        { ...from, descriptor: from.index.descriptor, names: [NAME] },
        { ...from, descriptor: from.arm64.descriptor, names: ["other:1"] },
      ]),
      LIMIT,
    );
    const resolve = (name?: string) =>
      archiveSource(bytesSource(bytes), createMemoryContentStore(), { name }).resolve();
    expect((await resolve("hello:1")).descriptor).toEqual(from.index.descriptor);
    expect((await resolve(from.arm64.descriptor.digest)).names).toEqual(["docker.io/library/other:1"]);
    await expect(resolve()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(resolve("nothing")).rejects.toThrow(`there is ${NAME}, docker.io/library/other:1`);
  });

  it("takes one platform of an archive that lacks the others", async () => {
    const from = await filled();
    let bytes = new Uint8Array();
    const target = archiveTarget(async (stream) => {
      bytes = await readAll(stream, LIMIT);
    });
    const copied = await copy(storeSource(from, "hello:1"), target, { platforms: [ARM64] });
    expect(copied.descriptor).toEqual(from.index.descriptor);
    const source = archiveSource(bytesSource(bytes), createMemoryContentStore(), { allowMissingPlatforms: true });
    const to = memory();
    expect((await copy(source, storeTarget(to), { platform: ARM64 })).descriptor).toEqual(from.arm64.descriptor);
    await expect(copy(source, storeTarget(to))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("archiveTarget", () => {
  it("writes what Docker reads, with the image ID that it had", async () => {
    const from = await filled();
    let bytes = new Uint8Array();
    const target = archiveTarget(
      async (stream) => {
        bytes = await readAll(stream, LIMIT);
      },
      { format: "docker", names: ["renamed:2"], dockerPlatform: ARM64 },
    );
    const { names, blobs, movedBytes } = await copy(storeSource(from, "hello:1"), target);
    expect(names).toEqual(["docker.io/library/renamed:2"]);
    const moved = [from.arm64.config, ...from.arm64.layers];
    expect(blobs).toEqual({ moved: moved.length, existing: 0 });
    expect(movedBytes).toBe(moved.reduce((sum, { size }) => sum + size, 0));
    const [image] = await readArchive(bytes, createMemoryContentStore());
    expect(image).toMatchObject({ names, manifests: [{ config: { digest: from.arm64.config.digest } }] });
  });

  it("makes one platform's manifest the image of the archive", async () => {
    const from = await filled();
    let bytes = new Uint8Array();
    const target = archiveTarget(async (stream) => {
      bytes = await readAll(stream, LIMIT);
    });
    await copy(storeSource(from, "hello:1"), target, { platform: AMD64 });
    const content = createMemoryContentStore();
    expect(await readArchive(bytes, content)).toMatchObject([{ descriptor: from.amd64.descriptor, names: [NAME] }]);
    expect(await storedDigests(content)).toHaveLength(2 + from.amd64.layers.length);
  });

  it("refuses to call it done when not all was written", async () => {
    const from = await filled();
    const target = archiveTarget(
      async (stream) => {
        for await (const _ of stream) return;
      },
      { description: "oci-archive:hello.tar" },
    );
    await expect(copy(storeSource(from, "hello:1"), target)).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: expect.stringContaining("oci-archive:hello.tar"),
    });
  });

  it("passes on what goes wrong while it writes", async () => {
    const from = await filled();
    const failing = archiveTarget(async (stream) => {
      for await (const _ of stream) throw new Error("disk is full");
    });
    await expect(copy(storeSource(from, "hello:1"), failing)).rejects.toThrow("disk is full");
    await from.content.delete(from.amd64.layers[1]?.digest ?? from.amd64.config.digest);
    const reading = archiveTarget((stream) => readAll(stream, LIMIT));
    await expect(copy(storeSource(from, "hello:1"), reading)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(() => archiveTarget(async () => undefined, { names: ["NOT A NAME"] })).toThrow(
      expect.objectContaining({ code: "INVALID_REFERENCE" }),
    );
  });
});
