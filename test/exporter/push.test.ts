import { describe, expect, it } from "vitest";
import { readBlobBytes } from "../../src/content/index.ts";
import type { ExporterStores } from "../../src/exporter/exporter.ts";
import type { ImagePusher, PushableImage, PushOptions } from "../../src/exporter/image-pusher.ts";
import { parseIndex } from "../../src/oci/image-index.ts";
import { type House, openHouse, progressLog } from "./support.ts";

interface Push {
  readonly image: PushableImage;
  readonly name: string;
  readonly options: PushOptions;
}

/** A pusher that notes what it is to push, and says what a registry client says. */
function notingPusher(fail?: (name: string) => void): ImagePusher & { readonly pushes: Push[] } {
  const pushes: Push[] = [];
  return {
    pushes,
    async push(image, name, options = {}) {
      fail?.(name);
      pushes.push({ image, name, options });
      const whole = `pushing ${name}`;
      for (const step of [
        { id: whole, name: whole, state: "started" },
        { id: "layer", name: "pushing layer", parent: whole, state: "started" },
        { id: "part", name: "uploading", parent: "layer", state: "started" },
        { id: "part", name: "uploading", parent: "layer", state: "completed" },
        { id: "layer", name: "pushing layer", parent: whole, state: "completed" },
        { id: whole, name: whole, state: "completed" },
      ] as const) {
        options.onProgress?.(step);
      }
      const { descriptor } = image;
      return {
        name: options.byDigest ? `${name}@${descriptor.digest}` : name,
        descriptor,
        blobs: { existing: 0, mounted: 0, uploaded: 1 },
        uploadedBytes: 1,
      };
    },
  };
}

function openPushHouse(
  overrides: Partial<ExporterStores> = {},
): House & { readonly pusher: ReturnType<typeof notingPusher> } {
  const pusher = notingPusher();
  return { ...openHouse({ pusher, ...overrides }), pusher };
}

describe("push", () => {
  it("pushes the image under each of its names, to several registries, after they were set", async () => {
    const named: string[] = [];
    const pusher = notingPusher();
    const house = openHouse({
      pusher: {
        async push(image, name, options) {
          named.push(`${(await house.images.list()).length} names when ${name} is pushed`);
          return await pusher.push(image, name, options);
        },
      },
    });
    const ref = await house.commit("own", undefined, (work) => work.writeFile("/own", "1"));
    const image = await house.exporter.resolve({ name: "app:1,localhost:5000/app:1", push: "true" }).export(ref);
    expect(named).toEqual([
      "2 names when docker.io/library/app:1 is pushed",
      "2 names when localhost:5000/app:1 is pushed",
    ]);
    expect(image.pushed.map(({ name }) => name)).toEqual(["docker.io/library/app:1", "localhost:5000/app:1"]);
    expect(image.response).toMatchObject({
      "containerimage.digest": image.digest,
      "image.name": "docker.io/library/app:1,localhost:5000/app:1",
    });
    for (const push of pusher.pushes) {
      expect(push.image.descriptor).toEqual(image.descriptor);
      expect(push.image.content).toBe(image.content);
      expect(push.options).toMatchObject({ byDigest: false, insecure: false });
    }
  });

  it("is not done unless it is asked for", async () => {
    const house = openPushHouse();
    expect((await house.exporter.resolve({ name: "app" }).export(undefined)).pushed).toEqual([]);
    expect((await house.exporter.resolve({ name: "app", push: false }).export(undefined)).pushed).toEqual([]);
    expect(house.pusher.pushes).toEqual([]);
  });

  it("needs no image store", async () => {
    const { exporter, pusher } = openPushHouse({ images: undefined });
    const image = await exporter.resolve({ name: "app", push: true }).export(undefined);
    expect(image.names).toEqual(["docker.io/library/app:latest"]);
    expect(pusher.pushes).toHaveLength(1);
  });

  it("by digest sets no tags: NAME@DIGEST is what the image is called, in the store too", async () => {
    const { exporter, pusher, images } = openPushHouse();
    const image = await exporter
      .resolve({ name: "app,localhost:5000/app", push: "true", "push-by-digest": "true", "name-canonical": "true" })
      .export(undefined);
    const names = [`docker.io/library/app@${image.digest}`, `localhost:5000/app@${image.digest}`];
    expect(pusher.pushes.map(({ name, options }) => [name, options.byDigest])).toEqual([
      ["docker.io/library/app", true],
      ["localhost:5000/app", true],
    ]);
    expect(image.names).toEqual(names);
    expect(image.pushed.map(({ name }) => name)).toEqual(names);
    expect(image.response["image.name"]).toBe(names.join(","));
    expect((await images.list()).map(({ name }) => name)).toEqual(names);
  });

  it("allows plain http where it is told to", async () => {
    const { exporter, pusher } = openPushHouse();
    await exporter.resolve({ name: "app", push: "true", "registry.insecure": "true" }).export(undefined);
    expect(pusher.pushes[0]?.options.insecure).toBe(true);
  });

  it("pushes an index whole, as one", async () => {
    const { exporter, pusher, content } = openPushHouse();
    const image = await exporter
      .resolve({ name: "app", push: true })
      .export([
        { platform: { os: "linux", architecture: "amd64" } },
        { platform: { os: "linux", architecture: "arm64" } },
      ]);
    expect(pusher.pushes).toHaveLength(1);
    const pushed = pusher.pushes[0]?.image.descriptor;
    expect(pushed).toEqual(image.descriptor);
    const index = parseIndex(await readBlobBytes(content, image.descriptor), "index", image.descriptor.mediaType);
    expect(index.manifests).toHaveLength(2);
  });

  it("is a step for each name, with the pusher's steps as its parts", async () => {
    const { exporter } = openPushHouse();
    const log = progressLog();
    await exporter.resolve({ name: "a,b", push: true, store: false }).export(undefined, { onProgress: log.onProgress });
    expect(log.ended().slice(-6)).toEqual([
      "uploading",
      "pushing layer",
      "pushing docker.io/library/a:latest",
      "uploading",
      "pushing layer",
      "pushing docker.io/library/b:latest",
    ]);
    const started = log.events.filter(({ state }) => state === "started").slice(-3);
    expect(started.map(({ id, parent }) => [id, parent])).toEqual([
      ["pushing docker.io/library/b:latest", undefined],
      ["docker.io/library/b:latest: layer", "pushing docker.io/library/b:latest"],
      ["docker.io/library/b:latest: part", "docker.io/library/b:latest: layer"],
    ]);
  });

  it("does not begin if the export fails, and ends with the first name that fails", async () => {
    const house = openPushHouse();
    const ref = await house.commit("own", undefined, (work) => work.writeFile("/own", "1"));
    house.differ.before = async () => {
      throw new Error("no layer");
    };
    const job = house.exporter.resolve({ name: "app", push: true });
    await expect(job.export(ref)).rejects.toThrow("no layer");
    expect(await house.images.list()).toEqual([]);
    expect(house.pusher.pushes).toEqual([]);

    const reason = new Error("refused");
    const pusher = notingPusher((name) => {
      if (name.includes("/b")) throw reason;
    });
    const failing = openHouse({ pusher }).exporter.resolve({ name: "a,b,c", push: true });
    await expect(failing.export(undefined)).rejects.toBe(reason);
    expect(pusher.pushes.map(({ name }) => name)).toEqual(["docker.io/library/a:latest"]);
  });

  it("ends with the signal", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const pusher = notingPusher();
    const { exporter } = openHouse({
      pusher: {
        async push(image, name, options) {
          controller.abort(reason);
          expect(options?.signal).toBe(controller.signal);
          return await pusher.push(image, name, options);
        },
      },
    });
    const job = exporter.resolve({ name: "a,b", push: true });
    await expect(job.export(undefined, { signal: controller.signal })).rejects.toBe(reason);
    expect(pusher.pushes).toHaveLength(1);
  });
});
