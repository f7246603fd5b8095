import { randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { type CompressPool, inThreadPool } from "../../src/compress/index.ts";
import { readBlobBytes } from "../../src/content/index.ts";
import type { ContentStore } from "../../src/content/store.ts";
import { createDiffer, DIFF_ID_LABEL } from "../../src/diff/index.ts";
import { digestOf } from "../../src/hash/index.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { type Workbench, workbench } from "./support.ts";

async function sample(bench: Workbench) {
  return (
    await bench.make(async (work) => {
      await work.writeFile("/a/small", "small");
      await work.writeFile("/a/large", new Uint8Array(3_000_000).fill(7));
      await work.writeFile("/empty", "");
    })
  ).tree;
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** The same store, but what is read from it goes through `change`. */
function readingDifferently(
  store: ContentStore,
  change: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): ContentStore {
  return {
    info: (digest) => store.info(digest),
    list: () => store.list(),
    label: (digest, labels) => store.label(digest, labels),
    delete: (digest) => store.delete(digest),
    open: (digest, range) => change(store.open(digest, range)),
    writer: (options) => store.writer(options),
    status: (ref) => store.status(ref),
    statuses: () => store.statuses(),
    abort: (ref) => store.abort(ref),
  };
}

/** The same store, but what is written to it is shown to `watch`, too. */
function writingToo(store: ContentStore, watch: (chunk: Uint8Array) => void): ContentStore {
  return {
    ...readingDifferently(store, (chunks) => chunks),
    writer: async (options) => {
      const writer = await store.writer(options);
      return {
        ref: writer.ref,
        write: async (chunk) => {
          watch(chunk);
          await writer.write(chunk);
        },
        status: () => writer.status(),
        digest: () => writer.digest(),
        truncate: (size) => writer.truncate(size),
        commit: (how) => writer.commit(how),
        close: () => writer.close(),
      };
    },
  };
}

describe("a layer blob", () => {
  it("has the digest of the gzip, and the diffID of the tar in it", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const layer = await createDiffer(bench).compare(undefined, tree);
    const blob = await readBlobBytes(bench.content, layer.descriptor);
    const tar = gunzipSync(blob);
    expect(layer.descriptor.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
    expect(layer.descriptor.digest).toBe(digestOf(blob));
    expect(layer.descriptor.size).toBe(blob.byteLength);
    expect(layer.diffID).toBe(digestOf(tar));
    expect(layer.uncompressedSize).toBe(tar.byteLength);
    const info = await bench.content.info(layer.descriptor.digest);
    expect(info.labels).toEqual({ [DIFF_ID_LABEL]: layer.diffID });
  });

  it("is the tar itself where it is not compressed", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const zipped = await createDiffer(bench).compare(undefined, tree);
    const plain = await createDiffer(bench).compare(undefined, tree, { compression: "uncompressed" });
    expect(plain.descriptor).toEqual({
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      digest: zipped.diffID,
      size: zipped.uncompressedSize,
    });
    expect(plain.diffID).toBe(zipped.diffID);
  });

  it("depends on the level of compression, its diffID does not", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const fast = await createDiffer(bench).compare(undefined, tree, { compressionLevel: 1 });
    const best = await createDiffer(bench).compare(undefined, tree, { compressionLevel: 9 });
    expect(fast.diffID).toBe(best.diffID);
    expect(fast.descriptor.digest).not.toBe(best.descriptor.digest);
  });

  it("of no change is an empty tar", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const layer = await createDiffer(bench).compare(tree, tree, { compression: "uncompressed" });
    expect(await readBlobBytes(bench.content, layer.descriptor)).toEqual(new Uint8Array(1024));
  });

  it("that the store has already is used, and gets the label", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const first = await createDiffer(bench).compare(undefined, tree);
    await bench.content.label(first.descriptor.digest, { [DIFF_ID_LABEL]: undefined, other: "kept" });
    expect(await createDiffer(bench).compare(undefined, tree)).toEqual(first);
    const { labels } = await bench.content.info(first.descriptor.digest);
    expect(labels).toEqual({ [DIFF_ID_LABEL]: first.diffID, other: "kept" });
    expect(await allOf(bench.content.statuses())).toEqual([]);
  });

  it("starts over what an earlier try left under its ref", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const left = await bench.content.writer({ ref: "layer" });
    await left.write(new Uint8Array(100));
    await left.close();
    const layer = await createDiffer(bench).compare(undefined, tree, { ref: "layer" });
    expect(layer).toEqual(await createDiffer(workbenchLike(bench)).compare(undefined, tree));
    expect(await allOf(bench.content.statuses())).toEqual([]);
  });

  it("is written by arrays whose memory is given back, save for what others may use", async () => {
    const noise = randomBytes(300_000);
    const sharing: CompressPool = {
      ...inThreadPool,
      async deflate(block, options) {
        const { data, ...sums } = await inThreadPool.deflate(block, options);
        const larger = new Uint8Array(data.byteLength + 1);
        larger.set(data);
        return { ...sums, data: larger.subarray(0, data.byteLength) };
      },
    };
    const sizes: (readonly number[])[] = [];
    for (const compressPool of [inThreadPool, sharing]) {
      const bench = workbench();
      const { tree } = await bench.make((work) => work.writeFile("/noise", noise));
      const written: Uint8Array[] = [];
      const content = writingToo(bench.content, (chunk) => written.push(chunk));
      const layer = await createDiffer({ content, compressPool }).compare(undefined, tree);
      expect(gunzipSync(await readBlobBytes(bench.content, layer.descriptor)).byteLength).toBe(layer.uncompressedSize);
      sizes.push(written.map(({ byteLength }) => byteLength).filter((size) => size > 300_000 || size === 0));
    }
    expect(sizes).toEqual([[0], [expect.any(Number)]]);
    expect(sizes[1]?.[0]).toBeGreaterThan(300_000);
  });

  it("has a bad compression refused by name", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const options = { compression: "zstd" as unknown } as { compression: "gzip" };
    await expect(createDiffer(bench).compare(undefined, tree, options)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("zstd"),
    });
  });
});

const workbenchLike = ({ content }: { content: ContentStore }) => ({ content });

describe("a comparison that fails", () => {
  async function leftovers(bench: Workbench, before: ReadonlySet<string>): Promise<unknown[]> {
    const blobs = (await allOf(bench.content.list())).filter(({ digest }) => !before.has(digest));
    return [...blobs, ...(await allOf(bench.content.statuses()))];
  }

  const digests = async (bench: Workbench) =>
    new Set<string>((await allOf(bench.content.list())).map(({ digest }) => digest));

  it("leaves nothing where content is missing, and names the file", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    await bench.content.delete(digestOf(new TextEncoder().encode("small")));
    const before = await digests(bench);
    await expect(createDiffer(bench).compare(undefined, tree)).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("/a/small"),
    });
    expect(await leftovers(bench, before)).toEqual([]);
  });

  it("leaves nothing where content is corrupt", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const before = await digests(bench);
    const corrupt = readingDifferently(bench.content, async function* (chunks) {
      for await (const chunk of chunks) yield chunk.map((byte) => byte ^ 1);
    });
    await expect(createDiffer({ content: corrupt }).compare(undefined, tree)).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
    expect(await leftovers(bench, before)).toEqual([]);
  });

  it("leaves nothing when it is aborted, and rejects with the reason", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const before = await digests(bench);
    const controller = new AbortController();
    const reason = new Error("enough");
    const onProgress = (event: ProgressEvent): void => {
      if (event.state === "running") controller.abort(reason);
    };
    const options = { signal: controller.signal, onProgress, ref: "layer" };
    await expect(createDiffer(bench).compare(undefined, tree, options)).rejects.toBe(reason);
    expect(await leftovers(bench, before)).toEqual([]);
    await expect(createDiffer(bench).compare(undefined, tree, { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
  });

  it("does not touch the ingest of somebody else who holds its ref", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const other = await bench.content.writer({ ref: "layer" });
    await other.write(new Uint8Array(10));
    await expect(createDiffer(bench).compare(undefined, tree, { ref: "layer" })).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
    expect(other.status().offset).toBe(10);
    await other.close();
  });

  it("refuses names that a layer cannot hold before anything is written", async () => {
    const bench = workbench();
    const { tree } = await bench.make((work) => work.writeFile("/.wh.x", ""));
    const before = await digests(bench);
    await expect(createDiffer(bench).compare(undefined, tree)).rejects.toMatchObject({ code: "INVALID_PATH" });
    expect(await leftovers(bench, before)).toEqual([]);
  });
});

describe("progress", () => {
  it("tells bytes of content, of a total that is known from the start", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const events: ProgressEvent[] = [];
    await createDiffer(bench).compare(undefined, tree, { ref: "layer", onProgress: (event) => events.push(event) });
    expect(events[0]).toEqual({ id: "layer", name: "creating layer", state: "started" });
    const counts = events.filter(({ state }) => state === "running").map(({ current }) => current ?? 0);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(events.at(-1)).toMatchObject({ state: "completed", current: 3_000_005, total: 3_000_005 });
  });

  it("passes warnings on", async () => {
    const bench = workbench();
    const { tree } = await bench.make((work) => work.mknod("/s", "socket"));
    const warned: string[] = [];
    await createDiffer(bench).compare(undefined, tree, { onWarning: ({ path }) => warned.push(path) });
    expect(warned).toEqual(["/s"]);
  });
});

describe("the bytes of a layer", () => {
  it("do not depend on the chunks in which contents come", async () => {
    const bench = workbench();
    const tree = await sample(bench);
    const chopped = readingDifferently(bench.content, async function* (chunks) {
      const whole = concatBytes(await allOf(chunks));
      for (let at = 0; at < whole.byteLength; at += 9973) yield whole.subarray(at, at + 9973);
    });
    const expected = await createDiffer(bench).compare(undefined, tree);
    expect(await createDiffer({ content: chopped }).compare(undefined, tree)).toEqual(expected);
  });
});
