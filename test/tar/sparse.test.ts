import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { readTar } from "../../src/tar/index.ts";
import { block, bytes, end, entry, padded, pax, type ReadEntry, readAllEntries, split } from "./support/raw.ts";

type Part = readonly [offset: number, size: number];

const octal = (value: number): string => `${value.toString(8).padStart(11, "0")}\0`;
const next = entry({ name: "next" }, "next");

/** Where the parts lie in the expanded file, and their bytes one after the other. */
const contentOf = (parts: readonly Part[]): Uint8Array =>
  concatBytes(parts.map(([, size], i) => new Uint8Array(size).fill(0x61 + (i % 26))));
const expand = (parts: readonly Part[], size: number): Uint8Array => {
  const whole = new Uint8Array(size);
  for (const [i, [offset, length]] of parts.entries()) whole.fill(0x61 + (i % 26), offset, offset + length);
  return whole;
};

/** The old GNU form: four parts in the header, 21 in each block that follows. */
function oldGnu(parts: readonly Part[], size: number, content = contentOf(parts)): Uint8Array {
  const map = (some: readonly Part[], at: number, count: number, more: boolean): Record<number, string> => ({
    ...Object.fromEntries(some.map(([offset, length], i) => [at + i * 24, octal(offset) + octal(length)])),
    ...(more ? { [at + count * 24]: "\x01" } : {}),
  });
  const blocks: Uint8Array[] = [];
  for (let i = 4; i < parts.length; i += 21) {
    const extension = new Uint8Array(512);
    for (const [at, text] of Object.entries(map(parts.slice(i, i + 21), 0, 21, parts.length > i + 21))) {
      extension.set(bytes(text), Number(at));
    }
    blocks.push(extension);
  }
  const at = { ...map(parts.slice(0, 4), 386, 4, parts.length > 4), 483: octal(size) };
  const header = block({ name: "sparse", type: "S", magic: "gnu", size: content.byteLength, at });
  return concatBytes([header, ...blocks, padded(content)]);
}

function version00(parts: readonly Part[], size: number): Uint8Array {
  const records: [string, string][] = [
    ["GNU.sparse.size", String(size)],
    ["GNU.sparse.numblocks", String(parts.length)],
  ];
  for (const [offset, length] of parts) {
    records.push(["GNU.sparse.offset", String(offset)], ["GNU.sparse.numbytes", String(length)]);
  }
  return concatBytes([pax(records), entry({ name: "sparse" }, contentOf(parts))]);
}

function version01(parts: readonly Part[], size: number, change: Record<string, string> = {}): Uint8Array {
  const records = {
    "GNU.sparse.size": String(size),
    "GNU.sparse.numblocks": String(parts.length),
    "GNU.sparse.name": "sparse",
    "GNU.sparse.map": parts.flat().join(","),
    ...change,
  };
  return concatBytes([pax(records), entry({ name: "GNUSparseFile.1/sparse" }, contentOf(parts))]);
}

function version10(
  parts: readonly Part[],
  size: number,
  map = `${[parts.length, ...parts.flat()].join("\n")}\n`,
): Uint8Array {
  const records = {
    "GNU.sparse.major": "1",
    "GNU.sparse.minor": "0",
    "GNU.sparse.name": "sparse",
    "GNU.sparse.realsize": String(size),
  };
  const content = concatBytes([padded(map), contentOf(parts)]);
  return concatBytes([pax(records), entry({ name: "GNUSparseFile.1/sparse" }, content)]);
}

const forms: readonly [string, (parts: readonly Part[], size: number) => Uint8Array][] = [
  ["old GNU", oldGnu],
  ["PAX 0.0", version00],
  ["PAX 0.1", version01],
  ["PAX 1.0", version10],
];
const read = (sparse: Uint8Array, chunk = 65536): Promise<ReadEntry[]> =>
  readAllEntries(split(concatBytes([sparse, next, end]), chunk));

describe.each(forms)("a sparse file in the %s form", (_, make) => {
  it.each<[string, readonly Part[], number]>([
    [
      "holes before, between and after",
      [
        [512, 512],
        [2048, 100],
      ],
      5000,
    ],
    ["no hole", [[0, 700]], 700],
    [
      "a part of size 0 at the end, as GNU tar writes it",
      [
        [0, 512],
        [4096, 0],
      ],
      4096,
    ],
    ["only a hole", [[100000, 0]], 100000],
    [
      "parts that touch",
      [
        [0, 512],
        [512, 512],
      ],
      1024,
    ],
    [
      "more parts than the header block holds",
      Array.from({ length: 100 }, (_, i) => [i * 1024, 512] as const),
      200_000,
    ],
    [
      "just as many parts as header and one block hold",
      Array.from({ length: 25 }, (_, i) => [i * 10, 5] as const),
      300,
    ],
    ["nothing", [], 0],
    ["no part at all", [], 1000],
  ])("with %s comes expanded", async (_, parts, size) => {
    for (const chunk of [7, 512, 65536]) {
      const [sparse, after] = await read(make(parts, size), chunk);
      expect(sparse?.header).toMatchObject({ name: "sparse", type: "file", size });
      expect(sparse?.header.pax).toBeUndefined();
      expect(Buffer.compare(sparse?.content ?? end, expand(parts, size))).toBe(0);
      expect(after?.header.name).toBe("next");
      expect(after?.content).toEqual(bytes("next"));
    }
  });

  it("is skipped if it is not read", async () => {
    const names: string[] = [];
    for await (const { name } of readTar(concatBytes([make([[512, 600]], 5000), next, end]))) names.push(name);
    expect(names).toEqual(["sparse", "next"]);
  });

  it.each<[string, readonly Part[], number]>([
    [
      "overlap",
      [
        [0, 100],
        [50, 100],
      ],
      1000,
    ],
    [
      "go backwards",
      [
        [500, 100],
        [0, 100],
      ],
      1000,
    ],
    ["go beyond the size", [[900, 101]], 1000],
    ["begin beyond the size", [[2000, 0]], 1000],
  ])("is refused if its parts %s", async (_, parts, size) => {
    await expect(read(make(parts, size))).rejects.toMatchObject({
      code: "INVALID_TAR",
      message: /"sparse".*sparse map/,
    });
  });
});

describe("a sparse file", () => {
  it("does not need memory for its holes", async () => {
    const tar = concatBytes([oldGnu([[0, 512]], 2 ** 32), end]);
    for await (const { content, size } of readTar(tar)) {
      expect(size).toBe(2 ** 32);
      let chunks = 0;
      for await (const chunk of content()) {
        expect(chunk.byteLength).toBeLessThanOrEqual(65536);
        if (++chunks === 10) break;
      }
    }
  });

  const refused = async (sparse: Uint8Array, code = "INVALID_TAR"): Promise<void> => {
    await expect(read(sparse)).rejects.toMatchObject({ code });
  };

  it("is refused if the archive holds less or more of it than its map says", async () => {
    await refused(oldGnu([[0, 600]], 1000, new Uint8Array(500)));
    await refused(oldGnu([[0, 600]], 1000, new Uint8Array(700)));
    await refused(version10([[0, 600]], 1000, "1\n0\n599\n"));
  });

  it("is refused if its map is no map", async () => {
    await refused(version01([[0, 10]], 10, { "GNU.sparse.map": "0" }));
    await refused(version01([[0, 10]], 10, { "GNU.sparse.map": "0,ten" }));
    await refused(version01([[0, 10]], 10, { "GNU.sparse.map": "0,-10" }));
    await refused(version01([[0, 10]], 10, { "GNU.sparse.numblocks": "2" }));
    await refused(version01([[0, 10]], 10, { "GNU.sparse.numblocks": "-1" }));
    await refused(version01([[0, 10]], 10, { "GNU.sparse.size": "ten" }));
    await refused(version10([[0, 10]], 10, "1\n0\nten\n"));
    await refused(version10([[0, 10]], 10, "-1\n"));
    await refused(version10([[0, 10]], 10, "x".repeat(600)));
    await refused(version10([[0, 10]], 10, "99999999999\n"));
    await refused(version10([[0, 10]], 10, "3\n0\n10\n"));
  });

  it("is refused if offset and size are out of order in version 0.0", async () => {
    const records = [
      ["GNU.sparse.size", "10"],
      ["GNU.sparse.numblocks", "1"],
      ["GNU.sparse.numbytes", "10"],
      ["GNU.sparse.offset", "0"],
    ] as const;
    await refused(concatBytes([pax(records), entry({}, "0123456789")]));
  });

  it("is refused in a version that is not known, and not passed off as a file", async () => {
    await refused(version01([[0, 10]], 10, { "GNU.sparse.major": "2", "GNU.sparse.minor": "0" }), "UNSUPPORTED");
  });

  it("is refused if it is no file, or no GNU header", async () => {
    const records = pax({ "GNU.sparse.map": "", "GNU.sparse.numblocks": "0", "GNU.sparse.size": "10" });
    await refused(concatBytes([records, entry({ type: "5" })]));
    await refused(block({ type: "S", magic: "ustar" }));
  });

  it("is refused if its map is longer than the limit", async () => {
    const many = Array.from({ length: 2000 }, (_, i) => [i, 0] as const);
    for (const [, make] of forms) {
      const sparse = concatBytes([make(many, 2000), end]);
      await expect(readAllEntries(sparse, { limits: { metadata: 2048 } })).rejects.toMatchObject({
        code: "INVALID_TAR",
      });
    }
  });

  it("is refused wherever it is cut off", async () => {
    for (const [, make] of forms) {
      const sparse = make(
        Array.from({ length: 30 }, (_, i) => [i * 100, 50] as const),
        3000,
      );
      for (let size = 1; size < sparse.byteLength - 512; size += 97) {
        await expect(readAllEntries(sparse.subarray(0, size))).rejects.toMatchObject({ code: "INVALID_TAR" });
      }
    }
  });
});
