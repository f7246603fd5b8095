import { describe, expect, it } from "vitest";
import { createMemoryContentStore, readBlob, readBlobBytes, writeBlob } from "../../src/content/index.ts";
import type { Digest } from "../../src/oci/digest.ts";
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
