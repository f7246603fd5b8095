import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { constants, gunzipSync, inflateRawSync } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { gzip, inThreadPool } from "../../src/compress/index.ts";
import { collectGarbage, createLeaseManager, readBlobBytes, withLease, writeBlob } from "../../src/content/index.ts";
import { SlipwayError } from "../../src/errors.ts";
import { createBlockCache } from "../../src/exporter/block-cache.ts";
import { type BlockRecord, parseRecord } from "../../src/exporter/block-cache-record.ts";
import { createExporter } from "../../src/exporter/create-exporter.ts";
import { digestOf } from "../../src/hash/index.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { digestHex } from "../../src/oci/digest.ts";
import { createSnapshotter } from "../../src/snapshots/index.ts";
import type { MetadataStore } from "../../src/snapshots/metadata.ts";
import { comparePaths } from "../../src/snapshots/path.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import {
  blockRecords,
  type CountingPool,
  changedWhenRead,
  countingPool,
  exportFiles,
  exportPlain,
  type Files,
  inDirectory,
  inMemory,
  manyFiles,
  type Place,
  text,
  withFile,
} from "./block-cache-support.ts";
import { watched } from "./support.ts";

const FILES = manyFiles();
/** A file in the midst of a block. */
const EDITED = withFile(FILES, "/dir3/file33.txt", text(1000, 20_000));

/** The record of a layer's blocks. */
async function recordOf(metadata: MetadataStore, { digest }: Descriptor): Promise<BlockRecord> {
  const bytes = await metadata.get(`blocks/${digest}`);
  const record = bytes && (await parseRecord(bytes));
  if (typeof record !== "object") throw new Error(`no record of ${digest}`);
  return record;
}

/** The tar of the layer of these files. */
async function tarOf(files: Files): Promise<Uint8Array> {
  const place = await inMemory();
  const { layer } = await exportFiles({ ...place, blockCache: false }, files);
  return gunzipSync(await readBlobBytes(place.content, layer, { limit: layer.size }));
}

describe.each([
  ["memory", inMemory],
  ["a directory", () => inDirectory()],
] as const)("the block cache over stores in %s", (_, openPlace) => {
  it("has a layer with one changed file compressed anew only around it", async () => {
    const place = await openPlace();
    const first = countingPool();
    await exportFiles({ ...place, compressPool: first }, FILES);
    expect(first.blocks).toBeGreaterThanOrEqual(5);

    const again = countingPool();
    const image = await exportFiles({ ...place, compressPool: again }, EDITED);
    expect(image).toEqual(await exportPlain(EDITED));
    expect(again.blocks).toBeGreaterThanOrEqual(1);
    // The block of the file, and what is too small to be kept.
    expect(again.blocks).toBeLessThanOrEqual(3);
    expect(again.bytes).toBeLessThan(first.bytes / 2);
  });

  it("takes blocks of one layer from several older ones", async () => {
    const place = await openPlace();
    const large = text(1, 3 * 1024 * 1024);
    await exportFiles(place, FILES);
    await exportFiles(place, new Map([["/large.bin", large]]));
    const pool = countingPool();
    // A large file has the same blocks inside, wherever it is.
    const both = withFile(FILES, "/dir0/large.bin", large);
    expect(await exportFiles({ ...place, compressPool: pool }, both)).toEqual(await exportPlain(both));
    expect(pool.bytes).toBeLessThan(5 * 1024 * 1024);
  });

  it("has a layer of a base that is made over compressed anew only where it is new", async () => {
    const place = await openPlace();
    const convert = async (
      stores: Place & { blockCache?: false },
      files: Files,
    ): Promise<[Descriptor, CountingPool]> => {
      const base = await inMemory();
      const { image } = await exportFiles(base, files, { compression: "uncompressed" });
      const compressPool = countingPool();
      const exporter = createExporter({
        ...stores,
        compressPool,
        snapshots: createSnapshotter({ content: stores.content }),
      });
      const options = { base: { content: base.content, manifest: image } };
      const { descriptor } = await exporter.resolve({ forceCompression: true }).export(undefined, options);
      return [descriptor, compressPool];
    };
    const [, first] = await convert(place, FILES);
    const [image, again] = await convert(place, EDITED);
    const [plain] = await convert({ ...(await inMemory()), blockCache: false }, EDITED);
    expect(image).toEqual(plain);
    expect(first.blocks).toBeGreaterThanOrEqual(5);
    expect(again.blocks).toBeLessThanOrEqual(3);
  });

  it("works under a lease, and finds nothing in layers that were collected meanwhile", async () => {
    const place = await openPlace();
    const leases = createLeaseManager(place.metadata);
    const lease = await leases.create();
    const held = { ...place, content: withLease(place.content, lease) };
    const { layer } = await exportFiles(held, FILES);
    const pool = countingPool();
    await exportFiles({ ...held, compressPool: pool }, EDITED);
    expect(pool.blocks).toBeLessThanOrEqual(3);

    await lease.release();
    await collectGarbage({ content: place.content, roots: () => [], leases });
    const all = countingPool();
    expect(await exportFiles({ ...place, compressPool: all }, FILES)).toEqual(await exportPlain(FILES));
    expect(all.blocks).toBeGreaterThanOrEqual(5);
    // The other layer's record, which nothing was found by, has gone with its first block.
    expect(await blockRecords(place.metadata)).toEqual([`blocks/${layer.digest}`]);
  });

  it("takes an older layer's blocks where the newer one's is gone", async () => {
    const place = await openPlace();
    await exportFiles(place, FILES);
    const { layer } = await exportFiles(place, EDITED);
    await place.content.delete(layer.digest);
    const pool = countingPool();
    const files = withFile(FILES, "/dir3/file33.txt", text(1001, 20_000));
    expect(await exportFiles({ ...place, compressPool: pool }, files)).toEqual(await exportPlain(files));
    expect(pool.blocks).toBeLessThanOrEqual(3);
    expect(await place.metadata.get(`blocks/${layer.digest}`)).toBeUndefined();
  });

  it("throws away records that were cut or changed", async () => {
    const place = await openPlace();
    for (const damage of [(bytes: Uint8Array) => bytes.slice(0, -1), flipInTheMidst, () => new Uint8Array(0)]) {
      const { layer } = await exportFiles(place, FILES);
      const key = `blocks/${layer.digest}`;
      await place.metadata.set(key, damage((await place.metadata.get(key)) ?? new Uint8Array(0)));
      const pool = countingPool();
      const made = await exportFiles({ ...place, compressPool: pool }, EDITED);
      expect(made).toEqual(await exportPlain(EDITED));
      expect(pool.blocks).toBeGreaterThanOrEqual(5);
      expect(await blockRecords(place.metadata)).toEqual([`blocks/${made.layer.digest}`]);
      // For the next round.
      for (const name of await place.metadata.keys("")) await place.metadata.delete(name);
    }
  });

  it("leaves records alone that it does not know", async () => {
    const place = await openPlace();
    await place.metadata.set("blocks/of-others", new Uint8Array([1, 2, 3]));
    await exportFiles(place, FILES);
    await exportFiles(place, EDITED);
    expect([...((await place.metadata.get("blocks/of-others")) ?? [])]).toEqual([1, 2, 3]);
  });

  it("is used by several exporters at once, none of which spoils what others find", async () => {
    const place = await openPlace();
    await exportFiles(place, FILES);
    const versions = [1, 2, 3, 4].map((seed) =>
      withFile(FILES, `/dir3/file${3 + 6 * seed}.txt`, text(2000 + seed, 9000)),
    );
    const made = await Promise.all(
      versions.map(async (files) => {
        const compressPool = countingPool();
        return { ...(await exportFiles({ ...place, compressPool }, files)), blocks: compressPool.blocks };
      }),
    );
    for (const [index, { image, layer, blocks }] of made.entries()) {
      expect({ image, layer }).toEqual(await exportPlain(versions[index] ?? FILES));
      expect(blocks).toBeLessThanOrEqual(3);
      await recordOf(place.metadata, layer);
    }
    expect(await blockRecords(place.metadata)).toHaveLength(5);
  });

  it("forgets the layers recorded first when there are more blocks than it may know", async () => {
    const place = await openPlace();
    const first = await exportFiles(place, FILES);
    const { blocks } = await recordOf(place.metadata, first.layer);
    const layers: string[] = [`blocks/${first.layer.digest}`];
    for (const seed of [1, 2, 3]) {
      const blockCache = createBlockCache({ ...place, limit: 2 * blocks.length + 1 });
      const files = withFile(FILES, "/dir3/file33.txt", text(3000 + seed, 20_000));
      layers.push(`blocks/${(await exportFiles({ ...place, blockCache }, files)).layer.digest}`);
      expect([...(await blockRecords(place.metadata))].sort()).toEqual(layers.slice(-2).sort());
    }
  });

  it("keeps no more of one layer than it may know", async () => {
    const place = await openPlace();
    const blockCache = createBlockCache({ ...place, limit: 2 });
    const { layer } = await exportFiles({ ...place, blockCache }, FILES);
    expect((await recordOf(place.metadata, layer)).blocks).toHaveLength(2);
  });

  it("records nothing of a layer that failed or was cancelled", async () => {
    const place = await openPlace();
    const error = new Error("no more");
    const failing = (at: number): CountingPool => {
      const pool = countingPool();
      const { deflate } = pool;
      return Object.assign(pool, {
        deflate(...given: Parameters<CountingPool["deflate"]>) {
          return pool.blocks < at ? deflate.apply(pool, given) : Promise.reject(error);
        },
      });
    };
    await expect(exportFiles({ ...place, compressPool: failing(3) }, FILES)).rejects.toBe(error);
    expect(await blockRecords(place.metadata)).toEqual([]);

    const controller = new AbortController();
    const reason = new Error("cancelled");
    const cancelling = countingPool(async () => {
      controller.abort(reason);
      throw reason;
    });
    const cancelled = exportFiles({ ...place, compressPool: cancelling }, FILES, {}, controller.signal);
    await expect(cancelled).rejects.toBe(reason);
    expect(await blockRecords(place.metadata)).toEqual([]);
  });
});

const flipInTheMidst = (bytes: Uint8Array): Uint8Array => {
  const at = bytes.byteLength >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
};

describe("the block cache", () => {
  it("has the blocks of the package's own engine in another process, too", async () => {
    const directory = temporaryDirectory();
    const files = new Map([...FILES].filter(([path]) => path.startsWith("/dir3/")));
    const edited = withFile(files, "/dir3/file33.txt", text(1, 20_000));
    const pools = [files, edited].map(() => countingPool((block) => inThreadPool.deflate(block, { level: 1 })));
    for (const [index, version] of [files, edited].entries()) {
      const place = await inDirectory(directory);
      await exportFiles({ ...place, compressPool: pools[index] }, version, { compressionLevel: 1 });
    }
    const { content } = await inDirectory(directory);
    const { layer } = await exportFiles({ ...(await inMemory()), compressPool: undefined }, edited, {
      compressionLevel: 1,
    });
    expect(await content.info(layer.digest)).toMatchObject({ size: layer.size });
    expect(pools[0]?.blocks).toBeGreaterThanOrEqual(4);
    expect(pools[1]?.blocks).toBeLessThanOrEqual(2);
  });

  it("notes where the deflated data of each block lies", async () => {
    const place = await inMemory();
    const { layer } = await exportFiles(place, FILES);
    const blob = await readBlobBytes(place.content, layer, { limit: layer.size });
    const { blocks } = await recordOf(place.metadata, layer);
    const tar = gunzipSync(blob);
    let at = 0;
    // A block may have several keys.
    for (const { offset, dataSize, size } of new Map(blocks.map((block) => [block.offset, block])).values()) {
      // Each block inflates by itself: the header of a gzip member before it, the end of one behind it.
      const inflated = inflateRawSync(blob.subarray(offset, offset + dataSize), {
        finishFlush: constants.Z_SYNC_FLUSH,
      });
      at = tar.indexOf(inflated, at);
      expect(at).toBeGreaterThanOrEqual(0);
      expect(inflated.byteLength).toBe(size);
      at += size;
    }
  });

  it("has no file read whose block is as it was", async () => {
    const { content, metadata } = await inMemory();
    const { layer } = await exportFiles({ content, metadata }, FILES);
    const store = watched(content);
    expect(await exportFiles({ content: store, metadata }, EDITED)).toEqual(await exportPlain(EDITED));
    const contents = new Set<string>([...FILES.values()].map((bytes) => digestOf(bytes)));
    const read = new Set(store.opened.filter((digest) => contents.has(digest)));
    expect(store.opened).toContain(layer.digest);
    // Those that share a block with the one that changed, or lie in a block that is too small to be kept.
    expect(read.size).toBeLessThan((contents.size * 2) / 3);
  });

  it("has pieces of a large file used again of which others changed", async () => {
    const large = (seed: number): Uint8Array => text(999, 6 * 1024 * 1024).fill(seed, 3_000_000, 3_000_100);
    const place = await inMemory();
    for (const [seed, expected] of [
      [1, 6],
      [2, 1],
    ] as const) {
      const files = new Map([["/large", large(seed)]]);
      const pool = countingPool();
      expect(await exportFiles({ ...place, compressPool: pool }, files)).toEqual(await exportPlain(files));
      expect(pool.blocks).toBe(expected);
    }
  });

  it("reads and verifies the whole of a large file of which one piece is known no more", async () => {
    const files = new Map([["/large", text(999, 6 * 1024 * 1024)]]);
    for (const gone of [1, 4]) {
      const { content, metadata } = await inMemory();
      const { layer } = await exportFiles({ content, metadata }, files);
      const { blocks } = await recordOf(metadata, layer);
      const offset = [...new Set(blocks.map((block) => block.offset))][gone] ?? 0;
      const damaged = changedWhenRead(content, (digest, from, chunk) => {
        const at = offset + 50 - from;
        if (digest === layer.digest && at >= 0 && at < chunk.byteLength) chunk[at] = (chunk[at] ?? 0) ^ 1;
      });
      const edited = new Map(files).set("/more", text(1, 1000));
      const rotten = changedWhenRead(damaged, (digest, from, chunk) => {
        if (digest === digestOf(text(999, 6 * 1024 * 1024)) && from === 0) chunk[0] = (chunk[0] ?? 0) ^ 1;
      });
      await expect(exportFiles({ content: rotten, metadata }, edited)).rejects.toMatchObject({
        code: "DIGEST_MISMATCH",
      });
      const pool = countingPool();
      expect(await exportFiles({ content: damaged, metadata, compressPool: pool }, edited)).toEqual(
        await exportPlain(edited),
      );
      // It, the end of the file, which was the end of the tar, and what comes after it.
      expect(pool.blocks).toBe(3);
    }
  });

  it("has the blocks found without their contents of a layer that was written while these were read", async () => {
    const { content, metadata } = await inMemory();
    const snapshots = createSnapshotter({ content });
    const instance = createExporter({ content, metadata, snapshots, compressPool: countingPool() }).resolve();
    const work = await snapshots.prepare("work");
    const ahead = instance.writeAhead(work);
    const inOrder = [...FILES].sort(([a], [b]) => comparePaths(a, b));
    for (const [path, bytes] of inOrder) await ahead?.work.writeFile(path, bytes);
    const ref = await snapshots.commit("done", "work");
    await ahead?.finish(ref);
    const { layer } = await exportPlain(FILES);
    expect((await instance.export(ref)).manifests[0]?.layers[0]?.descriptor).toEqual(layer);

    const store = watched(content);
    expect(await exportFiles({ content: store, metadata }, EDITED)).toEqual(await exportPlain(EDITED));
    const contents = new Set<string>([...FILES.values()].map((bytes) => digestOf(bytes)));
    expect(new Set(store.opened.filter((digest) => contents.has(digest))).size).toBeLessThan((contents.size * 2) / 3);
  });

  it("deflates a block again of which a byte has changed in the store", async () => {
    const directory = temporaryDirectory();
    const place = await inDirectory(directory);
    const { layer } = await exportFiles(place, FILES);
    const { blocks } = await recordOf(place.metadata, layer);
    const broken = blocks.at(-2);
    // Nobody may write to a blob: another file takes its place.
    const path = join(directory, "blobs/sha256", digestHex(layer.digest));
    const bytes = await readFile(path);
    const at = (broken?.offset ?? 0) + 100;
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    await rm(path);
    await writeFile(path, bytes);

    const [before, again] = [countingPool(), countingPool()];
    const untouched = await inMemory();
    await exportFiles(untouched, FILES);
    await exportFiles({ ...untouched, compressPool: before }, EDITED);
    expect(await exportFiles({ ...place, compressPool: again }, EDITED)).toEqual(await exportPlain(EDITED));
    expect(again.blocks).toBe(before.blocks + 1);
  });

  it("does not read again what it has replaced", async () => {
    const { content, metadata } = await inMemory();
    const { layer } = await exportFiles({ content, metadata }, FILES);
    const { blocks } = await recordOf(metadata, layer);
    const broken = blocks.find(({ size }) => size === 1024 * 1024);
    let seen = 0;
    const changed = changedWhenRead(content, (digest, offset, chunk) => {
      const at = (broken?.offset ?? 0) + 50 - offset;
      if (digest !== layer.digest || at < 0 || at >= chunk.byteLength) return;
      seen++;
      chunk[at] = (chunk[at] ?? 0) ^ 1;
    });
    for (const seed of [1, 2]) {
      const files = withFile(FILES, "/dir3/file33.txt", text(4000 + seed, 20_000));
      expect(await exportFiles({ content: changed, metadata }, files)).toEqual(await exportPlain(files));
      // The next time it is read where it was written anew.
      expect(seen).toBe(1);
    }
  });

  it("does without a layer that vanishes or fails while it is read", async () => {
    for (const code of ["NOT_FOUND", "IO", "SIZE_MISMATCH"] as const) {
      const { content, metadata } = await inMemory();
      const { layer } = await exportFiles({ content, metadata }, FILES);
      let chunks = 0;
      const failing = changedWhenRead(content, (digest) => {
        if (digest === layer.digest && ++chunks > 3) throw new SlipwayError(code, "Cannot read it any more");
      });
      const pool = countingPool();
      const made = await exportFiles({ content: failing, metadata, compressPool: pool }, EDITED);
      expect(made).toEqual(await exportPlain(EDITED));
      expect(pool.blocks).toBeGreaterThanOrEqual(3);
      // Only what is gone for good is forgotten for good.
      expect((await metadata.get(`blocks/${layer.digest}`)) === undefined).toBe(code === "NOT_FOUND");
    }
  });

  it("is no reason to fail when its records cannot be read or written", async () => {
    const { content } = await inMemory();
    const broken = async (): Promise<never> => {
      throw new SlipwayError("IO", "Cannot use the disk");
    };
    const metadata = { get: broken, set: broken, delete: broken, compareAndSet: broken, keys: broken };
    const stores = { ...(await inMemory()), blockCache: createBlockCache({ content, metadata }) };
    expect(await exportFiles(stores, FILES)).toEqual(await exportPlain(FILES));
  });

  it("opens an older layer once for blocks that follow each other in it", async () => {
    const { content, metadata } = await inMemory();
    const { layer } = await exportFiles({ content, metadata }, FILES);
    const store = watched(content);
    await exportFiles({ content: store, metadata }, EDITED);
    expect(store.opened.filter((digest) => digest === layer.digest).length).toBeLessThanOrEqual(2);
  });

  it("reads blocks in the order they lie in, whichever is hashed first", async () => {
    const { content, metadata } = await inMemory();
    const store = watched(content);
    const blockCache = createBlockCache({ content: store, metadata });
    // Of bytes whose contents nobody knows: their keys are digests of all of them.
    const tar = await tarOf(FILES);
    const make = (bytes: Uint8Array) =>
      blockCache.forLayer(async (cache) => {
        const { digest, size } = await writeBlob(content, gzip(bytes, { level: 1, cache }));
        return { descriptor: { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size } };
      });
    const { descriptor: layer } = await make(tar);
    const digest = crypto.subtle.digest.bind(crypto.subtle);
    let calls = 0;
    // Of three that follow each other the first is hashed last.
    const hashing = vi.spyOn(crypto.subtle, "digest").mockImplementation(async (...args) => {
      await sleep([40, 20, 0][calls++ % 3]);
      return digest(...args);
    });
    onTestFinished(() => hashing.mockRestore());
    await make(await tarOf(EDITED));
    expect(calls).toBeGreaterThanOrEqual(5);
    expect(store.opened.filter((opened) => opened === layer.digest).length).toBeGreaterThan(0);
    expect(store.opened.filter((opened) => opened === layer.digest).length).toBeLessThanOrEqual(2);
  });

  it("keeps blocks of each level apart", async () => {
    const place = await inMemory();
    await exportFiles(place, FILES, { compressionLevel: 6 });
    const other = countingPool();
    await exportFiles({ ...place, compressPool: other }, EDITED, { compressionLevel: 7 });
    expect(other.blocks).toBeGreaterThanOrEqual(5);
    const same = countingPool();
    const files = withFile(FILES, "/dir3/file33.txt", text(1002, 20_000));
    await exportFiles({ ...place, compressPool: same }, files, { compressionLevel: 6 });
    expect(same.blocks).toBeLessThanOrEqual(3);
  });

  it("records nothing of what is not deflated in blocks, and nothing of small layers", async () => {
    const { content, metadata } = await inMemory();
    for (const options of [
      { compression: "uncompressed" },
      { compressionLevel: 0 },
      { compressionEngine: "fflate", compressionLevel: 1 },
    ] as const) {
      await exportFiles({ content, metadata }, FILES, options);
    }
    await exportFiles({ content, metadata }, new Map([["/small.txt", text(1, 50_000)]]));
    expect(await blockRecords(metadata)).toEqual([]);
  });

  it("is there by default where records last, and not if it is switched off", async () => {
    const { content, metadata } = await inMemory();
    await exportFiles({ content, metadata, blockCache: false }, FILES);
    expect(await blockRecords(metadata)).toEqual([]);
    await exportFiles({ content, metadata }, EDITED);
    expect(await blockRecords(metadata)).toHaveLength(1);
    const pool = countingPool();
    await exportFiles({ content, metadata, blockCache: false, compressPool: pool }, withFile(FILES, "/a", text(1, 10)));
    expect(pool.blocks).toBeGreaterThanOrEqual(5);
  });

  it("rejects with the reason of a signal that is aborted", async () => {
    const { content, metadata } = await inMemory();
    await exportFiles({ content, metadata }, FILES);
    const reason = new Error("cancelled");
    const made = createBlockCache({ content, metadata }).forLayer(async (blocks) => {
      const key = await blocks.key(FILES.get("/dir3/large.bin")?.slice(0, 1024 * 1024) ?? new Uint8Array(0), 6);
      await blocks.find(key ?? "", { signal: AbortSignal.abort(reason) });
      throw new Error("it was found all the same");
    });
    await expect(made).rejects.toBe(reason);
  });
});
