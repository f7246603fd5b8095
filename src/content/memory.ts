import { type ByteRange, concatBytes } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { hostHasher } from "../hash/index.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
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
        last = new Uint8Array(Math.max(Pieces.#PIECE, rest.byteLength));
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

interface Ingest {
  readonly data: Pieces;
  total?: number | undefined;
  expected?: Digest | undefined;
  held: boolean;
}

class MemoryContentStore implements ContentStore {
  readonly hasher: HasherFactory;
  readonly #blobs = new Map<Digest, { info: ContentInfo; readonly data: Pieces }>();
  readonly #ingests = new Map<string, Ingest>();

  constructor(hasher: HasherFactory) {
    this.hasher = hasher;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    return this.#blob(digest).info;
  }

  async *list(): AsyncGenerator<ContentInfo, void, undefined> {
    for (const { info } of [...this.#blobs.values()]) yield info;
  }

  async label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo> {
    const blob = this.#blob(digest);
    blob.info = { ...blob.info, labels: mergeLabels(blob.info.labels, labels) };
    return blob.info;
  }

  async delete(digest: Digest): Promise<void> {
    this.#blob(digest);
    this.#blobs.delete(digest);
  }

  async *open(digest: Digest, range?: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
    const { data } = this.#blob(digest);
    const { start, end } = resolveRange(data.size, range, `blob ${digest}`);
    yield* data.read(start, end);
  }

  readWhole(digest: Digest, limit: number): Uint8Array | undefined {
    const { data } = this.#blob(digest);
    return data.size > limit ? undefined : concatBytes([...data.read(0, data.size)]);
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
        data.seal();
        this.#blobs.set(info.digest, { info, data });
      },
      async release() {
        ingest.held = false;
      },
    };
  }

  #blob(digest: Digest): { info: ContentInfo; readonly data: Pieces } {
    const blob = this.#blobs.get(parseDigest(digest));
    if (blob === undefined)
      throw new SlipwayError("NOT_FOUND", `Cannot find blob ${digest}: the store does not have it`);
    return blob;
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
