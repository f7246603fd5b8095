import { describe, expect, it } from "vitest";
import { createMemoryContentStore, writeBlob } from "../../src/content/index.ts";
import type { ContentStore } from "../../src/content/store.ts";
import { withContents } from "../../src/diff/layer-contents.ts";
import type { LayerEntry } from "../../src/diff/layer-entries.ts";
import { hostHasher } from "../../src/hash/index.ts";
import type { Digest } from "../../src/oci/digest.ts";
import type { FileNode } from "../../src/snapshots/tree.ts";
import { type TarInput, writeTar } from "../../src/tar/index.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Entries of a layer with these contents, in a store. */
async function filesOf(contents: readonly Uint8Array[]): Promise<{ store: ContentStore; entries: LayerEntry[] }> {
  const store = createMemoryContentStore();
  const entries: LayerEntry[] = [];
  for (const [at, bytes] of contents.entries()) {
    const { digest, size } = await writeBlob(store, bytes);
    entries.push(entry(`f${at}`, digest, size));
  }
  return { store, entries };
}

function entry(name: string, content: Digest, size: number): LayerEntry {
  const attributes = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
  const file: FileNode = { type: "file", ...attributes, content, size };
  return { header: { name, type: "file", ...attributes, size }, file };
}

/** The same store, slow to read: it answers when it is told to. `reads` are the digests that were asked for. */
function slowStore(store: ContentStore): { store: ContentStore; reads: Digest[]; answer: () => void } {
  const reads: Digest[] = [];
  const waiting: (() => void)[] = [];
  const slow = Object.assign(Object.create(null) as object, {
    open: (digest: Digest) => store.open(digest),
    readWhole: async (digest: Digest, limit: number) => {
      reads.push(digest);
      await new Promise<void>((resolve) => waiting.push(resolve));
      return await store.readWhole?.(digest, limit);
    },
  }) as unknown as ContentStore;
  return {
    store: slow,
    reads,
    answer: () => {
      for (const resolve of waiting.splice(0)) resolve();
    },
  };
}

const reading = (content: ContentStore, advance: (bytes: number) => void = () => undefined) => ({
  content,
  hasher: hostHasher,
  advance,
  signal: undefined,
});

async function tarOf(inputs: Iterable<TarInput>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(inputs)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("the contents of a layer", () => {
  it("are arrays where the store has small ones at once, and streams for large ones", async () => {
    const { store, entries } = await filesOf([bytesOf("small"), new Uint8Array(100_000), bytesOf("too")]);
    const inputs = [...withContents(entries, reading(store))];
    expect(inputs[0]?.content).toEqual(bytesOf("small"));
    expect(inputs[1]?.content).not.toBeInstanceOf(Uint8Array);
    expect(inputs[2]?.content).toEqual(bytesOf("too"));
  });

  it("are the same whether the store has them at once, later, or only as streams", async () => {
    const contents = Array.from({ length: 100 }, (_, at) => new Uint8Array((at * 7919) % 90_000).fill(at));
    const { store, entries } = await filesOf(contents);
    const later = slowStore(store);
    const answering = setInterval(later.answer, 1);
    const { open } = store;
    const streams = Object.assign(Object.create(null) as object, { open: open.bind(store) }) as unknown as ContentStore;
    try {
      const counts: number[] = [];
      const tars: Uint8Array[] = [];
      for (const from of [store, later.store, streams]) {
        let counted = 0;
        tars.push(
          await tarOf(
            withContents(
              entries,
              reading(from, (bytes) => {
                counted += bytes;
              }),
            ),
          ),
        );
        counts.push(counted);
      }
      expect(Buffer.compare(tars[1] ?? bytesOf(""), tars[0] ?? bytesOf(""))).toBe(0);
      expect(Buffer.compare(tars[2] ?? bytesOf(""), tars[0] ?? bytesOf(""))).toBe(0);
      const size = contents.reduce((sum, { byteLength }) => sum + byteLength, 0);
      expect(counts).toEqual([size, size, size]);
    } finally {
      clearInterval(answering);
    }
  });

  it("are read ahead where reading takes waiting, but no more than a few", async () => {
    const { store, entries } = await filesOf(Array.from({ length: 1000 }, (_, at) => bytesOf(`content ${at}`)));
    const slow = slowStore(store);
    const inputs = withContents(entries, reading(slow.store));
    expect(inputs.next().value?.header.name).toBe("f0");
    expect(slow.reads.length).toBeGreaterThan(8);
    expect(slow.reads.length).toBeLessThan(100);
    expect(inputs.next().value?.header.name).toBe("f1");
    expect(slow.reads.length).toBeLessThan(100);
    slow.answer();
  });

  it("that are missing are told by the path of their file", async () => {
    const { store, entries } = await filesOf([bytesOf("there")]);
    const missing = `sha256:${"0".repeat(64)}` as const;
    const all = [...entries, entry("gone", missing, 5)];
    const expected = { code: "NOT_FOUND", message: expect.stringContaining("Cannot write /gone to a layer") };
    await expect(tarOf(withContents(all, reading(store)))).rejects.toMatchObject(expected);
    const slow = slowStore(store);
    const answering = setInterval(slow.answer, 1);
    try {
      await expect(tarOf(withContents(all, reading(slow.store)))).rejects.toMatchObject(expected);
    } finally {
      clearInterval(answering);
    }
  });
});
