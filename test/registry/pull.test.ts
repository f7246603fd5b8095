import { describe, expect, it } from "vitest";
import { copyImage, verifyImage } from "../../src/archive/index.ts";
import { type ContentStore, createMemoryContentStore } from "../../src/content/index.ts";
import type { Digest } from "../../src/oci/index.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import {
  type RecordedRequest,
  requestLine,
  type TestRegistryOptions,
} from "../support/registry-server/test-registry.ts";
import { storedDigests } from "../support/sample-image.ts";
import { putImage, serveRepository, unevenBytes } from "./pull-support.ts";

/** An image with six layers, one of them large, and an empty store. */
async function setUp(server: TestRegistryOptions = {}) {
  const served = await serveRepository(server);
  const small = Array.from({ length: 5 }, (_, index) => ({ [`${index}.txt`]: `layer ${index}\n` }));
  const layers = [{ "big.bin": unevenBytes(1 << 20) }, ...small];
  const image = await putImage(served, "1", { layers, compression: "uncompressed" });
  const [big] = image.layers;
  if (big === undefined) throw new Error("no layers");
  const pull = async (store: ContentStore, options: Parameters<typeof copyImage>[3] = {}) => {
    const { descriptor, content } = await served.client.source(`${served.name}:1`).resolve(options);
    return await copyImage(content, store, descriptor, options);
  };
  return { ...served, image, big, pull, store: createMemoryContentStore() };
}

const isBlob = ({ method, url }: RecordedRequest): boolean => method === "GET" && url.includes("/blobs/");

describe("pulling an image", () => {
  it("asks once for each document and blob, and for nothing that is there", async () => {
    const { image, pull, store, requests } = await setUp();
    await pull(store);
    expect(await storedDigests(store)).toEqual(await storedDigests(image.content));
    await verifyImage(store, image.descriptor, { diffIDs: true });
    const blobs = [image.config, ...image.layers].map(({ digest }) => `GET /v2/hello/blobs/${digest}`);
    expect(requests().map(requestLine).sort()).toEqual([...blobs, "GET /v2/hello/manifests/1"].sort());
    await pull(store);
    expect(requests().map(requestLine)).toEqual(["GET /v2/hello/manifests/1"]);
  });

  it("notes with each blob where it is from, also with one that was there", async () => {
    const { image, pull, store, registry } = await setUp();
    const [first] = image.layers;
    if (first === undefined) throw new Error("no layers");
    const other = "containerd.io/distribution.source.docker.io";
    await copyImage(image.content, store, image.descriptor);
    await store.label(first.digest, { [other]: "library/alpine", "slipway.dev/diffid": "x" });
    await pull(store);
    const own = { [`containerd.io/distribution.source.${registry.host}`]: "hello" };
    for (const { digest } of [image.descriptor, image.config, ...image.layers.slice(1)]) {
      expect((await store.info(digest)).labels).toEqual(own);
    }
    expect((await store.info(first.digest)).labels).toEqual({
      ...own,
      [other]: "library/alpine",
      "slipway.dev/diffid": "x",
    });
  });

  for (const [concurrency, most] of [
    [undefined, 4],
    [2, 2],
    [1, 1],
  ] as const) {
    it(`moves at most ${most} blobs at a time with concurrency ${concurrency}`, async () => {
      const { pull, store } = await setUp();
      let [now, peak] = [0, 0];
      const watched: ContentStore = Object.assign(Object.create(store), {
        async writer(options: Parameters<ContentStore["writer"]>[0]) {
          const writer = await store.writer(options);
          now++;
          peak = Math.max(peak, now);
          let open = true;
          const close = async () => {
            if (open) now--;
            open = false;
            await writer.close();
          };
          return Object.assign(Object.create(writer), {
            write: (bytes: Uint8Array) => writer.write(bytes),
            status: () => writer.status(),
            digest: () => writer.digest(),
            truncate: (size: number) => writer.truncate(size),
            commit: (wanted: object) => writer.commit(wanted),
            close,
          });
        },
        info: (digest: Digest) => store.info(digest),
        label: (digest: Digest, labels: object) => store.label(digest, labels as never),
      });
      await pull(watched, { concurrency });
      expect(peak).toBe(most);
    });
  }

  it("refuses a concurrency that is none", async () => {
    const { pull, store } = await setUp();
    for (const concurrency of [0, -1, 1.5, Number.NaN]) {
      await expect(pull(store, { concurrency })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
  });

  it("tells of each blob as a step of its own, with its bytes, and of all together", async () => {
    const { image, big, pull, store } = await setUp();
    const events: ProgressEvent[] = [];
    await pull(store, { onProgress: (event) => events.push(event) });
    const whole = `copying image ${image.descriptor.digest}`;
    const total = [image.descriptor, image.config, ...image.layers].reduce((sum, { size }) => sum + size, 0);
    expect(events.filter(({ id }) => id === whole).at(-1)).toMatchObject({ state: "completed", current: total, total });
    const own = events.filter(({ id, parent }) => parent === whole && id.endsWith(big.digest));
    expect(own[0]).toMatchObject({ state: "started", name: `copying ${big.digest}` });
    expect(own.at(-1)).toMatchObject({ state: "completed", current: big.size, total: big.size });
    const positions = own.flatMap(({ current }) => current ?? []);
    expect(positions.length).toBeGreaterThan(4);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    events.length = 0;
    await pull(store, { onProgress: (event) => events.push(event) });
    const ends = events.filter(({ parent, state }) => parent === whole && state === "completed");
    expect(ends).toHaveLength(2 + image.layers.length);
    expect(ends.every(({ cached }) => cached === true)).toBe(true);
  });

  it("goes on at the byte where the last run stopped", async () => {
    let refuses = true;
    const { big, image, pull, store, requests } = await setUp({
      on: ({ url, headers }) => {
        if (!refuses || !url.includes("/blobs/")) return undefined;
        // The first answer is cut, and no further one comes.
        return headers.range === undefined
          ? { kind: "cut response", after: 600_000 }
          : { kind: "answer", status: 404, body: "gone" };
      },
    });
    await expect(pull(store)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(store.info(image.descriptor.digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
    const { offset } = await store.status(`blob-${big.digest}`);
    expect(offset).toBeGreaterThan(0);
    requests();
    refuses = false;
    await pull(store);
    const ranges = requests().flatMap(({ url, headers }) => (url.includes(big.digest) ? [headers.range] : []));
    expect(ranges).toEqual([`bytes=${offset}-${big.size - 1}`]);
    await verifyImage(store, image.descriptor, { diffIDs: true });
    for await (const { ref } of store.statuses()) expect(ref).toBe("none is left");
  });

  it("begins anew where what the last run left is not the beginning of the blob", async () => {
    const { big, image, pull, store } = await setUp();
    const writer = await store.writer({ ref: `blob-${big.digest}`, size: big.size, digest: big.digest });
    await writer.write(new Uint8Array(1000).fill(7));
    await writer.close();
    await pull(store);
    await verifyImage(store, image.descriptor, { diffIDs: true });
  });

  it("does not name an image of which one blob is wrong, nor keep that blob", async () => {
    const { big, image, pull, store } = await setUp({
      on: ({ url }) => (url.includes("/blobs/") ? { kind: "flip", at: 500_000 } : undefined),
    });
    await expect(pull(store)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await storedDigests(store)).not.toContain(image.descriptor.digest);
    await expect(store.status(`blob-${big.digest}`)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("ends with the signal's reason, and with it all its requests", async () => {
    const { pull, store, registry, image } = await setUp({
      on: ({ url }) => (url.includes("/blobs/") ? { kind: "silence" } : undefined),
    });
    const controller = new AbortController();
    const pulled = pull(store, { signal: controller.signal });
    const reason = new Error("enough");
    await expect.poll(() => registry.requests.filter(isBlob).length, { timeout: 30_000 }).toBeGreaterThan(0);
    controller.abort(reason);
    await expect(pulled).rejects.toBe(reason);
    expect(await storedDigests(store)).not.toContain(image.descriptor.digest);
  });
});
