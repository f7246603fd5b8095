import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type BuildStores, withBuildStore } from "../../src/cli/build-store.ts";
import { withTarget } from "../../src/cli/open-target.ts";
import {
  type ContentStore,
  collectGarbage,
  createMemoryContentStore,
  readBlobBytes,
  withLease,
  writeBlob,
} from "../../src/content/index.ts";
import { SlipwayError } from "../../src/errors.ts";
import { createOrUpdate } from "../../src/exporter/naming.ts";
import type * as nodeRoom from "../../src/node/index.ts";
import { type DirectoryStore, openDirectoryStore } from "../../src/node/index.ts";
import type { Descriptor, Digest } from "../../src/oci/index.ts";
import { createRegistry } from "../../src/registry/index.ts";
import type { ImageTarget } from "../../src/transfer/index.ts";
import { bytesOf } from "../content/support.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Called before a blob is put under a lease, and before and after a name is set: whoever acts there acts in between. */
const between: { call: ((what: "protect" | "name" | "named", of: string) => Promise<void>) | undefined } = {
  call: undefined,
};

vi.mock("../../src/node/index.ts", async (original) => {
  const real = await original<typeof nodeRoom>();
  return {
    ...real,
    openDirectoryStore: async (...given: Parameters<typeof openDirectoryStore>): Promise<DirectoryStore> => {
      const store = await real.openDirectoryStore(...given);
      const { create, update } = store.images;
      const named = async <T>(name: string, change: () => Promise<T>): Promise<T> => {
        await between.call?.("name", name);
        const result = await change();
        await between.call?.("named", name);
        return result;
      };
      store.images.create = (image) => named(image.name, () => create.call(store.images, image));
      store.images.update = (image, options) => named(image.name, () => update.call(store.images, image, options));
      const begin = store.leases.create;
      store.leases.create = async (id) => {
        const lease = await begin.call(store.leases, id);
        const add = async (digest: Digest): Promise<void> => {
          await between.call?.("protect", digest);
          await lease.add(digest);
        };
        return { ...lease, add };
      };
      return store;
    },
  };
});

/** Once, at that point. */
function once(what: "protect" | "name" | "named", of: string, act: () => Promise<unknown>): void {
  between.call = async (called, name) => {
    if (called !== what || name !== of) return;
    between.call = undefined;
    await act();
  };
}

const NAME = "docker.io/library/web:1";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

let directory = "";
beforeEach(() => {
  between.call = undefined;
  directory = join(temporaryDirectory(), "store");
});

/** A manifest over one layer. */
async function putImage(content: ContentStore, text: string): Promise<Descriptor> {
  const put = async (mediaType: string, bytes: string): Promise<Descriptor> => {
    const { digest, size } = await writeBlob(content, bytesOf(bytes));
    return { mediaType, digest, size };
  };
  const layer = await put("application/vnd.oci.image.layer.v1.tar", `layer of ${text}`);
  const rootfs = { type: "layers", diff_ids: [layer.digest] };
  const config = await put(
    "application/vnd.oci.image.config.v1+json",
    JSON.stringify({ architecture: "amd64", os: "linux", rootfs }),
  );
  const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] };
  const { digest, size } = await writeBlob(content, bytesOf(JSON.stringify(manifest)));
  return { mediaType: MANIFEST, digest, size };
}

/** What a build does, in the order it does it. */
async function buildImage(
  stores: Pick<BuildStores, "content" | "images">,
  text: string,
  name = NAME,
): Promise<Descriptor> {
  const target = await putImage(stores.content, text);
  await createOrUpdate(stores.images, { name, target });
  return target;
}

/** As another process would use the store. */
async function other<T>(work: (store: DirectoryStore) => Promise<T>): Promise<T> {
  const store = await openDirectoryStore(directory);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const otherBuild = (text: string, name = NAME): Promise<Descriptor> =>
  other(async (store) => {
    const lease = await store.leases.create();
    const target = await buildImage({ images: store.images, content: withLease(store.content, lease) }, text, name);
    await lease.release();
    return target;
  });

const otherCollection = (): Promise<unknown> =>
  other(({ content, leases, roots }) => collectGarbage({ content, leases, roots }));

/** What a name stands for, with everything it needs there. */
const wholeImage = (name = NAME): Promise<string> =>
  other(async ({ content, images }) => {
    const { target } = await images.get(name);
    const { config, layers } = JSON.parse(new TextDecoder().decode(await readBlobBytes(content, target)));
    for (const blob of [config, ...layers]) await readBlobBytes(content, blob);
    return target.digest;
  });

const failing = (work: (stores: BuildStores) => Promise<unknown>): Promise<unknown> =>
  expect(
    withBuildStore(directory, async (stores) => {
      await work(stores);
      throw new Error("failed at the end");
    }),
  ).rejects.toThrow("failed at the end");

describe("a build whose lease has ended before its image was named", () => {
  // A clock that was wrong at boot, a laptop that slept, a build that was stopped for the weekend.
  const collectionOfTheDayAfterTomorrow = async (): Promise<void> => {
    const clock = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 2 * 24 * 3600 * 1000);
    await otherCollection().finally(() => clock.mockRestore());
  };

  it.each(["undo", "keep blobs"] as const)(
    "fails, and leaves no name of an image without blobs (%s)",
    async (after) => {
      once("name", NAME, collectionOfTheDayAfterTomorrow);
      const built = withBuildStore(directory, (stores) => buildImage(stores, "mine"), after);
      await expect(built).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
      expect(existsSync(directory)).toBe(false);
    },
  );
});

describe("a build that fails", () => {
  it("leaves the image that had its name before, with all its blobs, though garbage was collected meanwhile", async () => {
    const before = await otherBuild("old");
    await failing(async (stores) => {
      await buildImage(stores, "new");
      await otherCollection();
    });
    expect(await wholeImage()).toBe(before.digest);
  });

  it("leaves the name to another build that has set it meanwhile", async () => {
    await otherBuild("old");
    let theirs: Descriptor | undefined;
    await failing(async (stores) => {
      await buildImage(stores, "new");
      theirs = await otherBuild("theirs");
    });
    expect(await wholeImage()).toBe(theirs?.digest);
  });

  it("leaves the name and the blobs to another build that made the same image", async () => {
    let theirs: Descriptor | undefined;
    await failing(async (stores) => {
      await buildImage(stores, "same");
      theirs = await otherBuild("same");
    });
    expect(await wholeImage()).toBe(theirs?.digest);
  });

  it("leaves the blobs to another build that has begun to use them", async () => {
    await otherBuild("something", "docker.io/library/other:1");
    const store = await openDirectoryStore(directory);
    const lease = await store.leases.create();
    const theirs = withLease(store.content, lease);
    let target: Descriptor | undefined;
    await failing(async (stores) => {
      target = await buildImage(stores, "shared");
      await buildImage({ content: theirs, images: { ...store.images, update: async (image) => image } }, "shared");
    });
    if (target === undefined) throw new Error("nothing was built");
    await store.images.create({ name: NAME, target });
    await lease.release();
    await store.close();
    expect(await wholeImage()).toBe(target.digest);
  });

  it("leaves nothing of its own, also of a blob that was there when it began and was collected before it was written", async () => {
    await otherBuild("something", "docker.io/library/other:1");
    const garbage = await other(({ content }) => writeBlob(content, bytesOf("layer of new")));
    const kept = readdirSync(join(directory, "blobs/sha256")).filter((name) => !garbage.digest.endsWith(name));
    // Between the look that tells whether a blob is new and the write.
    once("protect", garbage.digest, otherCollection);
    await failing(async (stores) => {
      await buildImage(stores, "new");
      await stores.metadata.set("layers/new", bytesOf("record"));
    });
    expect(readdirSync(join(directory, "blobs/sha256")).sort()).toEqual(kept.sort());
    expect(await other(({ metadata }) => metadata.keys(""))).toEqual([]);
  });
});

describe("a build of which only some names can be set", () => {
  const SECOND = "docker.io/library/web:2";
  const noSpace = (): Promise<never> => Promise.reject(new SlipwayError("NO_SPACE", "Cannot write: the disk is full"));
  const buildBoth = (): Promise<unknown> =>
    withBuildStore(directory, async (stores) => {
      const target = await buildImage(stores, "new");
      await createOrUpdate(stores.images, { name: SECOND, target });
    });

  it("gives the others back, each with all its blobs, though garbage was collected meanwhile", async () => {
    const before = await otherBuild("old");
    once("name", SECOND, async () => {
      await otherCollection();
      await noSpace();
    });
    await expect(buildBoth()).rejects.toMatchObject({ code: "NO_SPACE" });
    expect(await wholeImage()).toBe(before.digest);
    await expect(wholeImage(SECOND)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("removes one that was new, and nothing of it stays", async () => {
    await otherBuild("something", "docker.io/library/other:1");
    once("name", SECOND, noSpace);
    await expect(buildBoth()).rejects.toMatchObject({ code: "NO_SPACE" });
    await expect(wholeImage()).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(readdirSync(join(directory, "blobs/sha256"))).toHaveLength(3);
  });

  it.each([
    ["new", undefined],
    ["another image's before", "old"],
  ])("leaves a name that was %s to another build that has set it meanwhile", async (_, old) => {
    if (old !== undefined) await otherBuild(old);
    let theirs: Descriptor | undefined;
    once("name", SECOND, async () => {
      theirs = await otherBuild("theirs");
      await noSpace();
    });
    await expect(buildBoth()).rejects.toMatchObject({ code: "NO_SPACE" });
    expect(await wholeImage()).toBe(theirs?.digest);
  });
});

describe("a build that succeeds", () => {
  it.each([
    ["was given to another image", () => otherBuild("theirs")],
    ["was deleted", () => other(({ images }) => images.delete(NAME))],
  ])("sets a name that %s between its look and its change", async (_, act) => {
    await otherBuild("old");
    let ours: Descriptor | undefined;
    once("name", NAME, act);
    await withBuildStore(directory, async (stores) => {
      ours = await buildImage(stores, "ours");
    });
    expect(await wholeImage()).toBe(ours?.digest);
    await otherCollection();
    expect(await wholeImage()).toBe(ours?.digest);
  });

  it("gives its names in the order in which they were given", async () => {
    await withBuildStore(directory, async (stores) => {
      const target = await putImage(stores.content, "image");
      for (const name of ["example.com/z:1", "example.com/a:1", "example.com/z:1"])
        await createOrUpdate(stores.images, { name, target });
      // Names come last: what fails before has none to take back.
      expect(await other(({ images }) => images.list())).toEqual([]);
    });
    const targets = await other(({ roots }) => roots());
    expect(targets.map(({ annotations }) => annotations?.["io.containerd.image.name"])).toEqual([
      "example.com/z:1",
      "example.com/a:1",
    ]);
    await otherCollection();
    await wholeImage("example.com/a:1");
  });

  it("takes a name from whatever it stands for at the end", async () => {
    let ours: Descriptor | undefined;
    await withBuildStore(directory, async (stores) => {
      ours = await buildImage(stores, "ours");
      await otherBuild("theirs");
    });
    expect(await wholeImage()).toBe(ours?.digest);
  });
});

describe("two copies into one layout that neither has made", () => {
  const copyTo = (tag: string, write: (target: ImageTarget) => Promise<unknown>): Promise<unknown> =>
    withTarget(
      { kind: "layout", path: directory, tag: `example.com/copied:${tag}` },
      { registry: createRegistry(), sourceNames: [], signal: new AbortController().signal },
      write,
    );

  it("are both whole, each with its tag", async () => {
    const from = createMemoryContentStore();
    const images = [await putImage(from, "one"), await putImage(from, "two")];
    const copies = images.map((descriptor, i) =>
      copyTo(String(i), (target) => target.write({ content: from, descriptor, names: [] })),
    );
    await Promise.all(copies);
    await otherCollection();
    for (const [i, { digest }] of images.entries()) expect(await wholeImage(`example.com/copied:${i}`)).toBe(digest);
  });

  it("of which one fails leave the other whole", async () => {
    const from = createMemoryContentStore();
    const descriptor = await putImage(from, "one");
    const failed = copyTo("failed", async () => {
      // All of the other one, in a directory that this one has made.
      await copyTo("whole", (target) => target.write({ content: from, descriptor, names: [] }));
      throw new Error("failed at the end");
    });
    await expect(failed).rejects.toThrow("failed at the end");
    expect(await wholeImage("example.com/copied:whole")).toBe(descriptor.digest);
  });
});

describe("a store that was made for a build that fails", () => {
  it("is gone with it, and so are the directories above", async () => {
    directory = join(directory, "deep");
    await failing((stores) => buildImage(stores, "new"));
    expect(existsSync(join(directory, ".."))).toBe(false);
  });

  it("stays for another process that has an image in it", async () => {
    let theirs: Descriptor | undefined;
    await failing(async () => {
      theirs = await otherBuild("theirs");
    });
    expect(await wholeImage()).toBe(theirs?.digest);
  });

  it("stays for another process that has begun a lease", async () => {
    let store: DirectoryStore | undefined;
    await failing(async () => {
      store = await openDirectoryStore(directory);
      await store.leases.create("theirs");
    });
    expect(await store?.leases.list()).toEqual(["theirs"]);
  });

  it("is whole for another process that had only opened it, and makes an image in it afterwards", async () => {
    const opened: DirectoryStore[] = [];
    await failing(async () => {
      opened.push(await openDirectoryStore(directory));
    });
    expect(existsSync(directory)).toBe(false);
    const [store] = opened;
    if (store === undefined) throw new Error("no store");
    const lease = await store.leases.create();
    const target = await buildImage({ images: store.images, content: withLease(store.content, lease) }, "theirs");
    await lease.release();
    await store.close();
    expect(readdirSync(directory).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    expect(await wholeImage()).toBe(target.digest);
  });
});
