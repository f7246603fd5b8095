import { describe, expect, it } from "vitest";
import { bytesSource } from "../../src/bytes.ts";
import {
  collectGarbage,
  copyBlob,
  createMemoryContentStore,
  readBlob,
  readBlobBytes,
  readWholeBlob,
  withReferences,
  writeBlob,
} from "../../src/content/index.ts";
import { digestOf, pureHasher } from "../../src/hash/index.ts";
import { arrayOf, bytesOf, readUntilError } from "./support.ts";

const BYTES = bytesOf("a file of the directory");
const DIGEST = digestOf(BYTES);

describe("withReferences", () => {
  it("reads an adopted source by its digest, whole and in part", async () => {
    const store = withReferences(createMemoryContentStore());
    store.adopt(DIGEST, bytesSource(BYTES));
    expect(await store.info(DIGEST)).toEqual({ digest: DIGEST, size: BYTES.byteLength, labels: {} });
    expect(await readBlobBytes(store, { digest: DIGEST, size: BYTES.byteLength })).toEqual(BYTES);
    expect(await arrayOf(store.open(DIGEST, { offset: 2, length: 4 }))).toEqual([bytesOf("file")]);
    expect(await arrayOf(store.list())).toEqual([await store.info(DIGEST)]);
    await expect(arrayOf(store.open(DIGEST, { offset: 20, length: 4 }))).rejects.toMatchObject({
      code: "OUT_OF_RANGE",
    });
  });

  it("says which file changed, before the end is reported", async () => {
    const store = withReferences(createMemoryContentStore());
    for (const [now, code] of [
      [bytesOf("a file of the Directory"), "DIGEST_MISMATCH"],
      [bytesOf("a file of the directory, longer"), "SIZE_MISMATCH"],
      [bytesOf("a file"), "SIZE_MISMATCH"],
    ] as const) {
      store.adopt(DIGEST, { name: "src/app.js", size: BYTES.byteLength, open: () => bytesSource(now).open() });
      const expected = { code, message: "Cannot read src/app.js: it changed while the image was built" };
      expect((await readUntilError(store.open(DIGEST))).error).toMatchObject(expected);
      expect((await readUntilError(readBlob(store, { digest: DIGEST }))).error).toMatchObject(expected);
    }
  });

  it("reads an adopted source whole, and says if it changed", async () => {
    const store = withReferences(createMemoryContentStore());
    const blob = { digest: DIGEST, size: BYTES.byteLength };
    store.adopt(DIGEST, bytesSource(BYTES));
    expect(readWholeBlob(store, blob, 1000)).toEqual(BYTES);
    let mistaken = 0;
    for (const later of [false, true]) {
      for (const [now, code] of [
        [bytesOf("a file of the Directory"), "DIGEST_MISMATCH"],
        [bytesOf("a file of the directory, longer"), "SIZE_MISMATCH"],
      ] as const) {
        store.adopt(DIGEST, {
          name: "src/app.js",
          size: BYTES.byteLength,
          open: () => bytesSource(now).open(),
          readWhole: () => (later ? Promise.resolve(now) : now),
          mistaken: async () => {
            mistaken++;
          },
        });
        const expected = { code, message: "Cannot read src/app.js: it changed while the image was built" };
        await expect((async () => await readWholeBlob(store, blob, 1000))()).rejects.toMatchObject(expected);
      }
    }
    expect(mistaken).toBe(2);
  });

  it("says which blob is wrong where it is no file", async () => {
    const store = withReferences(createMemoryContentStore());
    const wrong = bytesOf("a file of the Directory");
    store.adopt(DIGEST, { size: BYTES.byteLength, open: () => bytesSource(wrong).open() });
    expect((await readUntilError(readBlob(store, { digest: DIGEST }))).error).toMatchObject({
      code: "DIGEST_MISMATCH",
      message: `Cannot read blob ${DIGEST}: its content is not what its digest says`,
    });
  });

  it("knows labels from the beginning, or asks for them once, when they are wanted", async () => {
    const store = withReferences(createMemoryContentStore());
    store.adopt(DIGEST, bytesSource(BYTES), { labels: { a: "1" } });
    expect((await store.info(DIGEST)).labels).toEqual({ a: "1" });
    // Those that are known stay where none are given.
    store.adopt(DIGEST, bytesSource(BYTES));
    expect((await store.info(DIGEST)).labels).toEqual({ a: "1" });

    let asked = 0;
    const labels = async (): Promise<Record<string, string>> => {
      asked++;
      if (asked === 1) throw new Error("not now");
      return { b: "2", c: "3" };
    };
    store.adopt(DIGEST, bytesSource(BYTES), { labels });
    await readBlobBytes(store, { digest: DIGEST });
    expect(asked).toBe(0);
    await expect(store.info(DIGEST)).rejects.toThrow("not now");
    expect((await store.label(DIGEST, { b: undefined, d: "4" })).labels).toEqual({ c: "3", d: "4" });
    expect((await arrayOf(store.list()))[0]?.labels).toEqual({ c: "3", d: "4" });
    expect(asked).toBe(2);
  });

  it("hashes an adopted source once for each read", async () => {
    let hashers = 0;
    const store = withReferences(createMemoryContentStore(), {
      hasher: (algorithm) => {
        hashers++;
        return pureHasher(algorithm);
      },
    });
    store.adopt(DIGEST, bytesSource(BYTES));
    await readBlobBytes(store, { digest: DIGEST });
    expect(hashers).toBe(1);
  });

  it("writes to the store beneath and reads from it what is there", async () => {
    const inner = createMemoryContentStore();
    const store = withReferences(inner);
    const other = await writeBlob(store, bytesOf("written"));
    expect(await inner.info(other.digest)).toEqual(other);
    store.adopt(DIGEST, bytesSource(BYTES));
    expect((await arrayOf(store.list())).map(({ digest }) => digest).sort()).toEqual([DIGEST, other.digest].sort());
    await expect(inner.info(DIGEST)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await copyBlob(store, inner, { digest: DIGEST });
    expect(await readBlobBytes(inner, { digest: DIGEST })).toEqual(BYTES);
    expect((await arrayOf(store.list())).length).toBe(2);
  });

  it("labels and lets go of what it adopted", async () => {
    const store = withReferences(createMemoryContentStore());
    store.adopt(DIGEST, bytesSource(BYTES));
    expect((await store.label(DIGEST, { a: "b", c: "d" })).labels).toEqual({ a: "b", c: "d" });
    expect((await store.label(DIGEST, { a: undefined })).labels).toEqual({ c: "d" });
    await store.delete(DIGEST);
    await expect(store.info(DIGEST)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(store.delete(DIGEST)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("adopts under digests only", async () => {
    const store = withReferences(createMemoryContentStore());
    expect(() => store.adopt("sha256:nonsense", bytesSource(BYTES))).toThrow(/sha256:nonsense/);
  });

  it("is collected like any other store", async () => {
    const store = withReferences(createMemoryContentStore());
    store.adopt(DIGEST, bytesSource(BYTES));
    expect((await collectGarbage({ content: store, roots: () => [DIGEST] })).removed).toEqual([]);
    expect((await collectGarbage({ content: store, roots: () => [] })).bytes).toBe(BYTES.byteLength);
  });
});
