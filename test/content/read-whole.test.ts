import process from "node:process";
import { afterEach, describe, expect, it, vi } from "vitest";
import type * as Read from "../../src/content/read.ts";
import type { ContentProvider } from "../../src/content/store.ts";
import { digestOf, pureHasher } from "../../src/hash/index.ts";

const BYTES = Uint8Array.from({ length: 50_000 }, (_, at) => (at * 7) % 251);
const BLOB = { digest: digestOf(BYTES, pureHasher), size: BYTES.byteLength };

/** What reads where the host has no streaming hash of its own, and tells how often Web Crypto was asked. */
async function onPage(): Promise<{ readonly read: typeof Read; readonly asked: () => number }> {
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
  const digest = vi.spyOn(globalThis.crypto.subtle, "digest");
  vi.resetModules();
  return { read: await import("../../src/content/read.ts"), asked: () => digest.mock.calls.length };
}

/** A provider whose blobs all have these bytes. */
const having = (bytes: Uint8Array, wait: boolean): ContentProvider => ({
  info: async (digest) => ({ digest, size: bytes.byteLength, labels: {} }),
  async *open() {
    yield bytes;
  },
  readWhole: () => (wait ? Promise.resolve(bytes) : bytes),
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

describe("a blob that is read whole on a page", () => {
  it.each([false, true])("is verified by Web Crypto (the store has it later: %s)", async (wait) => {
    const { read, asked } = await onPage();
    expect(await read.readWholeBlob(having(BYTES, wait), BLOB, 100_000)).toEqual(BYTES);
    expect(asked()).toBe(1);
  });

  it.each([false, true])("is refused if a bit is wrong (the store has it later: %s)", async (wait) => {
    const { read } = await onPage();
    const damaged = BYTES.slice();
    damaged[7] = (damaged[7] ?? 0) ^ 1;
    await expect(read.readWholeBlob(having(damaged, wait), BLOB, 100_000)).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringContaining(BLOB.digest),
    });
  });

  it("is verified by the hasher that is given, if one is", async () => {
    const { read, asked } = await onPage();
    const options = { hasher: pureHasher };
    expect(read.readWholeBlob(having(BYTES, false), BLOB, 100_000, options)).toEqual(BYTES);
    expect(asked()).toBe(0);
  });
});
