import { describe, expect, it } from "vitest";
import { digestOf } from "../../../src/hash/index.ts";
import { uploadKey, uploadMemory } from "../../../src/registry/upload/upload-record.ts";
import { createMemoryMetadataStore } from "../../../src/snapshots/index.ts";

const REPOSITORY = "localhost:5000/hello";
const BLOB = { digest: digestOf(new Uint8Array(10)), size: 1000 };
const RECORD = { path: "/v2/hello/blobs/uploads/1?_state=a", offset: 500, minimumChunk: 0 };

describe("the memory of an upload", () => {
  it("lasts beyond the run that made it, until that is done", async () => {
    const metadata = createMemoryMetadataStore();
    const memory = uploadMemory(metadata, REPOSITORY, BLOB);
    expect(await memory.load()).toBeUndefined();
    expect(await memory.save(RECORD)).toBe("saved");
    expect(await metadata.keys("")).toEqual([uploadKey(REPOSITORY, BLOB.digest)]);
    expect(await uploadMemory(metadata, REPOSITORY, BLOB).load()).toMatchObject(RECORD);
    await memory.forget();
    expect(await metadata.keys("")).toEqual([]);
  });

  it("is one run's at a time: who takes an upload over keeps the record", async () => {
    const metadata = createMemoryMetadataStore();
    const first = uploadMemory(metadata, REPOSITORY, BLOB);
    await first.save(RECORD);
    const second = uploadMemory(metadata, REPOSITORY, BLOB);
    const third = uploadMemory(metadata, REPOSITORY, BLOB);
    await second.load();
    await third.load();
    expect(await second.save(RECORD)).toBe("saved");
    expect(await third.save(RECORD)).toBe("none");
    expect(await first.save({ ...RECORD, offset: 600 })).toBe("taken");
    expect(await first.save({ ...RECORD, offset: 700 })).toBe("none");
    await first.forget();
    await third.forget();
    expect(await uploadMemory(metadata, REPOSITORY, BLOB).load()).toMatchObject(RECORD);
  });

  it("does not know what was not written for this very blob and repository, or cannot be", async () => {
    const metadata = createMemoryMetadataStore();
    await uploadMemory(metadata, REPOSITORY, BLOB).save(RECORD);
    const key = uploadKey(REPOSITORY, BLOB.digest);
    const good = JSON.parse(new TextDecoder().decode(await metadata.get(key))) as object;
    const bad: readonly (object | string)[] = [
      "not JSON",
      "null",
      "[]",
      { ...good, repository: "localhost:5000/other" },
      { ...good, digest: digestOf(new Uint8Array(11)) },
      { ...good, size: 999 },
      { ...good, offset: 1001 },
      { ...good, offset: -1 },
      { ...good, offset: "5" },
      { ...good, minimumChunk: 0.5 },
      { ...good, runs: null },
      ...[
        "https://elsewhere.example/upload",
        "//elsewhere.example/upload",
        "/\\elsewhere.example/upload",
        "upload",
        "/up load",
        "/upload#part",
        "/\u00e9",
        7,
      ].map((path) => ({ ...good, path })),
    ];
    for (const value of bad) {
      await metadata.set(key, new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)));
      const memory = uploadMemory(metadata, REPOSITORY, BLOB);
      expect(await memory.load(), JSON.stringify(value)).toBeUndefined();
      expect(await memory.save(RECORD)).toBe("saved");
    }
    await metadata.set(key, new TextEncoder().encode(JSON.stringify(good)));
    expect(await uploadMemory(metadata, REPOSITORY, BLOB).load()).toMatchObject(RECORD);
  });
});
