import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BitWriter } from "../../../src/compress/deflate/bit-writer.ts";

/** The bits of bytes, each byte's lowest first. */
function bitsOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => [...byte.toString(2).padStart(8, "0")].reverse().join("")).join("");
}

describe("BitWriter", () => {
  it("writes numbers one after the other, lowest bit first", () => {
    const numbers = fc.array(
      fc.integer({ min: 0, max: 24 }).chain((count) => fc.tuple(fc.nat({ max: 2 ** count - 1 }), fc.constant(count))),
    );
    fc.assert(
      fc.property(numbers, (written) => {
        const writer = new BitWriter(written.length * 3 + 8);
        let expected = "";
        for (const [bits, count] of written) {
          writer.write(bits, count);
          if (count > 0) expected += [...bits.toString(2).padStart(count, "0")].reverse().join("");
        }
        expect(writer.size * 8 + writer.count).toBe(expected.length);
        writer.align();
        expect(bitsOf(writer.bytes.subarray(0, writer.size))).toBe(expected.padEnd(writer.size * 8, "0"));
      }),
    );
  });

  it("stores bytes after their size and its complement, on a byte's boundary", () => {
    const writer = new BitWriter(32);
    writer.write(1, 1);
    writer.writeStored(Uint8Array.of(7, 8, 9));
    writer.writeStored(new Uint8Array(0));
    expect([...writer.bytes.subarray(0, writer.size)]).toEqual([1, 3, 0, 252, 255, 7, 8, 9, 0, 0, 0, 255, 255]);
  });

  it("adds nothing where it is on a boundary already", () => {
    const writer = new BitWriter(8);
    writer.write(0xab, 8);
    writer.align();
    expect(writer.size).toBe(1);
  });

  it("begins anew with more room", () => {
    const writer = new BitWriter(8);
    writer.write(5, 3);
    writer.reset(100_000);
    expect([writer.size, writer.count, writer.bits]).toEqual([0, 0, 0]);
    expect(writer.bytes.byteLength).toBeGreaterThanOrEqual(100_000);
  });
});
