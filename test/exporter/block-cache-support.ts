import { constants, deflateRawSync } from "node:zlib";
import { type CompressPool, crc32, type DeflatedBlock } from "../../src/compress/index.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import type { ContentStore } from "../../src/content/store.ts";
import { createExporter } from "../../src/exporter/create-exporter.ts";
import type { ExporterOptions, ExporterStores } from "../../src/exporter/exporter.ts";
import { openDirectoryStore } from "../../src/node/index.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../src/snapshots/index.ts";
import type { MetadataStore } from "../../src/snapshots/metadata.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Where layers and records are. */
export interface Place {
  readonly content: ContentStore;
  readonly metadata: MetadataStore;
}

export const inMemory = async (): Promise<Place> => ({
  content: createMemoryContentStore(),
  metadata: createMemoryMetadataStore(),
});

export const inDirectory = (directory: string = temporaryDirectory()): Promise<Place> =>
  openDirectoryStore(directory, { durable: false });

/** Counts the blocks that it deflates, and their bytes. It stores them, which is quicker; the cache cannot know. */
export interface CountingPool extends CompressPool {
  blocks: number;
  bytes: number;
}

export function countingPool(
  deflate: (block: Uint8Array<ArrayBuffer>) => Promise<DeflatedBlock> = async (block) => ({
    data: new Uint8Array(deflateRawSync(block, { level: 0, finishFlush: constants.Z_SYNC_FLUSH })),
    crc32: crc32(block),
    size: block.byteLength,
  }),
): CountingPool {
  return {
    blocks: 0,
    bytes: 0,
    concurrency: 2,
    async deflate(block, { signal }) {
      signal?.throwIfAborted();
      this.blocks++;
      this.bytes += block.byteLength;
      return await deflate(block);
    },
    async close() {},
  };
}

/** Contents by path. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** Words of a seed, the same ones every time: they compress as text does. */
export function text(seed: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed * 2654435761 + 1;
  for (let at = 0; at < size; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const word = `${(state >>> 18).toString(36)} `;
    for (let i = 0; i < word.length && at < size; i++) bytes[at++] = word.charCodeAt(i);
  }
  return bytes;
}

/** Four dozen files of some 60 KiB in six directories, and one of 2.5 MiB: five blocks or so. */
export function manyFiles(): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let i = 0; i < 48; i++) files.set(`/dir${i % 6}/file${i}.txt`, text(i, 50_000 + ((i * 7919) % 20_000)));
  files.set("/dir3/large.bin", text(999, 2.5 * 1024 * 1024));
  return files;
}

export const withFile = (files: Files, path: string, content: Uint8Array): Map<string, Uint8Array> =>
  new Map(files).set(path, content);

/** What an export of files made. */
export interface MadeOf {
  /** The manifest. */
  readonly image: Descriptor;
  readonly layer: Descriptor;
}

let names = 0;

/** An image of these files in one layer, by a new exporter, as another process would have it. */
export async function exportFiles(
  stores: Place & Partial<ExporterStores>,
  files: Files,
  options: ExporterOptions = {},
  signal?: AbortSignal,
): Promise<MadeOf> {
  const snapshots = createSnapshotter({ content: stores.content });
  const name = `files-${names++}`;
  const work = await snapshots.prepare(name);
  for (const [path, content] of files) await work.writeFile(path, content);
  const ref = await snapshots.commit(`${name}-done`, name);
  const exporter = createExporter({ compressPool: countingPool(), ...stores, snapshots });
  const image = await exporter.resolve(options).export(ref, { signal });
  const layer = image.manifests[0]?.layers[0]?.descriptor;
  if (layer === undefined) throw new Error("an image without a layer");
  return { image: image.descriptor, layer };
}

const plain = new WeakMap<Files, Promise<MadeOf>>();

/** The same image made without any cache. */
export function exportPlain(files: Files): Promise<MadeOf> {
  const known = plain.get(files) ?? inMemory().then((place) => exportFiles({ ...place, blockCache: false }, files));
  plain.set(files, known);
  return known;
}

/** Names of the records of blocks. */
export const blockRecords = (metadata: MetadataStore): Promise<readonly string[]> => metadata.keys("blocks/");

/** The same store; what is read of a blob passes through `change`. */
export function changedWhenRead(
  store: ContentStore,
  change: (digest: Digest, offset: number, chunk: Uint8Array) => void,
): ContentStore {
  return new Proxy(store, {
    get(target, key) {
      if (key === "open") {
        return async function* (digest: Digest, range?: { readonly offset?: number }): AsyncGenerator<Uint8Array> {
          let offset = range?.offset ?? 0;
          for await (const chunk of target.open(digest, range)) {
            change(digest, offset, chunk);
            offset += chunk.byteLength;
            yield chunk;
          }
        };
      }
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
