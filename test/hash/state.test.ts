import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hostHasher, pureHasher, toDigest } from "../../src/hash/index.ts";
import { nodeHasher } from "../../src/node/hasher.ts";
import type { DigestAlgorithm } from "../../src/oci/digest.ts";

const algorithms: readonly DigestAlgorithm[] = ["sha256", "sha512"];
const bytes = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 31) & 0xff);

describe.each(algorithms)("the saved state of a pure %s hasher", (algorithm) => {
  it("goes on where it was saved, wherever that is within a block", () => {
    fc.assert(
      fc.property(fc.nat(400), fc.nat(400), (before, after) => {
        const whole = bytes(before + after);
        const first = pureHasher(algorithm);
        first.update(whole.subarray(0, before));
        const state = first.save?.() ?? new Uint8Array();
        // What the first one takes in afterwards is not in the state.
        first.update(bytes(7));
        const second = pureHasher.load?.(algorithm, state);
        second?.update(whole.subarray(before));
        const expected = nodeHasher(algorithm);
        expected.update(whole);
        expect(second?.digest()).toEqual(expected.digest());
      }),
    );
  });

  it("is refused if it is another algorithm's, cut off or not a state", () => {
    const state = pureHasher(algorithm).save?.() ?? new Uint8Array();
    const other = algorithm === "sha256" ? "sha512" : "sha256";
    const load = (given: Uint8Array) => pureHasher.load?.(algorithm, given);
    for (const wrong of [
      pureHasher(other).save?.() ?? new Uint8Array(),
      state.subarray(1),
      new Uint8Array(),
      new Uint8Array(state.byteLength),
      Uint8Array.from(state, (byte, at) => (at >= 8 && at < 16 ? 0xff : byte)),
    ]) {
      expect(() => load(wrong)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
  });
});

describe("the host's hasher", () => {
  it.each(algorithms)("gives the digests of the pure one for %s, and goes on with its states", (algorithm) => {
    const [pure, host] = [pureHasher(algorithm), hostHasher(algorithm)];
    for (const hasher of [pure, host]) hasher.update(bytes(1000));
    expect(toDigest(algorithm, host.digest())).toBe(toDigest(algorithm, pure.digest()));
    const copy = host.clone();
    host.update(bytes(3));
    expect(copy.digest()).toEqual(pure.digest());
    expect(hostHasher.load?.(algorithm, pure.save?.() ?? new Uint8Array()).digest()).toEqual(pure.digest());
  });

  it("is node:crypto in Node, which saves no states", () => {
    expect(hostHasher("sha256").save).toBeUndefined();
  });
});
