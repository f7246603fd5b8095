import { constants, deflateRawSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { mixture, noise, prose } from "./support/data.ts";
import { DeflateError, type ReadDeflateOptions, readDeflate, readMember } from "./support/deflate-reader.ts";

/** Bytes of bits as they come, first ones first. */
function bits(...parts: readonly string[]): Uint8Array {
  const all = parts.join("").replaceAll(" ", "");
  const bytes = new Uint8Array(Math.ceil(all.length / 8));
  for (const [at, bit] of [...all].entries()) {
    if (bit === "1") bytes[at >> 3] = (bytes[at >> 3] as number) | (1 << (at & 7));
  }
  return bytes;
}

/** A number, lowest bit first. */
const number = (value: number, count: number): string =>
  Array.from({ length: count }, (_, i) => (value >> i) & 1).join("");

/** The beginning of a final block with codes of its own; lengths of the code length code in their order. */
const dynamic = (literals: number, distances: number, codeLengths: readonly number[]): string =>
  ["1 01", number(literals - 257, 5), number(distances - 1, 5), number(codeLengths.length - 4, 4)].join("") +
  codeLengths.map((length) => number(length, 3)).join("");

const FIXED = "1 10";
const END = "0000000";
/** The literal `a` in the fixed code. */
const A = "10010001";
/** A match of length 3 with distance 1 in the fixed code. */
const MATCH = "0000001 00000";

const stream = (data: Uint8Array, options: Partial<ReadDeflateOptions> = {}): string =>
  Buffer.from(readDeflate(data, { form: "stream", ...options }).bytes).toString();

const refusal = (data: Uint8Array, options: Partial<ReadDeflateOptions> = {}): string => {
  try {
    stream(data, options);
    return "none";
  } catch (error) {
    if (error instanceof DeflateError) return error.message;
    throw error;
  }
};

describe("the strict reader of deflate data", () => {
  it("reads what zlib writes, and accounts for every bit", () => {
    for (const strategy of [
      constants.Z_DEFAULT_STRATEGY,
      constants.Z_HUFFMAN_ONLY,
      constants.Z_RLE,
      constants.Z_FIXED,
    ]) {
      for (const bytes of [new Uint8Array(0), Uint8Array.of(1), mixture(300_000), prose(40_000), noise(70_000)]) {
        for (const level of [0, 1, 6, 9]) {
          const deflated = deflateRawSync(bytes, { level, strategy, memLevel: 9 });
          const read = readDeflate(deflated, { form: "stream" });
          expect(Buffer.compare(read.bytes, bytes)).toBe(0);
          let counted = 0;
          for (const block of read.blocks) {
            counted += block.headerBits + block.literalBits + block.matchBits + block.storedBits;
            if (block.type !== "stored") expect(block.size).toBe(block.literals + block.matchBytes);
          }
          expect(Math.ceil(counted / 8)).toBe(deflated.byteLength);
        }
      }
    }
  });

  it("counts blocks, literals and matches", () => {
    const [block, ...more] = readDeflate(bits(FIXED, A, A, MATCH, END), { form: "stream" }).blocks;
    expect(more).toEqual([]);
    expect(block).toEqual({
      ...{ type: "fixed", final: true, size: 5, literals: 2, matches: 1, matchBytes: 3 },
      ...{ headerBits: 10, literalBits: 16, matchBits: 12, storedBits: 0 },
    });
  });

  it("reads data that a sync flush ends, and knows it from a stream", () => {
    const zlib = deflateRawSync(prose(1000), { finishFlush: constants.Z_SYNC_FLUSH });
    expect(stream(zlib, { form: "flushed" })).toBe(Buffer.from(prose(1000)).toString());
    expect(refusal(zlib)).toMatch("there is no final block");
    expect(refusal(deflateRawSync(prose(1000)), { form: "flushed" })).toMatch("a block is marked as final");
    const open = bits("0 10", A, END, "0 10", A, END, "000000");
    expect(refusal(open, { form: "flushed" })).toMatch("the data ends within a block");
    const stored = Uint8Array.of(0, 1, 0, 254, 255, 97);
    expect(refusal(stored, { form: "flushed" })).toMatch("the last block is not an empty stored one");
  });

  it("reads a member of gzip", () => {
    const member = gzipSync(prose(5000));
    member[9] = 255;
    expect(Buffer.compare(readMember(member, { independent: false }).bytes, prose(5000))).toBe(0);
    member[4] = 1;
    expect(() => readMember(member, { independent: false })).toThrow("the header is");
    member[4] = 0;
    member[member.byteLength - 4] = 1;
    expect(() => readMember(member, { independent: false })).toThrow("the size is");
  });

  it("lets matches reach over an empty stored block only if they may", () => {
    const data = bits("0 10", A, END, "0 00", "000", number(0, 16), number(0xffff, 16), FIXED, MATCH, END);
    expect(stream(data)).toBe("aaaa");
    expect(refusal(data, { independent: true })).toMatch("a match reaches back by 1, where only 0 bytes are");
  });

  it("allows one distance code of one bit, and none at all", () => {
    // Codes of the lengths: 1 = "0", 2 = "10", 18 = "11".
    const one = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
    const zeros = (count: number): string => `11${number(count - 11, 7)}`;
    // `a` = "10", the end = "11", a match of 3 = "0".
    const literals = [zeros(97), "10", zeros(138), zeros(20), "10", "0"].join("");
    expect(stream(bits(dynamic(258, 1, one), literals, "0", "10", "0 0", "11"))).toBe("aaaa");
    expect(refusal(bits(dynamic(258, 1, one), literals, "0", "10", "0 1", "11"))).toMatch("no distance has this code");
    expect(refusal(bits(dynamic(258, 1, one), literals, "10"))).toMatch("the distance code is incomplete");
    expect(refusal(bits(dynamic(258, 2, one), literals, "0 10"))).toMatch("the distance code is incomplete");
    // 1 = "0", 0 = "10", 18 = "11"; `a` = "0", the end = "1".
    const none = [0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const only = [zeros(97), "0", zeros(138), zeros(20), "0"].join("");
    expect(stream(bits(dynamic(257, 1, none), only, "10", "0 0 0", "1"))).toBe("aaa");
    expect(refusal(bits(dynamic(257, 2, none), only, "10 10"))).toMatch("the distance code is incomplete");
  });

  it.each<readonly [string, Uint8Array]>([
    ["a block has the type 3", bits("1 11")],
    ["the data ends within a block", new Uint8Array(0)],
    ["the data ends within a block", bits(FIXED, A)],
    ["the data ends within a stored block", Uint8Array.of(1, 2, 0, 253, 255, 97)],
    ["bits before a stored block are not zero", Uint8Array.of(0x81, 0, 0, 255, 255)],
    ["the length of a stored block differs", Uint8Array.of(1, 0, 0, 255, 254)],
    ["there are bits after the end", bits(FIXED, END, "1")],
    ["something follows the final block", bits(FIXED, END, "000000 00000000")],
    ["a match reaches back by 1, where only 0 bytes are", bits(FIXED, MATCH, END)],
    ["there is a length with the symbol 286", bits(FIXED, A, "11000110", "00000", END)],
    ["there is a distance with the symbol 30", bits(FIXED, A, "0000001", "11110", END)],
    ["a length of 258 has the symbol 284", bits(FIXED, A, "11000100", number(31, 5), "00000", END)],
    ["a block has 287 literal and length codes", bits(dynamic(287, 1, [1, 1, 0, 0]))],
    ["a block has 31 distance codes", bits(dynamic(257, 31, [1, 1, 0, 0]))],
    ["the code length code is incomplete", bits(dynamic(257, 1, [1, 0, 0, 0]))],
    ["the code length code has more codes than there can be", bits(dynamic(257, 1, [1, 1, 1, 0]))],
    // 16 = "0", 17 = "1".
    ["there is no code length to repeat", bits(dynamic(257, 1, [1, 1, 0, 0]), "0 00")],
    // 17 = "0", 18 = "1".
    [
      "a run of code lengths goes beyond",
      bits(dynamic(257, 1, [0, 1, 1, 0]), "1", number(127, 7), "1", number(127, 7)),
    ],
    [
      "the end of the block has no code",
      bits(dynamic(257, 1, [0, 1, 1, 0]), `1${number(127, 7)}`, `1${number(109, 7)}`),
    ],
  ])("says that %s", (reason, data) => {
    expect(refusal(data)).toMatch(reason);
  });

  it("refuses codes of symbols that are too many or too few", () => {
    // 8 = "0", 18 = "10", 1 = "11".
    const codes = [0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    const eights = "0".repeat(256);
    expect(refusal(bits(dynamic(257, 1, codes), eights, "0", "10"))).toMatch(
      "the literal and length code has more codes than there can be",
    );
    expect(refusal(bits(dynamic(257, 1, codes), "0".repeat(200), `11${number(45, 7)}`, "0", "10"))).toMatch(
      "the literal and length code is incomplete",
    );
  });
});
