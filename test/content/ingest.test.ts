import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { createIngestWriter, type IngestStorage } from "../../src/content/ingest.ts";
import { digestOf, pureHasher } from "../../src/hash/index.ts";
import { nodeHasher } from "../../src/node/hasher.ts";

const bytes = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 7) & 0xff);

/** A storage that keeps the states it is given, and counts how often it is read. */
function storage() {
  const chunks: Uint8Array[] = [];
  const seen = { reads: 0, states: new Map<number, Uint8Array | undefined>(), last: undefined as unknown };
  const own: IngestStorage = {
    async append(chunk) {
      chunks.push(chunk.slice());
    },
    async checkpoint(offset, state) {
      seen.states.set(offset, state());
    },
    async truncate(size) {
      chunks.splice(0, chunks.length, concatBytes(chunks).subarray(0, size));
    },
    async *read(size) {
      seen.reads++;
      yield concatBytes(chunks).subarray(0, size);
    },
    async publish() {},
    async release(state) {
      seen.last = state;
    },
  };
  return { own, seen };
}

describe("an ingest whose hash state was kept", () => {
  it("is gone on with at each checkpoint without its bytes being read", async () => {
    const { own, seen } = storage();
    const first = await createIngestWriter({ ref: "r", storage: own, hasher: pureHasher, offset: 0 });
    await first.write(bytes(100));
    await first.write(bytes(33));
    await first.close();
    expect([...seen.states.keys()]).toEqual([100, 133]);
    expect(seen.last).toEqual(seen.states.get(133));
    const state = seen.states.get(133);
    const next = await createIngestWriter({ ref: "r", storage: own, hasher: pureHasher, offset: 133, state });
    expect(seen.reads).toBe(0);
    expect(next.digest()).toBe(digestOf(concatBytes([bytes(100), bytes(33)])));
    await next.commit();
    expect(seen.last).toBeUndefined();
  });

  it("is read and hashed again if the engine does not know the state, or has none", async () => {
    for (const [hasher, state] of [
      [pureHasher, new Uint8Array(5)],
      [nodeHasher, pureHasher("sha256").save?.()],
      [pureHasher, pureHasher("sha512").save?.()],
    ] as const) {
      const { own, seen } = storage();
      await own.append(bytes(100), 0);
      const writer = await createIngestWriter({ ref: "r", storage: own, hasher, offset: 100, state });
      expect(seen.reads).toBe(1);
      expect(writer.digest()).toBe(digestOf(bytes(100)));
    }
  });

  it("saves no state after a write that failed", async () => {
    const { own, seen } = storage();
    own.append = () => Promise.reject(new Error("full"));
    const writer = await createIngestWriter({ ref: "r", storage: own, hasher: pureHasher, offset: 0 });
    await expect(writer.write(bytes(1))).rejects.toThrow("full");
    seen.last = "untouched";
    await writer.close();
    expect(seen.last).toBeUndefined();
  });
});
