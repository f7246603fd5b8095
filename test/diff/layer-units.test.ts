import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { LARGE_SIZE, LARGEST_SIZE, PIECE_SIZE } from "../../src/compress/block-cutter.ts";
import { cutBlocks } from "../../src/compress/cut-blocks.ts";
import type { LayerEntry } from "../../src/diff/layer-entries.ts";
import { type LayerUnit, plannedBlocks, planUnits } from "../../src/diff/layer-units.ts";
import { digestOf, hostHasher } from "../../src/hash/index.ts";
import type { FileNode } from "../../src/snapshots/tree.ts";
import type { TarHeader } from "../../src/tar/entry.ts";
import { writeEntries, writeTar } from "../../src/tar/writer.ts";
import { arrayOf } from "../content/support.ts";

const contents = new Map<string, Uint8Array>();

/** So many bytes that depend on the seed. */
function content(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size).fill(seed);
  for (let at = 0; at < size; at += 4096) bytes[at] = (at >> 12) ^ seed;
  return bytes;
}

function entry(fields: Partial<TarHeader> & { readonly name: string }, bytes?: Uint8Array): LayerEntry {
  const size = bytes?.byteLength ?? 0;
  const header: TarHeader = { type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0, ...fields, size };
  if (bytes === undefined || size === 0) return { header };
  const digest = digestOf(bytes);
  contents.set(digest, bytes);
  const file: FileNode = { type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0, content: digest, size };
  return { header, file };
}

const inputs = (entries: readonly LayerEntry[]) =>
  entries.map(({ header, file }) => ({ header, content: contents.get(file?.content ?? "") ?? new Uint8Array(0) }));

const plan = (entries: readonly LayerEntry[]): LayerUnit[] => [...planUnits(entries, hostHasher)];

const recipes = (entries: readonly LayerEntry[]): string[] =>
  [...plannedBlocks(entries, hostHasher)].map(({ recipe }) => Buffer.from(recipe).toString("hex"));

const sizeAnywhere = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 100_000 }) },
  fc.constantFrom(0, 1, 511, 512, 513, PIECE_SIZE, LARGE_SIZE - 512, LARGE_SIZE - 1, LARGE_SIZE, LARGE_SIZE + 1),
  fc.constantFrom(LARGEST_SIZE - 1024, LARGEST_SIZE - 512, LARGEST_SIZE, 2 * PIECE_SIZE + LARGE_SIZE, 4 * PIECE_SIZE),
);

const entryAnywhere = (at: number) =>
  fc
    .record({
      size: sizeAnywhere,
      seed: fc.nat(5),
      name: fc.constantFrom("short", "l".repeat(120), `${"d/".repeat(90)}deep`, "\u00e4\u00f6\u00fc"),
      xattr: fc.option(fc.constantFrom(10, 600, 900_000), { freq: 10 }),
      kind: fc.constantFrom("file", "file", "file", "file", "symlink", "directory"),
    })
    .map(({ size, seed, name, xattr, kind }) => {
      const xattrs = xattr === null ? {} : { xattrs: new Map([["user.note", new Uint8Array(xattr).fill(65)]]) };
      const named = `${name}-${at}`;
      if (kind === "symlink") return entry({ name: named, type: "symlink", linkName: "t".repeat(seed * 30 + 1) });
      if (kind === "directory") return entry({ name: named, type: "directory" });
      return entry({ name: named, ...xattrs }, content(size, seed));
    });

const layerAnywhere = fc
  .integer({ min: 0, max: 50 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, at) => entryAnywhere(at))));

describe("the plan of a layer", () => {
  it("has the blocks that its tar is cut into, and units that are cut so by themselves", async () => {
    await fc.assert(
      fc.asyncProperty(layerAnywhere, async (entries) => {
        const units = plan(entries);
        const cut = await arrayOf(cutBlocks(writeTar(inputs(entries))));
        expect(units.flatMap(({ blocks }) => blocks.map(({ size }) => size))).toEqual(
          cut.map(({ byteLength }) => byteLength),
        );
        expect(units.flatMap((unit) => unit.entries)).toEqual(entries);
        expect(units.map(({ last }) => last)).toEqual(units.map((_, at) => at === units.length - 1));
        const contained = entries.reduce((sum, { header }) => sum + header.size, 0);
        expect(units.flatMap(({ blocks }) => blocks).reduce((sum, block) => sum + block.contents, 0)).toBe(contained);
        let at = 0;
        for (const unit of units) {
          const tar = concatBytes(await arrayOf(writeEntries(inputs(unit.entries), unit.last)));
          expect(tar.byteLength).toBe(unit.blocks.reduce((sum, { size }) => sum + size, 0));
          const own = concatBytes(cut.slice(at, at + unit.blocks.length));
          expect(Buffer.compare(tar, own)).toBe(0);
          at += unit.blocks.length;
        }
      }),
      { numRuns: 25 },
    );
  });

  it("has one unit for each block of small files, and one for a large file and what shares its last block", () => {
    const small = Array.from({ length: 400 }, (_, at) => entry({ name: `small-${at}` }, content(9000, at % 5)));
    const units = plan(small);
    expect(units.length).toBeGreaterThan(2);
    for (const { blocks } of units) expect(blocks).toHaveLength(1);
    const large = entry({ name: "large" }, content(5 * PIECE_SIZE, 1));
    const [first, ...others] = plan([large, ...small]);
    expect(first?.blocks.length).toBe(5);
    expect(first?.entries[0]).toBe(large);
    expect(first?.blocks.map(({ isPartial }) => isPartial)).toEqual([true, true, true, true, true]);
    expect(others.flatMap(({ blocks }) => blocks).some(({ isPartial }) => isPartial)).toBe(false);
  });

  it("is another recipe where a header, a content or the order is another, and elsewhere the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        layerAnywhere,
        fc.nat(),
        fc.constantFrom("mtime", "content", "gone"),
        async (entries, at, how) => {
          fc.pre(entries.length > 0);
          const index = at % entries.length;
          const old = entries[index];
          if (old === undefined) return;
          const { header } = old;
          const changed: readonly LayerEntry[] =
            how === "gone"
              ? []
              : how === "mtime" || old.file === undefined
                ? [{ ...old, header: { ...header, mtime: 7 } }]
                : [entry(header, content(header.size, 9))];
          const after = entries.toSpliced(index, 1, ...changed);
          const blocksOf = async (all: readonly LayerEntry[]): Promise<string[]> =>
            (await arrayOf(cutBlocks(writeTar(inputs(all))))).map((block) => digestOf(block));
          // The same recipe is the same bytes, and no two recipes have the same.
          const [bytes, names] = [
            [...(await blocksOf(entries)), ...(await blocksOf(after))],
            [...recipes(entries), ...recipes(after)],
          ];
          const known = new Map<string, string>();
          for (const [i, name] of names.entries()) {
            expect(known.get(name) ?? bytes[i]).toBe(bytes[i]);
            known.set(name, bytes[i] ?? "");
          }
          expect(recipes(after)).not.toEqual(recipes(entries));
        },
      ),
      { numRuns: 25 },
    );
  });

  it("tells the same pieces of one file apart from those of another of the same size", () => {
    const of = (seed: number) => recipes([entry({ name: "large" }, content(4 * PIECE_SIZE, seed))]);
    const [one, other] = [of(1), of(2)];
    expect(new Set([...one, ...other]).size).toBe(one.length + other.length);
  });
});
