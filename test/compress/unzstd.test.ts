import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { decompress, unzstd, ZSTD_WINDOW_LIMIT } from "../../src/compress/index.ts";
import { itWith } from "../support/tools.ts";
import { collect, mixture, noise, prose, split } from "./support/data.ts";

const MIB = 1024 * 1024;

/** Ten lines, made by `zstd -19 --check`: a compressed block and a checksum. */
const LINES = "slipway slipway slipway slipway reads zstd\n".repeat(10);
const LINES_ZSTD = Buffer.from("KLUv/QRo5QAAmHNsaXB3YXkgcmVhZHMgenN0ZAoCAIBOqT54uXXOCOQ=", "base64");

const zstd = (data: Uint8Array, ...args: string[]): Uint8Array =>
  execFileSync("zstd", [...args, "-q", "-c"], { input: data, maxBuffer: 1024 * MIB });

/** A block with its header. */
function block(type: 0 | 1 | 2 | 3, size: number, body: Uint8Array, last = false): Uint8Array {
  const header = (size << 3) | (type << 1) | (last ? 1 : 0);
  return concatBytes([Uint8Array.of(header & 0xff, (header >> 8) & 0xff, header >> 16), body]);
}

const raw = (text: string, last = false): Uint8Array => block(0, text.length, new TextEncoder().encode(text), last);

interface FrameOptions {
  /** The byte that says how large it is; absent: a single segment. */
  readonly window?: number;
  readonly contentSize?: number;
  readonly checksum?: boolean;
  readonly dictionary?: number;
  readonly reserved?: boolean;
}

/** A frame of blocks, as RFC 8878 draws it. */
function frame(blocks: readonly Uint8Array[], options: FrameOptions = {}): Uint8Array {
  const { window, contentSize = 0, checksum = false, dictionary, reserved = false } = options;
  const flags =
    (window === undefined || options.contentSize !== undefined ? 0b10_000000 : 0) |
    (window === undefined ? 0b100000 : 0) |
    (reserved ? 8 : 0) |
    (checksum ? 4 : 0) |
    (dictionary === undefined ? 0 : 1);
  return concatBytes([
    Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, flags),
    ...(window === undefined ? [] : [Uint8Array.of(window)]),
    ...(dictionary === undefined ? [] : [Uint8Array.of(dictionary)]),
    ...(flags >= 0x80 ? [new Uint8Array(Uint32Array.of(contentSize).buffer)] : []),
    ...blocks,
    ...(checksum ? [new Uint8Array(4)] : []),
  ]);
}

const skippable = (size: number): Uint8Array =>
  concatBytes([Uint8Array.of(0x57, 0x2a, 0x4d, 0x18), new Uint8Array(Uint32Array.of(size).buffer), noise(size)]);

const text = async (data: Uint8Array): Promise<string> => new TextDecoder().decode(await collect(unzstd(data)));

describe("unzstd", () => {
  it.each([1, 2, 7, 65536])("reads what zstd writes, in chunks of %i bytes", async (size) => {
    expect(new TextDecoder().decode(await collect(unzstd(split(LINES_ZSTD, size))))).toBe(LINES);
  });

  it("is what decompress uses, also where a skippable frame comes first", async () => {
    for (const data of [LINES_ZSTD, concatBytes([skippable(3), LINES_ZSTD])]) {
      expect(new TextDecoder().decode(await collect(decompress(data)))).toBe(LINES);
    }
  });

  it("reads frames one after the other, empty and skippable ones among them, each with its own window", async () => {
    const data = concatBytes([
      skippable(0),
      LINES_ZSTD,
      skippable(70_000),
      frame([raw("", true)]),
      frame([raw("ab"), block(1, 3, Uint8Array.of(0x63)), raw("", true)], { window: 0, checksum: true }),
      LINES_ZSTD,
      skippable(5),
    ]);
    for (const size of [1, 7, 4096]) {
      expect(new TextDecoder().decode(await collect(unzstd(split(data, size))))).toBe(`${LINES}abccc${LINES}`);
    }
  });

  it("ends only where a frame ends", async () => {
    const whole = concatBytes([
      LINES_ZSTD,
      frame([raw("ab"), raw("c", true)], { window: 0, checksum: true }),
      skippable(9),
    ]);
    const ends = [0, LINES_ZSTD.byteLength, whole.byteLength - 17, whole.byteLength];
    for (let end = 1; end < whole.byteLength; end++) {
      const reading = collect(unzstd(whole.subarray(0, end)));
      if (ends.includes(end)) await expect(reading).resolves.toBeDefined();
      else await expect(reading).rejects.toMatchObject({ code: "INVALID_COMPRESSION" });
    }
    await expect(collect(unzstd(new Uint8Array(0)))).rejects.toThrow(/truncated/);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["no magic number", new TextEncoder().encode("plain text"), /does not begin/],
    ["something behind the end", concatBytes([LINES_ZSTD, new Uint8Array(512)]), /something else follows/],
    ["a flag without meaning", frame([raw("", true)], { reserved: true }), /flag/],
    ["a block type without meaning", frame([block(3, 0, new Uint8Array(0), true)], { window: 0 }), /type/],
    ["a block that is too large", frame([block(1, 131_073, Uint8Array.of(1), true)], { window: 0x80 }), /131072 bytes/],
    ["a block larger than its window", frame([block(1, 1025, Uint8Array.of(1), true)], { window: 0 }), /1024 bytes/],
    ["less than was said", frame([raw("ab", true)], { contentSize: 3 }), /less than its 3 bytes/],
    ["more than was said", frame([raw("abcd"), raw("", true)], { window: 0, contentSize: 3 }), /more than its 3 bytes/],
    ["a compressed block of nothing", frame([block(2, 0, new Uint8Array(0), true)], { window: 0 }), /damaged/],
    ["a compressed block of noise", frame([block(2, 900, noise(900), true)], { window: 0 }), /damaged/],
    [
      "a repeated table that there is not",
      frame([block(2, 4, Uint8Array.of(0x03, 0x10, 0, 0), true)], { window: 0 }),
      /damaged/,
    ],
  ])("refuses %s", async (_, data, message) => {
    await expect(collect(unzstd(data))).rejects.toMatchObject({
      code: "INVALID_COMPRESSION",
      message: expect.stringMatching(message),
    });
  });

  it("refuses dictionaries, and windows beyond 128 MiB unless the content is smaller", async () => {
    await expect(collect(unzstd(frame([raw("", true)], { window: 0, dictionary: 7 })))).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("dictionary 7"),
    });
    expect(await text(frame([raw("ab", true)], { window: 0, dictionary: 0 }))).toBe("ab");

    const exponent = (bits: number): number => (bits - 10) << 3;
    expect(ZSTD_WINDOW_LIMIT).toBe(2 ** 27);
    expect(await text(frame([raw("ab", true)], { window: exponent(27) }))).toBe("ab");
    await expect(text(frame([raw("ab", true)], { window: exponent(27) | 1 }))).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringMatching(/window of 150994944 bytes.*134217728.*--long=27/),
    });
    await expect(text(frame([raw("", true)], { contentSize: 2 ** 27 + 1 }))).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
    expect(await text(frame([raw("ab", true)], { window: exponent(41), contentSize: 2 }))).toBe("ab");
  });

  it("never takes damaged data for the whole without an error of its own kind, or other content", async () => {
    const codes = new Set<string>();
    for (let at = 0; at < LINES_ZSTD.byteLength; at++) {
      for (const flip of [1, 0x80]) {
        const damaged = LINES_ZSTD.map((byte, index) => (index === at ? byte ^ flip : byte));
        await collect(unzstd(damaged)).then(
          () => codes.add("read"),
          (error: { code: string }) => codes.add(error.code),
        );
      }
    }
    expect([...codes].sort()).toEqual(["INVALID_COMPRESSION", "UNSUPPORTED", "read"]);
  });

  it("does no more work than a block may give, however long the matches are that it claims to have", async () => {
    // 131071 literals in one byte, and 98 302 sequences of 65 536 literals and 65 539 bytes each in seven more.
    const literals = [0xfd, 0xff, 0x1f, 0x41];
    const sequences = [0xff, 0xfe, 0xff, 0b01_01_01_00, 35, 0, 52];
    for (const bits of [0, 300]) {
      const body = Uint8Array.from([...literals, ...sequences, ...new Array<number>(bits).fill(0), 1]);
      const bomb = block(2, body.byteLength, body, true);
      await expect(collect(unzstd(frame([bomb], { window: 0x80 })))).rejects.toMatchObject({
        code: "INVALID_COMPRESSION",
        message: expect.stringMatching(/damaged|more than 131072 bytes|reaches back/),
      });
    }
  });

  it("refuses matches that reach back before the beginning, out of the window, or to nowhere", async () => {
    // No literals and one sequence, of three bytes from four back: the second of the latest distances, for want of a literal.
    const match = Uint8Array.from([0x00, 1, 0b01_01_01_00, 0, 0, 0, 1]);
    const copied = block(2, match.byteLength, match);
    expect(await text(frame([raw("abcdef"), copied, raw("", true)], { window: 0 }))).toBe("abcdefcde");
    await expect(text(frame([raw("abc"), copied, raw("", true)], { window: 0 }))).rejects.toThrow(
      /reaches back 4 bytes/,
    );
    await expect(text(frame([copied, raw("", true)], { window: 0 }))).rejects.toThrow(/reaches back 4 bytes/);
    // More literals than the block has.
    const greedy = Uint8Array.from([0x08, 0x78, 1, 0b01_01_01_00, 2, 0, 0, 1]);
    await expect(
      text(frame([raw("abcdef"), block(2, greedy.byteLength, greedy, true)], { window: 0 })),
    ).rejects.toThrow(/too few literals/);
    // Bits that nobody reads.
    const left = Uint8Array.from([0x00, 1, 0b01_01_01_00, 0, 0, 0, 2]);
    await expect(text(frame([raw("abcdef"), block(2, left.byteLength, left, true)], { window: 0 }))).rejects.toThrow(
      /sequences of a block are damaged/,
    );
  });

  it("takes little time and memory for small blocks in a large window", async () => {
    // 100 000 blocks of one byte: moving 128 MiB for each of them would take half an hour.
    const one = raw("x");
    const data = frame([...Array.from({ length: 100_000 }, () => one), raw("", true)], { window: (27 - 10) << 3 });
    expect((await collect(unzstd(data))).byteLength).toBe(100_000);
    // And so where compressed blocks stand between them. They say it by earlier distances, which are others the second time.
    const compressed = LINES_ZSTD.subarray(6, -4);
    const notLast = compressed.map((byte, index) => (index === 0 ? byte & ~1 : byte));
    const many = frame([...Array.from({ length: 2000 }, () => [notLast, one]).flat(), raw("", true)], {
      window: (27 - 10) << 3,
    });
    const read = await text(many);
    expect(read).toHaveLength(2000 * (LINES.length + 1));
    expect(read.startsWith(`${LINES}x`)).toBe(true);
  });

  it("reads as much as is asked for, and lets go of its source", async () => {
    let read = 0;
    let released = false;
    function* source(): Generator<Uint8Array> {
      try {
        for (;;) {
          read++;
          yield LINES_ZSTD;
        }
      } finally {
        released = true;
      }
    }
    for await (const _ of unzstd(source())) break;
    expect(read).toBeLessThan(3);
    expect(released).toBe(true);
  });

  it("gives chunks that stay as they are", async () => {
    const chunks: Uint8Array[] = [];
    const input = [frame([raw("ab"), raw("cd", true)], { window: 0 }).slice()];
    for await (const chunk of unzstd(input)) {
      chunks.push(chunk);
      input[0]?.fill(0, 9, 11);
    }
    expect(new TextDecoder().decode(chunks[0])).toBe("ab");
  });

  const levels: readonly (readonly string[])[] = [
    ["--fast=5"],
    ["-1"],
    ["-3", "--no-check"],
    ["-12", "--long=24"],
    ["-19"],
    ["--ultra", "-22"],
    ["-3", "-T2", "--rsyncable"],
  ];
  for (const args of levels) {
    itWith(["zstd"], `reads what zstd ${args.join(" ")} writes`, async () => {
      // Larger than the window of the lower levels, with matches over all of it.
      const near = mixture(3 * MIB);
      const data = concatBytes([near, noise(MIB, 3), near.subarray(0, 2 * MIB)]);
      const compressed = zstd(data, ...args);
      for (const size of [...(args[0] === "-1" ? [7] : []), 65_536, 1_000_003]) {
        expect(Buffer.compare(await collect(unzstd(split(compressed, size))), data)).toBe(0);
      }
    });
  }

  itWith(["zstd"], "reads every small size, with and without the content's size", async () => {
    for (const size of [0, 1, 17, 255, 256, 257, 1023, 65_791, 65_792, 131_071, 131_072, 131_073]) {
      const data = prose(size);
      for (const flags of [["--no-content-size"], []]) {
        const compressed = zstd(data, ...flags);
        expect(Buffer.compare(await collect(unzstd(split(compressed, 1000))), data)).toBe(0);
      }
    }
  });

  itWith(
    ["zstd"],
    "reads matches as far back as a window of 128 MiB, beyond what is kept in one piece",
    async () => {
      const start = noise(MIB, 5);
      const pieces = Array.from({ length: 60 }, (_, at) => start.subarray(at * 999, at * 999 + 300 + at));
      const data = concatBytes([start, new Uint8Array(126 * MIB), ...pieces, new Uint8Array(12 * MIB), ...pieces]);
      const compressed = zstd(data, "-1", "--long=27", "--no-content-size");
      expect(compressed.byteLength).toBeLessThan(3 * MIB);
      let at = 0;
      for await (const chunk of unzstd(compressed)) {
        expect(Buffer.compare(chunk, data.subarray(at, at + chunk.byteLength))).toBe(0);
        at += chunk.byteLength;
      }
      expect(at).toBe(data.byteLength);
    },
    60_000,
  );
});
