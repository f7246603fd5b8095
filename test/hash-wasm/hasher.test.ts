import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contentStoreConformance } from "../../src/content/conformance.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { createIngestWriter, type IngestStorage } from "../../src/content/ingest.ts";
import { digestOf, type Hasher, pureHasher, toDigest } from "../../src/hash/index.ts";
import { createWasmHasher } from "../../src/hash-wasm/index.ts";
import type { DigestAlgorithm } from "../../src/oci/digest.ts";

const algorithms: readonly DigestAlgorithm[] = ["sha256", "sha512"];
const wasmHasher = await createWasmHasher();

const bytes = (size: number, seed = 31): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * seed) & 0xff);
const expected = (algorithm: DigestAlgorithm, chunks: readonly Uint8Array[]): string => {
  const hash = createHash(algorithm);
  for (const chunk of chunks) hash.update(chunk);
  return `${algorithm}:${hash.digest("hex")}`;
};
const saved = (hasher: Hasher): Uint8Array => {
  const state = hasher.save?.();
  if (state === undefined) throw new Error("a hasher of hash-wasm saves its state");
  return state;
};

/** What may be done to one of several hashers that share the engines. */
type Step =
  | { readonly do: "update"; readonly which: number; readonly size: number }
  | { readonly do: "digest" | "clone" | "save and load"; readonly which: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("update" as const), which: fc.nat(8), size: fc.nat(300) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("update" as const), which: fc.nat(8), size: fc.constant(40_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("digest", "clone", "save and load"), which: fc.nat(8) }),
  },
);

describe.each(algorithms)("a %s hasher in WebAssembly", (algorithm) => {
  it("gives what node:crypto gives, whoever else uses the engines meanwhile", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const own = Array.from({ length: 9 }, () => ({ hasher: wasmHasher(algorithm), taken: [] as Uint8Array[] }));
        for (const { which, ...one } of steps) {
          const it = own[which];
          if (it === undefined) throw new Error("out of range");
          if (one.do === "update") {
            const chunk = bytes(one.size, which * 2 + 1);
            it.hasher.update(chunk);
            it.taken.push(chunk);
          } else if (one.do === "clone") {
            own.push({ hasher: it.hasher.clone(), taken: [...it.taken] });
          } else if (one.do === "save and load") {
            const hasher = wasmHasher.load?.(algorithm, saved(it.hasher));
            if (hasher === undefined) throw new Error("the factory loads states");
            own.push({ hasher, taken: [...it.taken] });
          } else {
            expect(toDigest(algorithm, it.hasher.digest())).toBe(expected(algorithm, it.taken));
          }
        }
        for (const { hasher, taken } of own) {
          expect(toDigest(algorithm, hasher.digest())).toBe(expected(algorithm, taken));
        }
      }),
    );
  });

  it("does not keep the bytes it was given, and takes those of shared memory", () => {
    const hasher = wasmHasher(algorithm);
    const chunk = bytes(100);
    hasher.update(chunk);
    chunk.fill(0);
    const shared = new Uint8Array(new SharedArrayBuffer(50)).fill(9);
    hasher.update(shared);
    expect(toDigest(algorithm, hasher.digest())).toBe(expected(algorithm, [bytes(100), shared]));
  });

  it("refuses a state that is another engine's, another algorithm's, cut off or damaged anywhere", () => {
    const hasher = wasmHasher(algorithm);
    hasher.update(bytes(77));
    const state = saved(hasher);
    const other = algorithm === "sha256" ? "sha512" : "sha256";
    const wrong = [
      saved(pureHasher(algorithm)),
      saved(wasmHasher(other)),
      state.subarray(1),
      new Uint8Array(),
      new Uint8Array(state.byteLength),
      ...Array.from(state, (_, at) => state.map((byte, index) => (index === at ? byte ^ 1 : byte))),
    ];
    for (const given of wrong) {
      expect(() => wasmHasher.load?.(algorithm, given)).toThrow(
        expect.objectContaining({
          code: "INVALID_ARGUMENT",
          message: expect.stringMatching(/^Cannot load a hasher: /),
        }),
      );
    }
    expect(() => pureHasher.load?.(algorithm, state)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(toDigest(algorithm, hasher.digest())).toBe(expected(algorithm, [bytes(77)]));
  });
});

describe("a store that hashes in WebAssembly", () => {
  const cases = contentStoreConformance(async () => createMemoryContentStore({ hasher: wasmHasher }));
  for (const { name, run } of cases) it(name, run);
});

describe("an ingest that is hashed in WebAssembly", () => {
  it("is gone on with by a factory of another start, without its bytes being read", async () => {
    let written = 0;
    let kept: Uint8Array | undefined;
    const storage: IngestStorage = {
      async append(chunk) {
        written += chunk.byteLength;
      },
      async truncate() {},
      // biome-ignore lint/correctness/useYield: it must not be read
      async *read() {
        throw new Error("the bytes are read again");
      },
      async publish() {},
      async release(state) {
        kept = state;
      },
    };
    const first = await createIngestWriter({ ref: "layer", storage, hasher: wasmHasher, offset: 0 });
    await first.write(bytes(50_000));
    await first.close();
    expect(kept?.byteLength).toBeGreaterThan(100);
    const hasher = await createWasmHasher();
    const second = await createIngestWriter({ ref: "layer", storage, hasher, offset: written, state: kept });
    await second.write(bytes(1234, 7));
    const { digest } = await second.commit();
    expect(digest).toBe(expected("sha256", [bytes(50_000), bytes(1234, 7)]));
  });

  it("reads and hashes the bytes again if the state is the pure engine's", async () => {
    let reads = 0;
    const storage: IngestStorage = {
      async append() {},
      async truncate() {},
      async *read(size) {
        reads++;
        yield bytes(size);
      },
      async publish() {},
      async release() {},
    };
    const state = saved(pureHasher("sha256"));
    const writer = await createIngestWriter({ ref: "layer", storage, hasher: wasmHasher, offset: 300, state });
    expect([reads, writer.digest()]).toEqual([1, digestOf(bytes(300))]);
  });
});
