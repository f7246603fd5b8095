import { describe, expect, it } from "vitest";
import { LOOKAHEAD } from "../../../src/compress/deflate/match-finder.ts";
import { QuickParser } from "../../../src/compress/deflate/quick-parser.ts";
import { Sequences } from "../../../src/compress/deflate/sequences.ts";
import { Statistics } from "../../../src/compress/deflate/statistics.ts";
import { mixture, prose } from "../support/data.ts";

const PIECE = 8192;

/** Parses all pieces: each match, as position, length and distance, and how often literals and matches were counted. */
function parse(bytes: Uint8Array): {
  matches: [number, number, number][];
  end: number;
  counted: number;
  literals: number;
} {
  const input = new Uint8Array(bytes.byteLength + LOOKAHEAD);
  input.set(bytes);
  const parser = new QuickParser({ parser: "quick", nice: 32, lazy: 24, piece: PIECE, split: 800 });
  parser.reset(input, new DataView(input.buffer), bytes.byteLength);
  const sequences = new Sequences(bytes.byteLength + 8);
  const statistics = new Statistics();
  for (let at = 0; at < bytes.byteLength; ) {
    at = parser.parse(at, Math.min(bytes.byteLength, at + PIECE), sequences, statistics);
  }
  const matches: [number, number, number][] = [];
  let end = 0;
  let literals = 0;
  for (let k = 0; k < sequences.used; k += 2) {
    const run = sequences.data[k] ?? 0;
    const match = sequences.data[k + 1] ?? 0;
    literals += run;
    end += run;
    if (match !== 0) matches.push([end, match >>> 16, (match & 0xffff) + 1]);
    end += match >>> 16;
  }
  const counted = statistics.literalLengths.reduce((sum, frequency) => sum + frequency, 0);
  return { matches, end, counted, literals };
}

const text = (string: string): Uint8Array => new TextEncoder().encode(string);

describe("QuickParser", () => {
  it.each([
    ["text", prose(100_000)],
    ["a mixture", mixture(300_000)],
    ["one value", new Uint8Array(70_000).fill(5)],
  ])("covers %s by literals and matches that are true, and counts each once", (_, bytes) => {
    const { matches, end, counted, literals } = parse(bytes);
    expect(end).toBe(bytes.byteLength);
    expect(counted).toBe(literals + matches.length);
    for (const [at, length, distance] of matches) {
      const same = Buffer.compare(
        bytes.subarray(at, at + length),
        bytes.subarray(at - distance, at - distance + length),
      );
      if (same !== 0 || distance > 32768 || length > 258) expect.fail(`${length} bytes at ${at}, ${distance} back`);
    }
  });

  it("takes a longer match that lies further back", () => {
    expect(parse(text("#abcdefgh(1)abcdX[2}abcdefgh;3;4")).matches).toContainEqual([20, 8, 19]);
  });

  it("gives a match up for a longer one at the next byte", () => {
    expect(parse(text("#bcdefghijk(1)abcd[2}abcdefghijk;3;4")).matches).toContainEqual([22, 10, 21]);
  });
});
