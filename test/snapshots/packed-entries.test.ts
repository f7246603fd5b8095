import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fileNode, type Leaf, specialNode, symlinkNode } from "../../src/snapshots/node.ts";
import { PackedEntries } from "../../src/snapshots/packed-entries.ts";
import type { DirectoryNode } from "../../src/snapshots/tree.ts";
import { WorkEntries } from "../../src/snapshots/work-entries.ts";
import { compareNames } from "../../src/tar/names.ts";

type Entry = Leaf | DirectoryNode;

const digest = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => `sha256:${Buffer.from(bytes).toString("hex")}` as const);
const long = fc
  .uint8Array({ minLength: 64, maxLength: 64 })
  .map((bytes) => `sha512:${Buffer.from(bytes).toString("hex")}` as const);
const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const attributes = fc.record({
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: whole,
  gid: whole,
  mtime: fc.oneof(
    fc.integer({ min: -5, max: 5 }),
    fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  ),
});
const file = fc
  .tuple(attributes, fc.oneof(digest, digest, long), whole)
  .map(([a, content, size]) => fileNode(a, content, size));
const entry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 5, arbitrary: file },
  file.map((node) => ({ ...node, inode: 7 })),
  file.map((node) => ({ ...node, xattrs: new Map([["user.a", Uint8Array.of(1)]]) })),
  attributes.map((a) => symlinkNode(a, "../where")),
  attributes.map((a) => specialNode(a, "char", 1, 3)),
  fc
    .tuple(attributes, digest)
    .map(([a, of]): DirectoryNode => ({ type: "directory", ...a, entries: new Map(), digest: of })),
);
/** Few and short, so that names meet; with what is not ASCII, bytes that are no UTF-8, and what sorts otherwise in UTF-16. */
const name = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "b", "B", "é", "\udc80", "\uffee", "𝒳", "z"), minLength: 1, maxLength: 3 }),
  fc.constantFrom("x".repeat(127), "x".repeat(128), "x".repeat(255)),
);

const sorted = (model: ReadonlyMap<string, Entry>): [string, Entry][] =>
  [...model].sort(([a], [b]) => compareNames(a, b));

function expectSame(packed: ReadonlyMap<string, Entry>, model: ReadonlyMap<string, Entry>): void {
  const entries = sorted(model);
  expect(packed.size).toBe(model.size);
  expect([...packed]).toEqual(entries);
  expect([...packed.keys()]).toEqual(entries.map(([key]) => key));
  expect([...packed.values()]).toEqual(entries.map(([, value]) => value));
  for (const [key, value] of entries) expect(packed.get(key)).toEqual(value);
  const visited: [string, Entry][] = [];
  packed.forEach((value, key, map) => {
    expect(map).toBe(packed);
    visited.push([key, value]);
  });
  expect(visited).toEqual(entries);
}

describe("packed entries", () => {
  it("are what a map of the same entries is, whatever changes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.tuple(name, fc.option(entry, { nil: undefined })), { maxLength: 30 }), { maxLength: 6 }),
        fc.array(name, { maxLength: 5 }),
        (steps, others) => {
          const model = new Map<string, Entry>();
          const work = new WorkEntries<DirectoryNode>();
          for (const changes of steps) {
            for (const [key, value] of changes) {
              work.set(key, value);
              if (value === undefined) model.delete(key);
              else model.set(key, value);
              expect(work.get(key)).toEqual(value);
              expect(work.size).toBe(model.size);
            }
            const packed = work.pack();
            expectSame(packed, model);
            for (const key of others)
              expect([packed.has(key), packed.get(key)]).toEqual([model.has(key), model.get(key)]);
            expect(new Set(packed.directories())).toEqual(
              new Set([...model.values()].filter(({ type }) => type === "directory")),
            );
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it("stay as they are when others are made of them", () => {
    const node = fileNode({ mode: 0o644, uid: 0, gid: 0, mtime: 0 }, `sha256:${"ab".repeat(32)}`, 1);
    const link = symlinkNode({ mode: 0o777, uid: 0, gid: 0, mtime: 0 }, "a");
    const before = PackedEntries.of<DirectoryNode>([
      ["a", node],
      ["b", link],
    ]);
    const after = before.with([
      ["b", undefined],
      ["c", node],
    ]);
    expect([...before.keys()]).toEqual(["a", "b"]);
    expect(before.get("b")).toBe(link);
    expect([...after.keys()]).toEqual(["a", "c"]);
  });

  it("hold directories of many entries", () => {
    const names = Array.from({ length: 20_000 }, (_, i) => String(i).padStart(6, "0"));
    const node = fileNode(
      { mode: 0o644, uid: 1000, gid: 1000, mtime: 1_700_000_000 },
      `sha256:${"0f".repeat(32)}`,
      5_000_000_000,
    );
    const packed = PackedEntries.of<DirectoryNode>(names.map((key) => [key, node]));
    expect([...packed.keys()]).toEqual(names);
    expect(packed.get("012345")).toEqual(node);
    expect(packed.get("12345")).toBeUndefined();
  });
});
