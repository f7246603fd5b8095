import { type ByteRange, concatBytes, SMALL_SIZE } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { hostHasher } from "../hash/index.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import { Column, DigestTable } from "./digest-table.ts";
import { checkWriterOptions, createIngestWriter, type IngestStorage, resumeExpectations } from "./ingest.ts";
import { mergeLabels } from "./labels.ts";
import { resolveRange } from "./range.ts";
import type { ContentInfo, ContentStore, ContentWriter, IngestStatus, WriterOptions } from "./store.ts";

/** How the memory store is made. */
export interface MemoryContentStoreOptions {
  /** Default: `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
}

/** A content store that lives as long as the object does. All its blobs are in memory: for tests and small images. */
export function createMemoryContentStore(options: MemoryContentStoreOptions = {}): ContentStore {
  return new MemoryContentStore(options.hasher ?? hostHasher);
}

/** Bytes that grow at the end, kept in pieces so that growing never copies what is there. */
class Pieces {
  static readonly #PIECE = 64 * 1024;
  static readonly #CHUNK = 256 * 1024;
  readonly #pieces: Uint8Array[] = [];
  /** Bytes used of the last piece. */
  #filled = 0;
  size = 0;

  append(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.byteLength > 0) {
      let last = this.#pieces.at(-1);
      if (last === undefined || this.#filled === last.byteLength) {
        // Most blobs are small, and come at once.
        last = new Uint8Array(last === undefined ? rest.byteLength : Math.max(Pieces.#PIECE, rest.byteLength));
        this.#pieces.push(last);
        this.#filled = 0;
      }
      const count = Math.min(rest.byteLength, last.byteLength - this.#filled);
      last.set(rest.subarray(0, count), this.#filled);
      this.#filled += count;
      this.size += count;
      rest = rest.subarray(count);
    }
  }

  truncate(size: number): void {
    const kept = [...this.read(0, size)];
    this.#pieces.length = 0;
    this.#filled = 0;
    this.size = 0;
    for (const piece of kept) this.append(piece);
  }

  /** Gives spare room back; nothing is appended afterwards. */
  seal(): void {
    const last = this.#pieces.at(-1);
    if (last !== undefined && this.#filled < last.byteLength) {
      this.#pieces[this.#pieces.length - 1] = last.slice(0, this.#filled);
    }
  }

  *read(start: number, end: number): Generator<Uint8Array, void, undefined> {
    let offset = 0;
    for (const piece of this.#pieces) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, piece.byteLength, this.size - offset);
      // Copies: who reads may change what it gets.
      for (let at = from; at < to; at += Pieces.#CHUNK) yield piece.slice(at, Math.min(at + Pieces.#CHUNK, to));
      offset += piece.byteLength;
      if (offset >= end) return;
    }
  }
}

/** What is in a store, the small blobs many together: an array and an object for each would cost more than they have. */
class Blobs {
  readonly #table = new DigestTable();
  readonly #offsets = new Column();
  readonly #sizes = new Column();
  /** By the number of its slab. */
  readonly #places = new Column();
  readonly #slabs: ({ readonly data: Pieces; blobs: number } | undefined)[] = [];
  /** The slab that small blobs are added to. */
  #open = -1;
  /** By row, of those that have some. */
  readonly #labels = new Map<number, ContentInfo["labels"]>();

  has(digest: Digest): boolean {
    return this.#table.find(digest) >= 0;
  }

  info(digest: Digest): ContentInfo | undefined {
    const row = this.#table.find(digest);
    return row < 0 ? undefined : this.#info(row, digest);
  }

  *infos(): Generator<ContentInfo, void, undefined> {
    for (const [row, digest] of [...this.#table.entries()]) yield this.#info(row, digest);
  }

  label(digest: Digest, labels: ContentInfo["labels"]): void {
    const row = this.#table.find(digest);
    if (Object.keys(labels).length === 0) this.#labels.delete(row);
    else this.#labels.set(row, labels);
  }

  add({ digest, size, labels }: ContentInfo, data: Pieces): void {
    const row = this.#table.add(digest);
    let slab = this.#slabs[this.#open];
    if (size > SMALL_SIZE) {
      data.seal();
      this.#places.set(row, this.#slabs.push({ data, blobs: 1 }) - 1);
      this.#offsets.set(row, 0);
    } else {
      if (slab === undefined || slab.data.size + size > SLAB) {
        slab = { data: new Pieces(), blobs: 0 };
        this.#open = this.#slabs.push(slab) - 1;
      }
      this.#places.set(row, this.#open);
      this.#offsets.set(row, slab.data.size);
      slab.blobs++;
      for (const piece of data.read(0, size)) slab.data.append(piece);
    }
    this.#sizes.set(row, size);
    this.label(digest, labels);
  }

  delete(digest: Digest): void {
    const row = this.#table.find(digest);
    const place = this.#places.get(row);
    const slab = this.#slabs[place];
    if (slab !== undefined && --slab.blobs === 0) this.#slabs[place] = undefined;
    this.#labels.delete(row);
    this.#table.delete(digest);
  }

  read(digest: Digest, start: number, end: number): Iterable<Uint8Array> {
    const row = this.#table.find(digest);
    const offset = this.#offsets.get(row);
    return this.#slabs[this.#places.get(row)]?.data.read(offset + start, offset + end) ?? [];
  }

  #info(row: number, digest: Digest): ContentInfo {
    return { digest, size: this.#sizes.get(row), labels: this.#labels.get(row) ?? {} };
  }
}

/** Bytes of small blobs that lie together. They are let go of together, too. */
const SLAB = 256 * 1024;

interface Ingest {
  readonly data: Pieces;
  total?: number | undefined;
  expected?: Digest | undefined;
  held: boolean;
}

class MemoryContentStore implements ContentStore {
  readonly hasher: HasherFactory;
  readonly #blobs = new Blobs();
  readonly #ingests = new Map<string, Ingest>();

  constructor(hasher: HasherFactory) {
    this.hasher = hasher;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    return this.#info(digest);
  }

  async *list(): AsyncGenerator<ContentInfo, void, undefined> {
    yield* this.#blobs.infos();
  }

  async label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo> {
    this.#blobs.label(digest, mergeLabels(this.#info(digest).labels, labels));
    return this.#info(digest);
  }

  async delete(digest: Digest): Promise<void> {
    this.#info(digest);
    this.#blobs.delete(digest);
  }

  async *open(digest: Digest, range?: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
    const { start, end } = resolveRange(this.#info(digest).size, range, `blob ${digest}`);
    yield* this.#blobs.read(digest, start, end);
  }

  readWhole(digest: Digest, limit: number): Uint8Array | undefined {
    const { size } = this.#info(digest);
    return size > limit ? undefined : concatBytes([...this.#blobs.read(digest, 0, size)]);
  }

  async writer(options: WriterOptions): Promise<ContentWriter> {
    checkWriterOptions(options);
    options.signal?.throwIfAborted();
    const { ref } = options;
    if (options.digest !== undefined) this.#mustBeNew(parseDigest(options.digest));
    let ingest = this.#ingests.get(ref);
    if (ingest?.held) throw inUse(ref);
    const { size, digest } = resumeExpectations(ingest ?? {}, options);
    if (ingest === undefined) {
      ingest = { data: new Pieces(), held: true };
      this.#ingests.set(ref, ingest);
    }
    Object.assign(ingest, { held: true, total: size, expected: digest });
    return await createIngestWriter({
      ref,
      storage: this.#storage(ref, ingest),
      hasher: this.hasher,
      offset: ingest.data.size,
      size,
      digest,
      signal: options.signal,
    });
  }

  async status(ref: string): Promise<IngestStatus> {
    return statusOf(ref, this.#ingest(ref));
  }

  async *statuses(): AsyncGenerator<IngestStatus, void, undefined> {
    for (const [ref, ingest] of [...this.#ingests]) yield statusOf(ref, ingest);
  }

  async abort(ref: string): Promise<void> {
    if (this.#ingest(ref).held) throw inUse(ref);
    this.#ingests.delete(ref);
  }

  #storage(ref: string, ingest: Ingest): IngestStorage {
    const { data } = ingest;
    return {
      async append(bytes) {
        data.append(bytes);
      },
      async truncate(size) {
        data.truncate(size);
      },
      async *read(size) {
        yield* data.read(0, size);
      },
      publish: async (info) => {
        this.#ingests.delete(ref);
        this.#mustBeNew(info.digest);
        this.#blobs.add(info, data);
      },
      async release() {
        ingest.held = false;
      },
    };
  }

  #info(digest: Digest): ContentInfo {
    const info = this.#blobs.info(parseDigest(digest));
    if (info === undefined)
      throw new SlipwayError("NOT_FOUND", `Cannot find blob ${digest}: the store does not have it`);
    return info;
  }

  #mustBeNew(digest: Digest): void {
    if (this.#blobs.has(digest)) {
      throw new SlipwayError("ALREADY_EXISTS", `Cannot write blob ${digest}: the store has it already`);
    }
  }

  #ingest(ref: string): Ingest {
    const ingest = this.#ingests.get(ref);
    if (ingest === undefined)
      throw new SlipwayError("NOT_FOUND", `Cannot find ingest ${ref}: there is none of that name`);
    return ingest;
  }
}

const inUse = (ref: string): SlipwayError =>
  new SlipwayError("UNAVAILABLE", `Cannot use ingest ${ref}: another writer holds it`);

const statusOf = (ref: string, { data, total, expected }: Ingest): IngestStatus => ({
  ref,
  offset: data.size,
  ...(total === undefined ? {} : { total }),
  ...(expected === undefined ? {} : { expected }),
});
