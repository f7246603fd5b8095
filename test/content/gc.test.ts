import { describe, expect, it } from "vitest";
import {
  type ContentInfo,
  type ContentStore,
  collectGarbage,
  createLeaseManager,
  createMemoryContentStore,
  type LeaseManager,
  withLease,
  writeBlob,
} from "../../src/content/index.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { createRecords } from "./records.ts";
import { arrayOf, bytesOf, corruptStore } from "./support.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

interface Written extends ContentInfo {
  readonly mediaType: string;
}

async function put(store: ContentStore, content: unknown, mediaType = LAYER): Promise<Written> {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return { ...(await writeBlob(store, bytesOf(text))), mediaType };
}

/** A manifest over a config and two layers, all named after `name`. */
async function putImage(store: ContentStore, name: string, more: object = {}): Promise<Written[]> {
  const config = await put(store, { os: "linux", name }, "application/vnd.oci.image.config.v1+json");
  const layers = [await put(store, `layer 1 of ${name}`), await put(store, `layer 2 of ${name}`)];
  const manifest = await put(store, { schemaVersion: 2, mediaType: MANIFEST, config, layers, ...more }, MANIFEST);
  return [manifest, config, ...layers];
}

const digestsOf = (blobs: readonly { readonly digest: Digest }[]): Digest[] => blobs.map(({ digest }) => digest).sort();
const digestsIn = async (store: ContentStore): Promise<Digest[]> => digestsOf(await arrayOf(store.list()));

const bound = (leases: LeaseManager): LeaseManager => ({
  create: (id) => leases.create(id),
  list: () => leases.list(),
  get: (id) => leases.get(id),
  protectedDigests: () => leases.protectedDigests(),
  sweep: (...given) => leases.sweep(...given),
});

describe("collectGarbage", () => {
  it("keeps what a manifest refers to and removes the rest", async () => {
    const content = createMemoryContentStore();
    const kept = await putImage(content, "kept");
    const garbage = [...(await putImage(content, "garbage")), await put(content, "loose")];
    const [manifest] = kept;
    const collected = await collectGarbage({ content, roots: () => (manifest === undefined ? [] : [manifest]) });
    expect(digestsOf(collected.removed)).toEqual(digestsOf(garbage));
    expect(collected.bytes).toBe(garbage.reduce((sum, { size }) => sum + size, 0));
    expect(await digestsIn(content)).toEqual(digestsOf(kept));
  });

  it("goes through indexes in indexes, Docker's documents and subjects, from digests alone too", async () => {
    const content = createMemoryContentStore();
    const amd64 = await putImage(content, "amd64");
    const subject = await putImage(content, "subject");
    const arm64 = await putImage(content, "arm64", { mediaType: DOCKER_MANIFEST, subject: subject[0] });
    const inner = await put(content, { schemaVersion: 2, mediaType: INDEX, manifests: [arm64[0]] }, INDEX);
    const outer = await put(content, { schemaVersion: 2, manifests: [amd64[0], inner] }, INDEX);
    await put(content, "garbage");
    await collectGarbage({ content, roots: () => [outer.digest] });
    expect(await digestsIn(content)).toEqual(digestsOf([...amd64, ...arm64, ...subject, inner, outer]));
  });

  it("does not end up in a circle, and takes a document that could be both kinds for both", async () => {
    const content = createMemoryContentStore();
    const [one, two] = [await put(content, "one"), await put(content, "two")];
    const both = await put(content, { schemaVersion: 2, manifests: [one], layers: [two] }, MANIFEST);
    const twice = await put(content, { manifests: [both, both] }, INDEX);
    await collectGarbage({ content, roots: () => [twice, both, twice.digest] });
    expect(await digestsIn(content)).toEqual(digestsOf([one, two, both, twice]));
  });

  it("takes no layer for a document, whatever it contains", async () => {
    const content = createMemoryContentStore();
    const loose = await put(content, "loose");
    const layer = await put(content, { manifests: [loose] });
    await collectGarbage({ content, roots: () => [layer] });
    expect(await digestsIn(content)).toEqual([layer.digest]);
  });

  it("survives JSON that is no document", async () => {
    const content = createMemoryContentStore();
    const odd = [
      "{",
      "{}",
      "[]",
      "null",
      '{"manifests":{}}',
      '{"manifests":[null,1,{"digest":5},{"digest":"sha256:../x"}]}',
      '{"config":"x"}',
      "\u{feff}{}",
    ];
    const roots: Written[] = [];
    for (const text of odd) roots.push(await put(content, text, MANIFEST));
    expect((await collectGarbage({ content, roots: () => roots })).removed).toEqual([]);
  });

  it("removes nothing if a manifest is corrupt: what it refers to is not known", async () => {
    const { store: content, corrupt } = corruptStore();
    const [manifest] = await putImage(content, "image");
    if (manifest === undefined) throw new Error("no manifest");
    corrupt(manifest.digest, new Uint8Array(manifest.size));
    const before = await digestsIn(content);
    await expect(collectGarbage({ content, roots: () => [manifest] })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
    expect(await digestsIn(content)).toEqual(before);
  });

  it("does without blobs that are not there", async () => {
    const content = createMemoryContentStore();
    const [manifest, config, layer] = await putImage(content, "partly fetched");
    if (manifest === undefined || config === undefined || layer === undefined) throw new Error("no image");
    await content.delete(layer.digest);
    const absent: Digest = `sha256:${"0".repeat(64)}`;
    expect((await collectGarbage({ content, roots: () => [manifest, absent] })).removed).toEqual([]);
  });

  it("does without a document that another collection removes while it is read", async () => {
    const store = createMemoryContentStore();
    const manifest = await put(store, { config: { digest: `sha256:${"1".repeat(64)}` }, layers: [] }, MANIFEST);
    const racing: ContentStore = {
      list: () => store.list(),
      info: (digest) => store.info(digest),
      delete: (digest) => store.delete(digest),
      label: (digest, labels) => store.label(digest, labels),
      writer: (options) => store.writer(options),
      status: (ref) => store.status(ref),
      statuses: () => store.statuses(),
      abort: (ref) => store.abort(ref),
      async *open(digest) {
        await store.delete(digest);
        yield* store.open(digest);
      },
    };
    const { removed } = await collectGarbage({ content: racing, roots: () => [manifest] });
    expect(removed).toEqual([]);
  });

  it("refuses a root that is no digest", async () => {
    const content = createMemoryContentStore();
    const roots = ["latest" as Digest];
    await expect(collectGarbage({ content, roots: () => roots })).rejects.toMatchObject({ code: "INVALID_DIGEST" });
  });

  it("removes nothing in a dry run, but says what it would", async () => {
    const content = createMemoryContentStore();
    const garbage = await putImage(content, "garbage");
    const writer = await content.writer({ ref: "left" });
    await writer.close();
    const collected = await collectGarbage({ content, roots: () => [], dryRun: true, abandoned: ["left"] });
    expect(digestsOf(collected.removed)).toEqual(digestsOf(garbage));
    expect(collected.ingests).toEqual(["left"]);
    expect(await digestsIn(content)).toEqual(digestsOf(garbage));
    expect(await arrayOf(content.statuses())).toHaveLength(1);
  });

  it("throws ingests away only if asked, and none that somebody writes to", async () => {
    const content = createMemoryContentStore();
    await (await content.writer({ ref: "young" })).close();
    await (await content.writer({ ref: "old" })).close();
    const held = await content.writer({ ref: "held" });
    expect((await collectGarbage({ content, roots: () => [] })).ingests).toEqual([]);
    const { ingests } = await collectGarbage({ content, roots: () => [], abandoned: ["old", "held", "none"] });
    expect(ingests).toEqual(["old"]);
    expect((await arrayOf(content.statuses())).map(({ ref }) => ref).sort()).toEqual(["held", "young"]);
    await held.close();
  });

  it.each([
    ["nothing", () => undefined, /roots gives no list/],
    ["a record of an image", () => [{ name: "x", target: { digest: "sha256:0" } }], /give the `target` of an image/],
    ["undefined", () => [undefined], /a root is a digest or a descriptor/],
  ])("says what roots are where a function gives %s", async (_, given, message) => {
    const content = createMemoryContentStore();
    const blob = await put(content, "stays");
    const roots = given as unknown as () => [];
    await expect(collectGarbage({ content, roots })).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message });
    expect(await digestsIn(content)).toEqual([blob.digest]);
  });

  it("refuses a list of roots: it is old by the time it is used", async () => {
    const content = createMemoryContentStore();
    const roots = [] as unknown as () => [];
    await expect(collectGarbage({ content, roots })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("ends with the signal's reason", async () => {
    const content = createMemoryContentStore();
    await putImage(content, "image");
    const reason = new Error("stop");
    await expect(collectGarbage({ content, roots: () => [], signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(await digestsIn(content)).toHaveLength(4);
  });
});

describe("collectGarbage under leases", () => {
  it("keeps what a lease protects until it is released", async () => {
    const content = createMemoryContentStore();
    const leases = createLeaseManager(createRecords());
    const lease = await leases.create();
    const image = await putImage(withLease(content, lease), "image");
    await collectGarbage({ content, roots: () => [], leases });
    expect(await digestsIn(content)).toEqual(digestsOf(image));
    await lease.release();
    await collectGarbage({ content, roots: () => [], leases });
    expect(await digestsIn(content)).toEqual([]);
  });

  it("keeps what a protected manifest refers to", async () => {
    const content = createMemoryContentStore();
    const leases = createLeaseManager(createRecords());
    const image = await putImage(content, "image");
    const lease = await leases.create();
    if (image[0] !== undefined) await lease.add(image[0].digest);
    await collectGarbage({ content, roots: () => [], leases });
    expect(await digestsIn(content)).toEqual(digestsOf(image));
  });

  it("keeps a blob that was garbage when a lease takes it in, whenever that is", async () => {
    for (const release of [false, true]) {
      const content = createMemoryContentStore();
      const leases = createLeaseManager(createRecords());
      const found = await put(content, "found again");
      const named: Digest[] = [];
      let calls = 0;
      // The roots are asked for in the middle of a collection: this is what happens there.
      const roots = async (): Promise<readonly Digest[]> => {
        calls++;
        if (calls > 1) return named;
        const before = [...named];
        const lease = await leases.create();
        await writeBlob(withLease(content, lease), bytesOf("found again"), { digest: found.digest });
        if (release) {
          named.push(found.digest);
          await lease.release();
        }
        return before;
      };
      await collectGarbage({ content, roots, leases });
      expect(await digestsIn(content)).toEqual([found.digest]);
    }
  });

  it("sees an image that was named, and its lease released, after it has marked", async () => {
    const content = createMemoryContentStore();
    const records = createRecords();
    const leases = createLeaseManager(records);
    const other = createLeaseManager(records);
    const image = await putImage(content, "garbage until it is found again");
    const garbage = await put(content, "garbage");
    const named: Written[] = [];
    let marks = 0;
    const counting: typeof leases = {
      ...bound(leases),
      async sweep(store, candidates, mark) {
        // Between the first mark and the removal.
        const lease = await other.create();
        for (const blob of image) await withLease(content, lease).info(blob.digest);
        if (image[0] !== undefined) named.push(image[0]);
        await lease.release();
        return await leases.sweep(store, candidates, async (view) => {
          marks++;
          return await mark(view);
        });
      },
    };
    const { removed } = await collectGarbage({ content, leases: counting, roots: () => named });
    expect(digestsOf(removed)).toEqual([garbage.digest]);
    expect(await digestsIn(content)).toEqual(digestsOf(image));
    expect(marks).toBe(1);
  });

  it("takes a root for missing that is removed just when it is read", async () => {
    const content = createMemoryContentStore();
    const leases = createLeaseManager(createRecords());
    const garbage = await put(content, "garbage");
    const root = await put(content, "root");
    const open = content.open.bind(content);
    content.open = async function* (digest, range) {
      if (digest === root.digest) await content.delete(digest);
      yield* open(digest, range);
    };
    const { removed } = await collectGarbage({ content, leases, roots: () => [root.digest] });
    expect(digestsOf(removed)).toEqual([garbage.digest]);
  });

  it("removes nothing if the second mark fails", async () => {
    const content = createMemoryContentStore();
    const leases = createLeaseManager(createRecords());
    await put(content, "garbage");
    const reason = new Error("no list");
    let calls = 0;
    const roots = (): readonly Digest[] => {
      calls++;
      if (calls > 1) throw reason;
      return [];
    };
    await expect(collectGarbage({ content, leases, roots })).rejects.toBe(reason);
    expect(await digestsIn(content)).toHaveLength(1);
  });

  it("leaves blobs alone that are written while it runs", async () => {
    const content = createMemoryContentStore();
    let young: Written | undefined;
    const roots = async (): Promise<readonly Digest[]> => {
      young ??= await put(content, "young");
      return [];
    };
    await put(content, "old");
    await collectGarbage({ content, roots });
    expect(await digestsIn(content)).toEqual([young?.digest]);
  });
});
