import { describe, expect, it } from "vitest";
import { SlipwayError } from "../../src/errors.ts";
import { createMemoryImageStore } from "../../src/images/index.ts";
import type { ImageStore } from "../../src/images/store.ts";
import { openHouse, progressLog } from "./support.ts";

const namesIn = async (images: ImageStore): Promise<string[]> => (await images.list()).map(({ name }) => name);

describe("naming", () => {
  it("creates each name, normalised, for the image's descriptor", async () => {
    const { exporter, images } = openHouse();
    const image = await exporter.resolve({ name: "app,localhost:5000/team/app:1" }).export(undefined);
    expect(await namesIn(images)).toEqual(["docker.io/library/app:latest", "localhost:5000/team/app:1"]);
    expect(await images.get("localhost:5000/team/app:1")).toEqual({
      name: "localhost:5000/team/app:1",
      target: image.descriptor,
    });
    expect(image.names).toEqual(["docker.io/library/app:latest", "localhost:5000/team/app:1"]);
  });

  it("moves a name that there is", async () => {
    const { exporter, images } = openHouse();
    const job = exporter.resolve({ name: "app" });
    const old = await job.export(undefined);
    const image = await job.export(undefined, { config: { cmd: ["/new"] } });
    expect(image.digest).not.toBe(old.digest);
    expect((await images.get("docker.io/library/app:latest")).target.digest).toBe(image.digest);
  });

  it("takes its time from the epoch, and has none otherwise", async () => {
    const { exporter, images } = openHouse();
    await exporter.resolve({ name: "app", sourceDateEpoch: 1_700_000_000 }).export(undefined);
    expect((await images.get("docker.io/library/app:latest")).createdAt).toBe("2023-11-14T22:13:20Z");
    await exporter.resolve({ name: "app" }).export(undefined, { config: { created: "2020-01-01T00:00:00Z" } });
    expect(await images.get("docker.io/library/app:latest")).not.toHaveProperty("createdAt");
  });

  it("adds NAME@DIGEST with name-canonical", async () => {
    const { exporter, images } = openHouse();
    const image = await exporter.resolve({ name: "app:1", "name-canonical": "true" }).export(undefined);
    expect(await namesIn(images)).toEqual(["docker.io/library/app:1", `docker.io/library/app:1@${image.digest}`]);
    expect(image.names).toEqual(["docker.io/library/app:1"]);
  });

  it("adds PREFIX@DIGEST with dangling-name-prefix, only to nameless images if that is wanted", async () => {
    for (const [options, expected] of [
      [{ "dangling-name-prefix": "moby-dangling" }, ["moby-dangling@"]],
      [{ name: "a", "dangling-name-prefix": "moby-dangling" }, ["docker.io/library/a:latest", "moby-dangling@"]],
      [{ "dangling-name-prefix": "x", "dangling-name-empty-only": "true" }, ["x@"]],
      [
        { name: "a", "dangling-name-prefix": "x", "dangling-name-empty-only": "true", "name-canonical": "false" },
        ["docker.io/library/a:latest"],
      ],
    ] as const) {
      const { exporter, images } = openHouse();
      const image = await exporter.resolve(options).export(undefined);
      expect(await namesIn(images)).toEqual(expected.map((name) => (name.endsWith("@") ? name + image.digest : name)));
      expect(image.response["image.name"]?.split(",")).toEqual(await namesIn(images));
    }
  });

  it("is not done with store=false, though the result knows the names", async () => {
    const { exporter, images } = openHouse();
    const log = progressLog();
    const image = await exporter.resolve({ name: "a", store: "false" }).export(undefined, log);
    expect(await images.list()).toEqual([]);
    expect(image.names).toEqual(["docker.io/library/a:latest"]);
    expect(image.response["image.name"]).toBe("docker.io/library/a:latest");
    expect(log.find(/naming/)).toBeUndefined();
  });

  it("is not needed: an image without a name is exported by its digest", async () => {
    const { exporter, images } = openHouse();
    const image = await exporter.resolve().export(undefined);
    expect(image.names).toEqual([]);
    expect(image.response).not.toHaveProperty("image.name");
    expect(await images.list()).toEqual([]);
  });

  it("survives others who create and remove the name at the same time", async () => {
    const store = createMemoryImageStore();
    let created = 0;
    const images: ImageStore = {
      ...pick(store),
      async create(image) {
        // Somebody else is first, and is gone again before we update.
        if (++created < 3) throw new SlipwayError("ALREADY_EXISTS", "taken");
        return await store.create(image);
      },
    };
    const { exporter } = openHouse({ images });
    await exporter.resolve({ name: "app" }).export(undefined);
    expect(created).toBe(3);
    expect(await namesIn(store)).toEqual(["docker.io/library/app:latest"]);
  });

  it("that fails has the error on its step", async () => {
    const error = new Error("read-only");
    const images: ImageStore = {
      ...pick(createMemoryImageStore()),
      async update() {
        throw error;
      },
    };
    const log = progressLog();
    const { exporter } = openHouse({ images });
    await expect(exporter.resolve({ name: "app" }).export(undefined, log)).rejects.toBe(error);
    expect(log.ended().at(-1)).toBe("FAILED naming to docker.io/library/app:latest");
    expect(log.events.at(-1)?.error).toBe(error);
  });
});

/** A store's methods as own properties, for doubles that replace some of them. */
function pick(store: ImageStore): ImageStore {
  return {
    get: (name) => store.get(name),
    list: () => store.list(),
    create: (image) => store.create(image),
    update: (image) => store.update(image),
    delete: (name) => store.delete(name),
  };
}
