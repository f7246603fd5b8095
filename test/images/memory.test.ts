import { describe, expect, it } from "vitest";
import { imageStoreConformance } from "../../src/images/conformance.ts";
import { createMemoryImageStore, type Image, type ImageStore } from "../../src/images/index.ts";

describe("memory image store", () => {
  for (const { name, run } of imageStoreConformance(async () => createMemoryImageStore())) it(name, run);
});

describe("the conformance suite notices", () => {
  const failures = async (open: () => ImageStore): Promise<string[]> => {
    const failed: string[] = [];
    for (const { name, run } of imageStoreConformance(async () => open())) {
      await run().catch(() => failed.push(name));
    }
    return failed;
  };

  it("a create that overwrites", async () => {
    const failed = await failures(() => {
      const store = createMemoryImageStore();
      const create = async (image: Image): Promise<Image> => store.update(image).catch(() => store.create(image));
      return override(store, { create });
    });
    expect(failed).toContain("create of a known name is ALREADY_EXISTS and changes nothing");
  });

  it("a create that looks first and writes later", async () => {
    const failed = await failures(() => {
      const store = createMemoryImageStore();
      const create = async (image: Image): Promise<Image> => {
        const taken = await store.get(image.name).then(
          () => true,
          () => false,
        );
        return taken ? store.create(image) : store.create(image).catch(() => store.update(image));
      };
      return override(store, { create });
    });
    expect(failed).toEqual(["of many creates of one name at once exactly one wins"]);
  });

  it("an update that keeps old labels", async () => {
    const failed = await failures(() => {
      const store = createMemoryImageStore();
      const update: ImageStore["update"] = async (image, options) =>
        store.update({ ...image, labels: { ...(await store.get(image.name)).labels, ...image.labels } }, options);
      return override(store, { update });
    });
    expect(failed).toEqual(["update replaces target, labels and time"]);
  });

  it("conditions that are passed by", async () => {
    const failed = await failures(() => {
      const store = createMemoryImageStore();
      return override(store, { update: (image) => store.update(image), delete: (name) => store.delete(name) });
    });
    expect(failed).toEqual([
      "update and delete on condition change nothing of a name that stands for something else",
      "of many conditional updates and deletions at once exactly one wins",
    ]);
  });
});

function override(store: ImageStore, methods: Partial<ImageStore>): ImageStore {
  return {
    get: (name) => store.get(name),
    list: () => store.list(),
    create: (image) => store.create(image),
    update: (image, options) => store.update(image, options),
    delete: (name, options) => store.delete(name, options),
    ...methods,
  };
}
