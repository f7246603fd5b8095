import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareBytes } from "../../src/bytes.ts";
import { compareNames, comparePaths, decodeName, encodeName, isUtf8Name } from "../../src/tar/index.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("a name", () => {
  it.each(["", "a", "café", "日本語", "😀", "\ufeffbom", "a\0b", "\u0080", "\uffff", "\u{10ffff}", "x".repeat(300)])(
    "of valid UTF-8 is that text: %j",
    (text) => {
      expect(decodeName(utf8(text))).toBe(text);
      expect(encodeName(text)).toEqual(utf8(text));
      expect(isUtf8Name(text)).toBe(true);
    },
  );

  it.each([
    ["a stray continuation byte", [0x80], "\udc80"],
    ["Latin-1", [0x63, 0x61, 0x66, 0xe9], "caf\udce9"],
    ["an overlong slash", [0xc0, 0xaf], "\udcc0\udcaf"],
    ["an overlong three byte form", [0xe0, 0x80, 0xaf], "\udce0\udc80\udcaf"],
    ["an encoded surrogate", [0xed, 0xb2, 0x80], "\udced\udcb2\udc80"],
    ["a code point above U+10FFFF", [0xf4, 0x90, 0x80, 0x80], "\udcf4\udc90\udc80\udc80"],
    ["a truncated sequence before a letter", [0xe2, 0x82, 0x61], "\udce2\udc82a"],
    ["a truncated sequence at the end", [0xf0, 0x9f, 0x98], "\udcf0\udc9f\udc98"],
    ["a truncated sequence before a whole one", [0xe2, 0xc3, 0xa9], "\udce2é"],
    ["bytes that never occur", [0xfe, 0xff], "\udcfe\udcff"],
  ])("escapes each byte of %s", (_, bytes, expected) => {
    expect(decodeName(Uint8Array.from(bytes))).toBe(expected);
    expect([...encodeName(expected)]).toEqual(bytes);
    expect(isUtf8Name(expected)).toBe(false);
  });

  it("stands for its bytes and for no others", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(encodeName(decodeName(bytes))).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it("is told from any other by the same bytes only", () => {
    // All pairs of bytes after a lead byte: whatever is not UTF-8 must not collide with what is.
    const seen = new Set<string>();
    for (let a = 0xc0; a < 0x100; a++) {
      for (let b = 0x70; b < 0x100; b++) seen.add(decodeName(Uint8Array.of(0xe0, a, b)));
    }
    expect(seen.size).toBe(0x40 * 0x90);
  });

  it.each(["\ud800", "a\udbff", "\udc00", "\udc7f", "\udd00", "\udfff"])(
    "is refused with a surrogate that escapes no byte: %j",
    (name) => {
      expect(() => encodeName(name)).toThrow(expect.objectContaining({ code: "INVALID_PATH" }));
    },
  );
});

describe("the order", () => {
  const name = fc.oneof(fc.string({ unit: "binary", maxLength: 6 }), fc.uint8Array({ maxLength: 6 }).map(decodeName));

  it("of names is that of their bytes", () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(Math.sign(compareNames(a, b))).toBe(Math.sign(compareBytes(encodeName(a), encodeName(b))));
      }),
      { numRuns: 3000 },
    );
  });

  it("of names is not that of UTF-16", () => {
    expect(["\uffff", "😀", "é", "z", "\udcff", "\udc80"].sort(compareNames)).toEqual([
      "z",
      "\udc80",
      "é",
      "\uffff",
      "😀",
      "\udcff",
    ]);
  });

  it("of paths puts what a directory holds right after it", () => {
    const paths = ["a-b", "a/b", "a", "a/😀", "a/\uffff", "a!", "a/b/c", "b", "a\udc80", "😀/x", "😀!", "😀"];
    expect(paths.sort(comparePaths)).toEqual([
      "a",
      "a/b",
      "a/b/c",
      "a/\uffff",
      "a/😀",
      "a!",
      "a-b",
      "a\udc80",
      "b",
      "😀",
      "😀/x",
      "😀!",
    ]);
  });

  it("of paths is that of their bytes with / as the lowest", () => {
    const path = fc.string({ unit: fc.constantFrom("a", "/", "!", "é", "😀", "\udcff", "\uffff"), maxLength: 6 });
    const lowered = (text: string): Uint8Array => encodeName(text).map((byte) => (byte === 0x2f ? 0 : byte));
    fc.assert(
      fc.property(path, path, (a, b) => {
        expect(Math.sign(comparePaths(a, b))).toBe(Math.sign(compareBytes(lowered(a), lowered(b))));
      }),
      { numRuns: 3000 },
    );
  });
});
