import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ByteSource } from "../../src/bytes.ts";
import { concatBytes } from "../../src/bytes.ts";
import { LARGEST_SIZE, PIECE_SIZE, SMALLEST_SIZE, TARGET_SIZE } from "../../src/compress/block-cutter.ts";
import { cutBlocks } from "../../src/compress/cut-blocks.ts";
import { type TarInput, writeTar } from "../../src/tar/index.ts";
import { itWith } from "../support/tools.ts";
import { tarHeader } from "../tar/support/arbitrary.ts";
import { end, entry, block as header, pax } from "../tar/support/raw.ts";
import { mutatedTar } from "./fuzz/mutated-tar.ts";
import { collect, noise, split } from "./support/data.ts";
import { Random } from "./support/recipes.ts";

const MIB = 1024 * 1024;

async function cut(source: ByteSource): Promise<readonly Uint8Array[]> {
  const blocks: Uint8Array[] = [];
  for await (const block of cutBlocks(source)) blocks.push(block);
  return blocks;
}

const digestsOf = (blocks: readonly Uint8Array[]): readonly string[] =>
  blocks.map((block) => createHash("sha1").update(block).digest("hex"));

const sizesOf = (blocks: readonly Uint8Array[]): readonly number[] => blocks.map((block) => block.byteLength);

/** Fails unless the blocks are the input, none is empty or too large, and they are the same however the input comes. */
async function checkCut(tar: Uint8Array, chunks: readonly Iterable<Uint8Array>[] = []): Promise<readonly Uint8Array[]> {
  const blocks = await cut(tar);
  expect(Buffer.compare(concatBytes([...blocks]), tar)).toBe(0);
  for (const block of blocks) {
    expect(block.byteLength).toBeGreaterThan(0);
    expect(block.byteLength).toBeLessThanOrEqual(LARGEST_SIZE);
    // Each has its memory for itself, so that it can be given away.
    expect(block.buffer.byteLength).toBe(block.byteLength);
  }
  for (const other of chunks) expect(digestsOf(await cut(other))).toEqual(digestsOf(blocks));
  return blocks;
}

const bytes = noise(8 * MIB, 99);

/** Contents that differ from file to file, and cost nothing. */
const contentOf = (random: Random, size: number): Uint8Array => {
  const from = random.below(bytes.byteLength - size);
  return bytes.subarray(from, from + size);
};

function file(name: string, content: Uint8Array): TarInput {
  return { header: { name, type: "file", mode: 0o644, uid: 0, gid: 0, size: content.byteLength, mtime: 0 }, content };
}

/** A tree of many small files, with a large one here and there. */
function tree(random: Random, count: number, large: number): TarInput[] {
  return Array.from({ length: count }, (_, i) => {
    const name = `usr/lib/node_modules/package-${Math.floor(i / 20)}/lib/${random.next().toString(36)}.js`;
    if (large > 0 && random.below(Math.ceil(count / large)) === 0) {
      return file(name, contentOf(random, PIECE_SIZE + random.below(4 * PIECE_SIZE)));
    }
    return file(name, contentOf(random, random.below(10) === 0 ? random.below(120_000) : random.below(9000)));
  });
}

describe("a tar cut into blocks", () => {
  it("is what the blocks are, whatever its entries and chunks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(tarHeader, { maxLength: 12 }),
        fc.integer({ min: 1, max: 2000 }),
        async (headers, size) => {
          const entries = headers.map((header, i) => ({ header, content: new Uint8Array(header.size).fill(i + 1) }));
          const tar = await collect(writeTar(entries));
          await checkCut(tar, [split(tar, size)]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("is what the blocks are, also if it is damaged, cut off, or no tar at all", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed);
      const tar = mutatedTar(random, seed % 10 === 0 ? 9 * MIB : 400_000);
      await checkCut(tar, [split(tar, 1 + random.below(5000)), split(tar, 1 + random.below(MIB))]);
    }
    for (const size of [0, 1, 511, 512, 513, PIECE_SIZE, LARGEST_SIZE - 1, LARGEST_SIZE, LARGEST_SIZE + 1, 7 * MIB]) {
      const any = bytes.subarray(0, size);
      await checkCut(any, [split(any, 70_001), split(any, 3 * MIB)]);
    }
  });

  it("has blocks that are the same for chunks of any size, down to one byte", async () => {
    const tar = await collect(writeTar(tree(new Random(3), 300, 1)));
    const random = new Random(4);
    const anyhow: Uint8Array[] = [];
    for (let at = 0; at < tar.byteLength; ) {
      const size = random.pick([0, 1, 511, 512, 513, 10_000, PIECE_SIZE]);
      anyhow.push(tar.subarray(at, at + size));
      at += size;
    }
    await checkCut(tar, [split(tar, 512), split(tar, 65_536), anyhow]);
    const small = await collect(writeTar(tree(new Random(5), 60, 0)));
    await checkCut(small, [split(small, 1)]);
  });

  it("has blocks of small files near the size aimed at", async () => {
    const tar = await collect(writeTar(tree(new Random(7), 6000, 0)));
    const sizes = sizesOf(await checkCut(tar));
    const mean = tar.byteLength / sizes.length;
    expect(mean).toBeGreaterThan(0.75 * TARGET_SIZE);
    expect(mean).toBeLessThan(1.25 * TARGET_SIZE);
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(SMALLEST_SIZE);
  });

  it("has pieces of large files in blocks that begin with the file", async () => {
    const before = file("small", contentOf(new Random(1), 10_000));
    const large = file("large", contentOf(new Random(2), 5 * PIECE_SIZE + 12_345));
    const tar = await collect(writeTar([before, large, file("after", contentOf(new Random(3), 100))]));
    const [first, ...others] = sizesOf(await checkCut(tar));
    expect(first).toBe(512 + 10_240);
    expect(others.slice(0, 4)).toEqual([512 + PIECE_SIZE, PIECE_SIZE, PIECE_SIZE, PIECE_SIZE]);
    expect(others[4]).toBe(PIECE_SIZE + Math.ceil(12_345 / 512) * 512);
  });

  it("has the pieces of a file whose size only its PAX header tells, beside values with zeros in them", async () => {
    const content = contentOf(new Random(5), 3 * PIECE_SIZE);
    const records = {
      "SCHILY.xattr.security.capability": Uint8Array.of(1, 0, 0, 2, 0, 10, 0),
      size: `${content.byteLength}`,
    };
    const tar = concatBytes([
      entry({ name: "small" }, contentOf(new Random(6), 2000)),
      pax(records),
      entry({ name: "large", size: 0 }, content),
      entry({ name: "after" }, contentOf(new Random(7), 2000)),
      end,
    ]);
    expect(sizesOf(await checkCut(tar, [split(tar, 1000)]))).toEqual([
      512 + 2048,
      3 * 512 + PIECE_SIZE,
      PIECE_SIZE,
      PIECE_SIZE,
      512 + 2048 + 1024,
    ]);
  });

  it("has the pieces of a file of more than 8 GiB, as far as one reads", async () => {
    const size = 9 * 1024 * MIB;
    const binary = new Uint8Array(12);
    binary[0] = 0x80;
    new DataView(binary.buffer).setBigUint64(4, BigInt(size));
    const heads = [
      header({ name: "large", size: binary, magic: "gnu" }),
      concatBytes([pax({ size: `${size}` }), header({ name: "large", size: 0 })]),
    ];
    for (const head of heads) {
      let given = 0;
      const source = async function* (): AsyncGenerator<Uint8Array> {
        yield head;
        for (; ; given += 100_000) yield new Uint8Array(100_000);
      };
      const sizes: number[] = [];
      for await (const block of cutBlocks(source())) {
        sizes.push(block.byteLength);
        if (sizes.length === 20) break;
      }
      expect(sizes).toEqual([head.byteLength + PIECE_SIZE, ...Array.from({ length: 19 }, () => PIECE_SIZE)]);
      expect(given).toBeLessThan(21 * MIB);
    }
  });
});

describe("a change of a tar", () => {
  /** How many blocks there are of which the other tar has none. */
  async function changed(before: readonly string[], after: readonly TarInput[]): Promise<number> {
    const known = new Set(before);
    return digestsOf(await cut(writeTar(after))).filter((digest) => !known.has(digest)).length;
  }

  const edits: Readonly<Record<string, (entries: TarInput[], at: number, random: Random) => void>> = {
    "an entry comes": (entries, at, random) => {
      entries.splice(at, 0, file(`new/${random.next()}`, contentOf(random, random.below(20_000))));
    },
    "an entry goes": (entries, at) => {
      entries.splice(at, 1);
    },
    "a content changes": (entries, at, random) => {
      const { header } = entries[at] ?? file("new", bytes);
      entries[at] = { header, content: contentOf(random, header.size) };
    },
    "a file grows or shrinks": (entries, at, random) => {
      entries[at] = file(entries[at]?.header.name ?? "new", contentOf(random, random.below(40_000)));
    },
    "a large file comes": (entries, at, random) => {
      entries.splice(at, 0, file(`new/${random.next()}`, contentOf(random, 3 * PIECE_SIZE + random.below(PIECE_SIZE))));
    },
  };

  it.each(Object.entries(edits))(
    "leaves all but a few blocks as they were if %s",
    async (name, edit) => {
      const random = new Random(11);
      const before = tree(random, 2500, 4);
      const blocks = digestsOf(await cut(writeTar(before)));
      expect(blocks.length).toBeGreaterThan(20);
      const counts: number[] = [];
      for (let round = 0; round < 8; round++) {
        const after = [...before];
        edit(after, random.below(before.length), random);
        const other = await changed(blocks, after);
        // A large file brings blocks of its own.
        counts.push(name === "a large file comes" ? other - 4 : other);
      }
      const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
      expect(mean, counts.join()).toBeLessThanOrEqual(2);
      expect(Math.max(...counts), counts.join()).toBeLessThanOrEqual(5);
    },
    60_000,
  );

  it("in a large file leaves all but two of its pieces as they were", async () => {
    const random = new Random(12);
    const before = tree(random, 100, 0);
    const content = contentOf(random, 7 * MIB).slice();
    const with_ = (data: Uint8Array): TarInput[] => before.toSpliced(50, 0, file("large", data));
    const altered = content.slice();
    altered.fill(7, 3_500_000, 3_500_010);
    const blocks = digestsOf(await cut(writeTar(with_(content))));
    expect(await changed(blocks, with_(altered))).toBe(1);
    // A file that grows at its end has another size in its header.
    const grown = concatBytes([content, content.subarray(0, 100)]);
    expect(await changed(blocks, with_(grown))).toBe(2);
  });
});

describe("a tar of other programs", () => {
  /** Makes a tree with what such tars differ in, and gives what the program wrote of it. */
  function written(program: string, args: readonly string[]): Uint8Array {
    const root = mkdtempSync(join(tmpdir(), "slipway-cut-"));
    try {
      const random = new Random(21);
      const deep = join(root, "tree", ...Array.from({ length: 12 }, (_, i) => `directory-${i}`.padEnd(30, "d")));
      mkdirSync(deep, { recursive: true });
      for (let i = 0; i < 300; i++) {
        writeFileSync(
          join(i % 2 ? deep : join(root, "tree"), `${"n".repeat(60)}-${i}`),
          contentOf(random, random.below(30_000)),
        );
      }
      const sparse = join(root, "tree", "sparse");
      writeFileSync(sparse, "");
      for (let i = 0; i < 60; i++) {
        writeFileSync(sparse, contentOf(random, 4096), { flag: "a" });
        truncateSync(sparse, (i + 1) * 100_000);
      }
      writeFileSync(join(root, "tree", "zz-large"), contentOf(random, 3 * MIB));
      return execFileSync(program, [...args, "-cf", "-", "tree"], { cwd: root, maxBuffer: 2 ** 30 });
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }

  for (const [program, args] of [
    ["tar", ["--format=gnu", "-S", "--sort=name"]],
    ["tar", ["--format=posix", "-S", "--sort=name"]],
    ["tar", ["--format=ustar", "--exclude=directory-0*", "--sort=name"]],
    ["bsdtar", ["--format=pax"]],
    ["bsdtar", ["--format=gnutar"]],
  ] as const) {
    itWith([program], `${program} ${args.join(" ")} is followed to its end`, async () => {
      const tar = written(program, args);
      const blocks = await checkCut(tar, [split(tar, 10_007)]);
      // The large file is found at its place: its first piece is in a block that begins with its header.
      const pieces = sizesOf(blocks).filter((size) => size >= PIECE_SIZE && size <= PIECE_SIZE + 3 * 512);
      expect(pieces.length).toBeGreaterThanOrEqual(2);
    });
  }
});
