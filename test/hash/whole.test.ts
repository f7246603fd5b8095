import { webcrypto } from "node:crypto";
import process from "node:process";
import { afterEach, describe, expect, it, vi } from "vitest";
import { digestOf, pureHasher } from "../../src/hash/index.ts";
import type * as Whole from "../../src/hash/whole.ts";

const ALGORITHMS = ["sha256", "sha512"] as const;
const SIZES = [0, 1, 4096, 16_383, 16_384, 100_000];

/** What a page has: no modules of Node, and `crypto.subtle` or, without a secure context, none. */
async function onPage(subtle: SubtleCrypto | undefined): Promise<typeof Whole> {
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
  vi.stubGlobal("crypto", { subtle });
  vi.resetModules();
  return await import("../../src/hash/whole.ts");
}

/** Web Crypto that tells which sizes it was asked for. */
function watched(sizes: number[]): SubtleCrypto {
  const subtle = {
    digest: (name: string, bytes: Uint8Array<ArrayBuffer>) => {
      sizes.push(bytes.byteLength);
      return webcrypto.subtle.digest(name, bytes);
    },
  };
  return subtle as unknown as SubtleCrypto;
}

const bytesOf = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, at) => (at * 7) % 251);

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.resetModules();
});

describe("the digest of bytes in memory", () => {
  it("comes from Web Crypto on pages, where they are many enough for a call", async () => {
    const sizes: number[] = [];
    const { wholeDigest } = await onPage(watched(sizes));
    for (const algorithm of ALGORITHMS) {
      for (const size of SIZES) {
        const bytes = bytesOf(size);
        expect(await wholeDigest(bytes, undefined, algorithm)).toBe(digestOf(bytes, pureHasher, algorithm));
      }
    }
    expect(sizes).toEqual([16_384, 100_000, 16_384, 100_000]);
  });

  it("is there at once where the engine is the pure one for want of Web Crypto", async () => {
    const { wholeDigest } = await onPage(undefined);
    for (const size of SIZES) expect(wholeDigest(bytesOf(size))).toBe(digestOf(bytesOf(size), pureHasher));
  });

  it("is there at once where the host has an engine of its own", async () => {
    const { wholeDigest } = await import("../../src/hash/whole.ts");
    for (const size of SIZES) expect(wholeDigest(bytesOf(size))).toBe(digestOf(bytesOf(size), pureHasher));
  });

  it("comes from the hasher that is given", async () => {
    const sizes: number[] = [];
    const { wholeDigest } = await onPage(watched(sizes));
    const asked: string[] = [];
    const digest = wholeDigest(bytesOf(100_000), (algorithm) => {
      asked.push(algorithm);
      return pureHasher(algorithm);
    });
    expect(digest).toBe(digestOf(bytesOf(100_000), pureHasher));
    expect(asked).toEqual(["sha256"]);
    expect(sizes).toEqual([]);
  });

  it("is of the bytes as they were when it was asked for", async () => {
    const { wholeDigest } = await onPage(watched([]));
    const bytes = bytesOf(50_000);
    const digest = wholeDigest(bytes);
    bytes.fill(0);
    expect(await digest).toBe(digestOf(bytesOf(50_000), pureHasher));
  });
});
