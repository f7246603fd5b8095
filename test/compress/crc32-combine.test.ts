import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { combineCrc32 } from "../../src/compress/crc32-combine.ts";
import { crc32 } from "../../src/compress/index.ts";
import { noise } from "./support/data.ts";

const checksum = fc.integer({ min: 0, max: 2 ** 32 - 1 });

/** The checksum of so many zeros, put together of those of 2^n zeros. */
function zeros(size: number): number {
  let sum = 0;
  let power = crc32(new Uint8Array(1));
  for (let have = 1, rest = size; rest > 0; have *= 2, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) sum = combineCrc32(sum, power, have);
    power = combineCrc32(power, power, have);
  }
  return sum;
}

describe("the CRC-32 of two stretches", () => {
  it("is that of the whole, wherever it is parted", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.uint8Array({ maxLength: 2000 }), (first, second) => {
        const whole = crc32(second, crc32(first));
        expect(combineCrc32(crc32(first), crc32(second), second.byteLength)).toBe(whole);
      }),
    );
    const bytes = noise(300_000);
    for (const at of [0, 1, 65_535, 65_536, 299_999, 300_000]) {
      const [first, second] = [bytes.subarray(0, at), bytes.subarray(at)];
      expect(combineCrc32(crc32(first), crc32(second), second.byteLength)).toBe(crc32(bytes));
    }
  });

  it("is the other's if one is empty", () => {
    fc.assert(
      fc.property(checksum, fc.integer({ min: 0, max: 2 ** 40 }), (sum, size) => {
        expect(combineCrc32(sum, 0, 0)).toBe(sum);
        // Nothing before: the checksum of nothing is 0.
        expect(combineCrc32(0, sum, size)).toBe(sum);
      }),
    );
  });

  it("does not depend on which are put together first, beyond 4 GiB too", () => {
    const size = fc.oneof(
      fc.integer({ min: 0, max: 2 ** 45 }),
      fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 29),
    );
    fc.assert(
      fc.property(checksum, checksum, checksum, size, size, (a, b, c, sizeOfB, sizeOfC) => {
        const left = combineCrc32(combineCrc32(a, b, sizeOfB), c, sizeOfC);
        expect(combineCrc32(a, combineCrc32(b, c, sizeOfC), sizeOfB + sizeOfC)).toBe(left);
      }),
    );
  });

  it("is right for zeros of any number", () => {
    for (const size of [0, 1, 3, 1000, 65_537, 1_000_003]) expect(zeros(size)).toBe(crc32(new Uint8Array(size)));
    // As zlib says: crc32 over 5 GiB of zeros in a loop.
    expect(zeros(5 * 2 ** 30)).toBe(0x193838c3);
  });
});
