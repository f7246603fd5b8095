import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toReadableStream } from "../../src/bytes.ts";
import { writeBitLength } from "../../src/hash/block-hasher.ts";
import { digestOf, EMPTY_DIGEST, hashing, pureHasher, subtleDigest, toDigest } from "../../src/hash/index.ts";
import { type DigestAlgorithm, isDigest } from "../../src/oci/digest.ts";

const ALGORITHMS: readonly DigestAlgorithm[] = ["sha256", "sha512"];
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const oracle = (algorithm: DigestAlgorithm, bytes: Uint8Array): string =>
  createHash(algorithm).update(bytes).digest("hex");

function pure(algorithm: DigestAlgorithm, ...parts: readonly Uint8Array[]): string {
  const hasher = pureHasher(algorithm);
  for (const part of parts) hasher.update(part);
  return hex(hasher.digest());
}

/** Bytes that repeat only after 251, so that no two blocks are the same. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7) % 251);
}

describe("the vectors of FIPS 180-4", () => {
  const twoBlocks256 = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  const twoBlocks512 =
    "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
  it.each([
    ["sha256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ["sha256", twoBlocks256, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"],
    [
      "sha512",
      "",
      "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
    ],
    [
      "sha512",
      "abc",
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ],
    [
      "sha512",
      twoBlocks512,
      "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
    ],
  ] as const)("%s of %j", (algorithm, text, expected) => {
    expect(pure(algorithm, utf8(text))).toBe(expected);
  });

  it.each([
    ["sha256", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
    [
      "sha512",
      "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
    ],
  ] as const)("%s of a million times 'a'", (algorithm, expected) => {
    const thousand = utf8("a".repeat(1000));
    expect(pure(algorithm, ...Array.from({ length: 1000 }, () => thousand))).toBe(expected);
  });
});

describe.each(ALGORITHMS)("pure %s", (algorithm) => {
  it("agrees with node:crypto on every length from 0 to 300", () => {
    const bytes = pattern(300);
    for (let length = 0; length <= 300; length++) {
      const part = bytes.subarray(0, length);
      expect(pure(algorithm, part), `length ${length}`).toBe(oracle(algorithm, part));
    }
  });

  it("does not depend on how the bytes are cut, nor on where they lie in their buffer", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 1000 }),
        fc.array(fc.nat(300), { maxLength: 20 }),
        fc.nat(9),
        (bytes, cuts, shift) => {
          const shifted = new Uint8Array(bytes.length + shift).subarray(shift);
          shifted.set(bytes);
          const parts: Uint8Array[] = [];
          let offset = 0;
          for (const cut of cuts) {
            parts.push(shifted.subarray(offset, offset + cut));
            offset += cut;
          }
          parts.push(shifted.subarray(offset));
          expect(pure(algorithm, ...parts)).toBe(oracle(algorithm, bytes));
        },
      ),
    );
  });

  it("gives the digest so far at any moment and goes on afterwards", () => {
    const bytes = pattern(400);
    const hasher = pureHasher(algorithm);
    for (let at = 0; at < bytes.length; at += 37) {
      expect(hex(hasher.digest())).toBe(oracle(algorithm, bytes.subarray(0, at)));
      expect(hex(hasher.digest())).toBe(oracle(algorithm, bytes.subarray(0, at)));
      hasher.update(bytes.subarray(at, at + 37));
    }
    expect(hex(hasher.digest())).toBe(oracle(algorithm, bytes));
  });

  it("has clones that go their own ways", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }),
        (begin, one, other) => {
          const hasher = pureHasher(algorithm);
          hasher.update(begin);
          const clone = hasher.clone();
          hasher.update(one);
          clone.update(other);
          clone.clone().update(one);
          expect(hex(hasher.digest())).toBe(oracle(algorithm, Buffer.concat([begin, one])));
          expect(hex(clone.digest())).toBe(oracle(algorithm, Buffer.concat([begin, other])));
        },
      ),
    );
  });

  it("keeps nothing of an array that the caller changes afterwards", () => {
    const chunk = pattern(100);
    const expected = oracle(algorithm, Buffer.concat([chunk, chunk]));
    const hasher = pureHasher(algorithm);
    hasher.update(chunk);
    chunk.fill(0);
    hasher.update(pattern(100));
    expect(hex(hasher.digest())).toBe(expected);
  });

  it("agrees with node:crypto on a few megabytes", () => {
    const bytes = pattern(3_000_001);
    expect(pure(algorithm, bytes.subarray(0, 1_234_567), bytes.subarray(1_234_567))).toBe(oracle(algorithm, bytes));
  });
});

it.each([0, 1, 2 ** 29 - 1, 2 ** 29, 2 ** 29 + 1, 2 ** 32 - 1, 2 ** 32 + 5, 2 ** 40 + 3, Number.MAX_SAFE_INTEGER])(
  "the length field of %d bytes counts its bits in 64 bits, big-endian",
  (length) => {
    const field = new DataView(new ArrayBuffer(128));
    writeBitLength(field, length);
    expect(field.getBigUint64(120)).toBe(BigInt(length) * 8n);
    expect(field.getBigUint64(112)).toBe(0n);
  },
);

describe("digest strings", () => {
  it("toDigest joins algorithm and hex", () => {
    expect(toDigest("sha256", pureHasher("sha256").digest())).toBe(EMPTY_DIGEST);
    expect(isDigest(toDigest("sha512", pureHasher("sha512").digest()))).toBe(true);
  });

  it("digestOf is sha256 by the pure engine unless told otherwise", () => {
    expect(digestOf(utf8("abc"))).toBe(`sha256:${oracle("sha256", utf8("abc"))}`);
    expect(digestOf(utf8("abc"), pureHasher, "sha512")).toBe(`sha512:${oracle("sha512", utf8("abc"))}`);
    const asked: string[] = [];
    digestOf(utf8("abc"), (algorithm) => {
      asked.push(algorithm);
      return pureHasher(algorithm);
    });
    expect(asked).toEqual(["sha256"]);
  });
});

describe("subtleDigest", () => {
  it.each(ALGORITHMS)("hashes a whole buffer with %s, also a part of one and a shared one", async (algorithm) => {
    const bytes = pattern(1000);
    expect(hex(await subtleDigest(algorithm, bytes))).toBe(oracle(algorithm, bytes));
    const part = bytes.subarray(100, 200);
    expect(hex(await subtleDigest(algorithm, part))).toBe(oracle(algorithm, part));
    const shared = new Uint8Array(new SharedArrayBuffer(10));
    shared.set(bytes.subarray(0, 10));
    expect(hex(await subtleDigest(algorithm, shared))).toBe(oracle(algorithm, bytes.subarray(0, 10)));
  });

  it("works where there is no crypto.subtle", async () => {
    const crypto = Object.getOwnPropertyDescriptor(globalThis, "crypto");
    Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
    try {
      expect(hex(await subtleDigest("sha256", utf8("abc")))).toBe(oracle("sha256", utf8("abc")));
    } finally {
      if (crypto !== undefined) Object.defineProperty(globalThis, "crypto", crypto);
    }
  });
});

describe("hashing", () => {
  it("passes chunks on as they are and feeds every hasher", async () => {
    const chunks = [pattern(10), pattern(100), pattern(0), pattern(70)];
    const sha256 = pureHasher("sha256");
    const sha512 = pureHasher("sha512");
    const passed: Uint8Array[] = [];
    for await (const chunk of hashing(chunks, sha256, sha512)) passed.push(chunk);
    expect(passed.every((chunk, index) => chunk === chunks[index])).toBe(true);
    expect(hex(sha256.digest())).toBe(oracle("sha256", Buffer.concat(chunks)));
    expect(hex(sha512.digest())).toBe(oracle("sha512", Buffer.concat(chunks)));
  });

  it("ends its source when the reader stops early", async () => {
    let ended = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield pattern(10);
      } finally {
        ended = true;
      }
    }
    const hasher = pureHasher("sha256");
    for await (const _ of hashing(toReadableStream(source()), hasher)) break;
    expect(ended).toBe(true);
    expect(hex(hasher.digest())).toBe(oracle("sha256", pattern(10)));
  });
});
