import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Digest } from "../../src/oci/digest.ts";
import {
  blockRecords,
  changedWhenRead,
  countingPool,
  exportFiles,
  exportPlain,
  type Files,
  inDirectory,
  inMemory,
  manyFiles,
  type Place,
  text,
} from "./block-cache-support.ts";

/** Something that is done to a tree. */
type Edit = (files: Map<string, Uint8Array>) => void;
/** Something that is done to stores, which is not the cache's doing. */
type Mishap = (place: Place) => Promise<void>;

const START = manyFiles();
const PATHS = [...START.keys()];
const seed = fc.nat(1_000_000);
const path = fc.constantFrom(...PATHS, "/dir0/new", "/dir3/x/new", "/zzz");

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(path, seed, fc.nat(200_000)).map(
    ([at, of, size]): Edit =>
      (files) =>
        files.set(at, text(of, size)),
  ),
  path.map(
    (at): Edit =>
      (files) =>
        files.delete(at),
  ),
  fc.tuple(path, fc.nat()).map(([at, place]): Edit => {
    return (files) => {
      const content = files.get(at)?.slice() ?? new Uint8Array(1);
      const byte = place % Math.max(content.byteLength, 1);
      content[byte] = (content[byte] ?? 0) ^ 1;
      files.set(at, content);
    };
  }),
);

const layers = async ({ metadata }: Place): Promise<readonly Digest[]> =>
  (await blockRecords(metadata)).map((key) => key.slice("blocks/".length) as Digest);

const mishap: fc.Arbitrary<Mishap> = fc.oneof(
  fc.nat().map((which): Mishap => {
    return async (place) => {
      const there = await layers(place);
      const layer = there[which % there.length];
      if (layer !== undefined) await place.content.delete(layer).catch(() => undefined);
    };
  }),
  fc.tuple(fc.nat(), fc.nat(), fc.nat(7)).map(([which, at, bit]): Mishap => {
    return async ({ metadata }) => {
      const keys = await blockRecords(metadata);
      const key = keys[which % keys.length] ?? "blocks/none";
      const bytes = (await metadata.get(key))?.slice() ?? new Uint8Array(1);
      bytes[at % bytes.byteLength] = (bytes[at % bytes.byteLength] ?? 0) ^ (1 << bit);
      await metadata.set(key, bytes);
    };
  }),
  fc.tuple(fc.nat(), fc.nat()).map(([which, size]): Mishap => {
    return async ({ metadata }) => {
      const keys = await blockRecords(metadata);
      const key = keys[which % keys.length] ?? "blocks/none";
      const bytes = (await metadata.get(key)) ?? new Uint8Array(1);
      await metadata.set(key, bytes.slice(0, size % bytes.byteLength));
    };
  }),
);

function edited(files: Files, edits: readonly Edit[]): Files {
  const copy = new Map(files);
  for (const change of edits) change(copy);
  // An image without files has no layer.
  return copy.set("/always", text(1, 1));
}

const versions = fc.array(fc.array(edit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 });

describe("a tree that is edited again and again", () => {
  it.each([
    ["memory", inMemory],
    ["a directory", () => inDirectory()],
  ] as const)("has the same layers with a cache as without one, in %s", async (_, openPlace) => {
    await fc.assert(
      fc.asyncProperty(versions, async (edits) => {
        const place = await openPlace();
        await exportFiles(place, START);
        let files: Files = START;
        for (const changes of edits) {
          files = edited(files, changes);
          expect(await exportFiles(place, files)).toEqual(await exportPlain(files));
        }
      }),
      { numRuns: 3 },
    );
  });

  it("has them too when stores lose and damage what the cache relies on", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(edit, { minLength: 1, maxLength: 2 }), mishap), { minLength: 2, maxLength: 4 }),
        fc.array(fc.nat(5_000_000), { maxLength: 3 }),
        async (rounds, damaged) => {
          const place = await inMemory();
          await exportFiles(place, START);
          const written = new Set<Digest>(await layers(place));
          const content = changedWhenRead(place.content, (digest, offset, chunk) => {
            if (!written.has(digest)) return;
            for (const at of damaged) {
              const byte = chunk[at - offset];
              if (byte !== undefined) chunk[at - offset] = byte ^ 0x80;
            }
          });
          let files: Files = START;
          for (const [changes, happen] of rounds) {
            files = edited(files, changes);
            await happen(place);
            const { layer } = await exportFiles({ ...place, content }, files);
            written.add(layer.digest);
            expect(layer).toEqual((await exportPlain(files)).layer);
          }
        },
      ),
      { numRuns: 5 },
    );
  });

  it("has at most three blocks compressed anew for a file in which a byte changed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PATHS), fc.nat(), async (at, place) => {
        const stores = await inMemory();
        const first = countingPool();
        await exportFiles({ ...stores, compressPool: first }, START);
        const content = START.get(at)?.slice() ?? new Uint8Array(1);
        content[place % content.byteLength] = 0;
        const pool = countingPool();
        await exportFiles({ ...stores, compressPool: pool }, new Map(START).set(at, content));
        expect(first.blocks).toBeGreaterThanOrEqual(5);
        expect(pool.blocks).toBeGreaterThanOrEqual(1);
        expect(pool.blocks).toBeLessThanOrEqual(3);
      }),
      { numRuns: 6 },
    );
  });
});
