import { describe, expect, it } from "vitest";
import { writeArchive } from "../../src/archive/index.ts";
import { chunksOf, concatBytes, type ReadRange, toBlob, toReadableStream } from "../../src/bytes.ts";
import {
  type ContentStore,
  createMemoryContentStore,
  readBlob,
  readBlobBytes,
  readWholeBlob,
  withLease,
  withPacks,
  withReferences,
  writeBlob,
} from "../../src/content/index.ts";
import { digestOf, pureHasher } from "../../src/hash/index.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { sampleImage } from "../support/sample-image.ts";
import { bytesOf, corruptStore, readUntilError } from "./support.ts";

const TEXT = bytesOf("forty bytes of content, not one bit less.");

describe("readBlob", () => {
  it("streams the blob it was asked for", async () => {
    const store = createMemoryContentStore();
    const info = await writeBlob(store, TEXT);
    expect(await readBlobBytes(store, info)).toEqual(TEXT);
    expect(await readBlobBytes(store, { digest: info.digest })).toEqual(TEXT);
  });

  it("fails before the end is reported if a bit is wrong", async () => {
    const { store, corrupt } = corruptStore();
    const info = await writeBlob(store, TEXT);
    const damaged = TEXT.slice();
    damaged[7] = (damaged[7] ?? 0) ^ 1;
    corrupt(info.digest, damaged);
    const { error } = await readUntilError(readBlob(store, info));
    expect(error).toMatchObject({ code: "DIGEST_MISMATCH", message: expect.stringContaining(info.digest) });
  });

  it("notices a blob that is too long as soon as the size is passed", async () => {
    const { store, corrupt } = corruptStore();
    const info = await writeBlob(store, TEXT);
    corrupt(info.digest, new Uint8Array(1_000_000));
    const { error, bytes } = await readUntilError(readBlob(store, info));
    expect(error).toMatchObject({ code: "SIZE_MISMATCH" });
    expect(bytes).toBeLessThanOrEqual(info.size);
  });

  it("notices a blob that is too short", async () => {
    const { store, corrupt } = corruptStore();
    const info = await writeBlob(store, TEXT);
    corrupt(info.digest, TEXT.subarray(0, 20));
    const { error } = await readUntilError(readBlob(store, info));
    expect(error).toMatchObject({ code: "SIZE_MISMATCH", message: expect.stringMatching(/20 bytes instead of 41/) });
  });

  it("checks the size that the descriptor gives, also if it is the descriptor that is wrong", async () => {
    const store = createMemoryContentStore();
    const { digest, size } = await writeBlob(store, TEXT);
    for (const wrong of [0, size - 1, size + 1]) {
      await expect(readBlobBytes(store, { digest, size: wrong })).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    }
  });

  it("refuses what is no digest", async () => {
    const digest = "sha256:../../secret" as Digest;
    await expect(readBlobBytes(createMemoryContentStore(), { digest })).rejects.toMatchObject({
      code: "INVALID_DIGEST",
    });
  });

  it("verifies sha512", async () => {
    const { store, corrupt } = corruptStore();
    const digest: Digest = `sha512:${"0".repeat(128)}`;
    corrupt(digest, TEXT);
    await expect(readBlobBytes(store, { digest })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  it("ends with the signal's reason", async () => {
    const store = createMemoryContentStore();
    const info = await writeBlob(store, new Uint8Array(1_000_000));
    const controller = new AbortController();
    const reason = new Error("stop");
    const read = (async () => {
      for await (const _ of readBlob(store, info, { signal: controller.signal })) controller.abort(reason);
    })();
    await expect(read).rejects.toBe(reason);
  });
});

describe("the last bytes of a blob", () => {
  /** A store of one blob in pieces, which fills one array again and again where the reader lets it. */
  function piecewise(bytes: Uint8Array, piece: number): ContentStore {
    const { store } = corruptStore();
    return Object.assign(store, {
      async *open(_digest: Digest, range?: ReadRange) {
        const one = new Uint8Array(piece);
        for (let at = 0; at < bytes.byteLength; at += piece) {
          const part = bytes.subarray(at, at + piece);
          if (range?.reuse) one.set(part);
          yield range?.reuse ? one.subarray(0, part.byteLength) : part.slice();
        }
        one.fill(0);
      },
    });
  }
  const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 7) % 251);
  const digest = digestOf(bytes);

  for (const piece of [1000, 65_536, 70_000, 100_000, 200_000, 300_000]) {
    for (const size of [bytes.byteLength, undefined]) {
      for (const reuse of [false, true]) {
        const how = `in pieces of ${piece}, ${size === undefined ? "of unknown size" : "of known size"}${reuse ? ", in one array" : ""}`;
        it(`come after the check, and are right: ${how}`, async () => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of readBlob(piecewise(bytes, piece), { digest, size }, { reuse })) {
            chunks.push(chunk.slice());
          }
          expect(digestOf(concatBytes(chunks))).toBe(digest);
          // Whichever byte is wrong, whoever counts bytes does not get them all.
          for (const at of [0, 99_999, 199_999]) {
            const damaged = bytes.slice();
            damaged[at] = (damaged[at] ?? 0) ^ 1;
            const read = await readUntilError(readBlob(piecewise(damaged, piece), { digest, size }, { reuse }));
            expect(read).toMatchObject({ error: { code: "DIGEST_MISMATCH" } });
            expect(read.bytes).toBeLessThan(bytes.byteLength);
          }
        });
      }
    }
  }

  it("do not come of a blob that goes on, nor of one that is empty and should not be", async () => {
    const longer = concatBytes([bytes, new Uint8Array(1)]);
    const { bytes: count, error } = await readUntilError(
      readBlob(piecewise(longer, 100_000), { digest, size: 200_000 }),
    );
    expect(error).toMatchObject({ code: "SIZE_MISMATCH", message: expect.stringContaining("longer than its 200000") });
    expect(count).toBeLessThan(200_000);
    const empty = await readUntilError(readBlob(piecewise(new Uint8Array(), 10), { digest }));
    expect(empty).toMatchObject({ bytes: 0, error: { code: "DIGEST_MISMATCH" } });
    const none = digestOf(new Uint8Array());
    expect(await readUntilError(readBlob(piecewise(new Uint8Array(), 10), { digest: none, size: 0 }))).toEqual({
      bytes: 0,
      error: undefined,
    });
  });

  it("do not come of a source that is verified where it lies", async () => {
    const store = withReferences(createMemoryContentStore());
    const damaged = bytes.slice();
    damaged[5] = 255;
    store.adopt(digest, {
      size: bytes.byteLength,
      open: () => piecewise(damaged, 65_536).open(digest, { reuse: true }),
    });
    for (const chunks of [
      readBlob(store, { digest }),
      readBlob(store, { digest, size: 200_000 }),
      store.open(digest),
    ]) {
      const { bytes: count, error } = await readUntilError(chunks);
      expect(error).toMatchObject({ code: "DIGEST_MISMATCH" });
      expect(count).toBeLessThan(bytes.byteLength);
    }
  });

  it("do not come by way of streams, blobs and archives", async () => {
    const content = createMemoryContentStore();
    const { store, corrupt } = corruptStore(content);
    const { content: layers, descriptor, ...image } = await sampleImage(store, { layers: [{ "etc/a": "a\n" }] });
    const [layer] = image.layers;
    if (layer === undefined) throw new Error("no layer");
    const whole = await readBlobBytes(content, layer);
    const broken = whole.slice();
    broken[20] = (broken[20] ?? 0) ^ 1;
    const good = await readUntilError(writeArchive({ content: layers, descriptor, names: [] }));
    corrupt(layer.digest, broken);
    const stream = await readUntilError(chunksOf(toReadableStream(readBlob(store, layer))));
    expect(stream).toMatchObject({ error: { code: "DIGEST_MISMATCH" } });
    expect(stream.bytes).toBeLessThan(layer.size);
    await expect(toBlob(readBlob(store, layer))).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    const archive = await readUntilError(writeArchive({ content: layers, descriptor, names: [] }));
    expect(good.error).toBeUndefined();
    expect(archive).toMatchObject({ error: { code: "DIGEST_MISMATCH" } });
    expect(archive.bytes).toBeLessThan(good.bytes);
  });
});

describe("readBlobBytes", () => {
  it("takes in 4 MiB and no more, unless told otherwise", async () => {
    const store = createMemoryContentStore();
    const limit = await writeBlob(store, new Uint8Array(4 * 1024 * 1024));
    const more = await writeBlob(store, new Uint8Array(4 * 1024 * 1024 + 1));
    expect((await readBlobBytes(store, limit)).byteLength).toBe(limit.size);
    await expect(readBlobBytes(store, more)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    await expect(readBlobBytes(store, { digest: more.digest })).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    expect((await readBlobBytes(store, more, { limit: more.size })).byteLength).toBe(more.size);
  });
});

describe("readWholeBlob", () => {
  const wrappers: readonly (readonly [string, (store: ContentStore) => ContentStore])[] = [
    ["a store in memory", (store) => store],
    ["one under a lease", (store) => withLease(store, { add: async () => undefined })],
    ["one with references", (store) => withReferences(store)],
    ["one with packs", (store) => withPacks(store)],
  ];
  for (const [name, wrap] of wrappers) {
    it(`has at once what ${name} has at once`, async () => {
      const inner = createMemoryContentStore();
      const info = await writeBlob(inner, TEXT);
      const store = wrap(inner);
      await store.info(info.digest);
      expect(readWholeBlob(store, info, 1000)).toEqual(TEXT);
      expect(readWholeBlob(store, info, TEXT.byteLength - 1)).toBeUndefined();
    });
  }

  it("waits for what is packed", async () => {
    const store = withPacks(createMemoryContentStore());
    const info = await writeBlob(store, TEXT);
    const read = readWholeBlob(store, info, 1000);
    expect(read).toBeInstanceOf(Promise);
    expect(await read).toEqual(TEXT);
    expect(readWholeBlob(store, info, 10)).toBeUndefined();
  });

  it("leaves it to a stream where the store has no quicker way", async () => {
    const { store } = corruptStore();
    expect(readWholeBlob(store, await writeBlob(store, TEXT), 1000)).toBeUndefined();
  });

  /** A store whose blob is these bytes, whatever its digest. */
  const storeOf = (bytes: Uint8Array, later: boolean): ContentStore =>
    Object.assign(corruptStore().store, { readWhole: () => (later ? Promise.resolve(bytes) : bytes) });

  for (const later of [false, true]) {
    it(`fails if a bit is wrong or the size is another (${later ? "read later" : "at once"})`, async () => {
      const info = await writeBlob(createMemoryContentStore(), TEXT);
      const read = async (bytes: Uint8Array): Promise<unknown> =>
        await readWholeBlob(storeOf(bytes, later), info, 1000);
      expect(await read(TEXT)).toEqual(TEXT);
      const damaged = TEXT.slice();
      damaged[7] = (damaged[7] ?? 0) ^ 1;
      await expect(read(damaged)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
      await expect(read(TEXT.subarray(1))).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    });
  }

  it("verifies by the engine of the store, or by the caller's", async () => {
    let asked = 0;
    const engine = (algorithm: "sha256" | "sha512") => {
      asked++;
      const hasher = pureHasher(algorithm);
      return { update: async (bytes: Uint8Array) => hasher.update(bytes), digest: async () => hasher.digest() };
    };
    const store = Object.assign(storeOf(TEXT, false), { verifier: engine });
    const info = await writeBlob(createMemoryContentStore(), TEXT);
    expect(await readWholeBlob(store, info, 1000)).toEqual(TEXT);
    expect(asked).toBe(1);
    expect(readWholeBlob(store, info, 1000, { hasher: pureHasher })).toEqual(TEXT);
    expect(asked).toBe(1);
  });

  it("reads nothing any more once it is aborted", async () => {
    const store = createMemoryContentStore();
    const info = await writeBlob(store, TEXT);
    const signal = AbortSignal.abort(new Error("enough"));
    expect(() => readWholeBlob(store, info, 1000, { signal })).toThrow("enough");
  });
});
