import type { ReadRange } from "../bytes.ts";
import { concatBytes } from "../bytes.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { Hasher, HasherFactory, StreamHasherFactory } from "../hash/hasher.ts";
import { hostHasher, toDigest } from "../hash/index.ts";
import { type Digest, digestAlgorithm, parseDigest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import { randomName } from "../random.ts";
import { Column, DigestTable } from "./digest-table.ts";
import { mergeLabels } from "./labels.ts";
import { resolveRange } from "./range.ts";
import type { CommitOptions, ContentInfo, ContentStore, ContentWriter, IngestStatus, WriterOptions } from "./store.ts";

/**
 * A store that writes many small blobs as few large ones, for as long as the object lives: what a build needs while it lasts
 * (the files of a tar), in a store where each blob of its own would cost several calls (R2).
 */
export interface PackingContentStore extends ContentStore {
  /** The store underneath, in which what is packed can be read, too, and what is written is a blob of its own. */
  readonly unpacked: ContentStore;
  /** Throws all that was packed away. */
  discard(): Promise<void>;
}

/**
 * Lays packs over a store. Writers of a `PackingContentStore` append to a pack, one at a time; a second one at the same time
 * makes a blob of its own. They cannot be resumed. A pack is closed when something of it is read for the first time.
 *
 * @example
 * const packs = withPacks(store.content);
 * try {
 *   const snapshots = createSnapshotter({ content: packs });
 *   await build({ content: packs.unpacked, snapshots, fill: (work) => addTar(work, body) });
 * } finally {
 *   await packs.discard();
 * }
 */
export function withPacks(store: ContentStore): PackingContentStore {
  return new PackingStore(store, new Packs(store));
}

/** Where a blob lies in a pack. */
interface Packed {
  readonly pack: Pack;
  readonly offset: number;
  readonly size: number;
  readonly labels: Labels;
}

type Labels = ContentInfo["labels"];

/** What is packed: some 70 bytes for each blob, as there may be a hundred thousand. */
class PackedBlobs {
  readonly #table = new DigestTable();
  readonly #packs: Pack[] = [];
  readonly #places = new Column();
  readonly #offsets = new Column();
  readonly #sizes = new Column();
  /** By row, of those that have some. */
  readonly #labels = new Map<number, Labels>();

  has(digest: Digest): boolean {
    return this.#table.find(digest) >= 0;
  }

  get(digest: Digest): Packed | undefined {
    return this.#at(this.#table.find(digest));
  }

  set(digest: Digest, { pack, offset, size, labels }: Packed): void {
    const row = this.#table.add(digest);
    if (this.#packs.at(-1) !== pack) this.#packs.push(pack);
    this.#places.set(row, this.#packs.length - 1);
    this.#offsets.set(row, offset);
    this.#sizes.set(row, size);
    this.label(digest, labels);
  }

  label(digest: Digest, labels: Labels): void {
    const row = this.#table.find(digest);
    if (Object.keys(labels).length === 0) this.#labels.delete(row);
    else this.#labels.set(row, labels);
  }

  delete(digest: Digest): boolean {
    const row = this.#table.find(digest);
    this.#labels.delete(row);
    this.#table.delete(digest);
    return row >= 0;
  }

  *infos(): Generator<ContentInfo, void, undefined> {
    for (const [row, digest] of this.#table.entries()) {
      const packed = this.#at(row);
      if (packed !== undefined) yield infoOf(digest, packed);
    }
  }

  clear(): void {
    this.#packs.length = 0;
    this.#labels.clear();
    this.#table.clear();
  }

  #at(row: number): Packed | undefined {
    const pack = row < 0 ? undefined : this.#packs[this.#places.get(row)];
    return (
      pack && { pack, offset: this.#offsets.get(row), size: this.#sizes.get(row), labels: this.#labels.get(row) ?? {} }
    );
  }
}

/** Reads of at most this many bytes are answered from blocks. */
const SMALL = 256 * 1024;

/** Bytes read at once, and how many such blocks are kept: files that lie near each other are mostly read one after the other. */
const BLOCK = 1024 * 1024;
const BLOCKS = 6;

/** One blob of the store underneath, still being written or read already. */
class Pack {
  readonly #store: ContentStore;
  readonly #writer: ContentWriter;
  readonly #blocks = new Map<number, Promise<Uint8Array>>();
  #closed: Promise<ContentInfo> | undefined;

  constructor(store: ContentStore, writer: ContentWriter) {
    this.#store = store;
    this.#writer = writer;
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  get size(): number {
    return this.#writer.status().offset;
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  async *read(offset: number, length: number): AsyncGenerator<Uint8Array, void, undefined> {
    this.#closed ??= this.#writer.commit();
    const { digest, size } = await this.#closed;
    if (length > SMALL) {
      yield* this.#store.open(digest, { offset, length });
      return;
    }
    for (let at = offset; at < offset + length; ) {
      const number = Math.floor(at / BLOCK);
      const block = await this.#block(number, digest, size);
      const start = at - number * BLOCK;
      const end = Math.min(start + offset + length - at, block.byteLength);
      yield block.slice(start, end);
      at += end - start;
    }
  }

  /** For small blobs: all bytes in one array. */
  async readWhole(offset: number, length: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.read(offset, length)) chunks.push(chunk);
    const [only] = chunks;
    return only !== undefined && chunks.length === 1 ? only : concatBytes(chunks);
  }

  async discard(): Promise<void> {
    const closed = await this.#closed?.catch(() => undefined);
    await this.#writer.close();
    if (closed !== undefined) await this.#store.delete(closed.digest);
    else await this.#store.abort(this.#writer.ref);
  }

  #block(number: number, digest: Digest, size: number): Promise<Uint8Array> {
    const block = this.#blocks.get(number) ?? this.#readBlock(number, digest, size);
    // The one that was used last is dropped last.
    this.#blocks.delete(number);
    this.#blocks.set(number, block);
    for (const [oldest] of this.#blocks) {
      if (this.#blocks.size <= BLOCKS) break;
      this.#blocks.delete(oldest);
    }
    block.catch(() => this.#blocks.delete(number));
    return block;
  }

  async #readBlock(number: number, digest: Digest, size: number): Promise<Uint8Array> {
    const offset = number * BLOCK;
    const length = Math.min(BLOCK, size - offset);
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#store.open(digest, { offset, length })) chunks.push(chunk);
    const block = concatBytes(chunks);
    if (block.byteLength === length) return block;
    throw new SlipwayError(
      "SIZE_MISMATCH",
      `Cannot read blob ${digest}: it has ${block.byteLength} instead of ${length} bytes from ${offset} on`,
    );
  }
}

class Packs {
  readonly entries = new PackedBlobs();
  readonly #store: ContentStore;
  readonly #all: Pack[] = [];
  #isTaken = false;

  constructor(store: ContentStore) {
    this.#store = store;
  }

  /** The pack to append to, until `giveBack`; undefined if somebody else does. */
  async take(signal: AbortSignal | undefined): Promise<Pack | undefined> {
    if (this.#isTaken) return undefined;
    this.#isTaken = true;
    try {
      const last = this.#all.at(-1);
      if (last?.isOpen) return last;
      const ref = `pack-${randomName()}`;
      const pack = new Pack(this.#store, await this.#store.writer({ ref, signal }));
      this.#all.push(pack);
      // Makes it a blob that nobody else has, whom discarding it could hurt.
      await pack.append(new TextEncoder().encode(ref));
      return pack;
    } catch (error) {
      this.#isTaken = false;
      throw error;
    }
  }

  giveBack(): void {
    this.#isTaken = false;
  }

  async discard(): Promise<void> {
    this.entries.clear();
    for (const pack of this.#all.splice(0)) await pack.discard();
  }
}

/** Reads what is packed; writes past the packs. */
class UnpackedStore implements ContentStore {
  readonly hasher: HasherFactory | undefined;
  readonly verifier: StreamHasherFactory | undefined;
  readonly #store: ContentStore;
  readonly #packs: Packs;

  constructor(store: ContentStore, packs: Packs) {
    this.hasher = store.hasher;
    this.verifier = store.verifier;
    this.#store = store;
    this.#packs = packs;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    const packed = this.#packs.entries.get(digest);
    return packed === undefined ? await this.#store.info(digest) : infoOf(digest, packed);
  }

  async *list(): AsyncGenerator<ContentInfo, void, undefined> {
    const { entries } = this.#packs;
    yield* [...entries.infos()];
    for await (const info of this.#store.list()) if (!entries.has(info.digest)) yield info;
  }

  async label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo> {
    const packed = this.#packs.entries.get(digest);
    if (packed === undefined) return await this.#store.label(digest, labels);
    const merged = mergeLabels(packed.labels, labels);
    this.#packs.entries.label(digest, merged);
    return infoOf(digest, { ...packed, labels: merged });
  }

  async delete(digest: Digest): Promise<void> {
    const wasPacked = this.#packs.entries.delete(digest);
    await this.#store.delete(digest).catch((error: unknown) => {
      if (!(wasPacked && isSlipwayError(error, "NOT_FOUND"))) throw error;
    });
  }

  async *open(digest: Digest, range?: ReadRange): AsyncGenerator<Uint8Array, void, undefined> {
    const packed = this.#packs.entries.get(digest);
    if (packed === undefined) {
      yield* this.#store.open(digest, range);
      return;
    }
    const { start, end } = resolveRange(packed.size, range, `blob ${digest}`);
    yield* packed.pack.read(packed.offset + start, end - start);
  }

  readWhole(
    digest: Digest,
    limit: number,
    options?: OperationOptions,
  ): Uint8Array | Promise<Uint8Array | undefined> | undefined {
    const packed = this.#packs.entries.get(digest);
    if (packed === undefined) return this.#store.readWhole?.(digest, limit, options);
    return packed.size > limit ? undefined : packed.pack.readWhole(packed.offset, packed.size);
  }

  writer(options: WriterOptions): Promise<ContentWriter> {
    return this.#store.writer(options);
  }

  status(ref: string): Promise<IngestStatus> {
    return this.#store.status(ref);
  }

  statuses(): AsyncIterable<IngestStatus> {
    return this.#store.statuses();
  }

  abort(ref: string): Promise<void> {
    return this.#store.abort(ref);
  }
}

class PackingStore extends UnpackedStore implements PackingContentStore {
  readonly unpacked: ContentStore;
  readonly #packs: Packs;

  constructor(store: ContentStore, packs: Packs) {
    super(store, packs);
    this.unpacked = new UnpackedStore(store, packs);
    this.#packs = packs;
  }

  override async writer(options: WriterOptions): Promise<ContentWriter> {
    const { digest, signal } = options;
    signal?.throwIfAborted();
    if (digest !== undefined && this.#packs.entries.has(parseDigest(digest))) throw alreadyPacked(digest);
    const pack = await this.#packs.take(signal);
    if (pack === undefined) return await super.writer(options);
    return new PackWriter(pack, this.#packs, options, this.hasher ?? hostHasher);
  }

  /** What a packed writer leaves is gone when it is closed. */
  override async abort(ref: string): Promise<void> {
    await super.abort(ref).catch((error: unknown) => {
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
    });
  }

  async discard(): Promise<void> {
    await this.#packs.discard();
  }
}

/** Appends one blob to a pack. What is not committed stays in the pack as bytes that nothing names. */
class PackWriter implements ContentWriter {
  readonly ref: string;
  readonly #pack: Pack;
  readonly #packs: Packs;
  readonly #options: WriterOptions;
  readonly #newHasher: HasherFactory;
  #hasher: Hasher;
  #start: number;
  #size = 0;
  #isOpen = true;
  #last: Promise<unknown> = Promise.resolve();

  constructor(pack: Pack, packs: Packs, options: WriterOptions, hasher: HasherFactory) {
    this.ref = options.ref;
    this.#pack = pack;
    this.#packs = packs;
    this.#options = options;
    this.#newHasher = hasher;
    this.#hasher = hasher(this.#algorithm);
    this.#start = pack.size;
  }

  get #algorithm(): "sha256" | "sha512" {
    return this.#options.digest === undefined ? "sha256" : digestAlgorithm(this.#options.digest);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#inOrder(async () => {
      this.#mustBeOpen();
      this.#options.signal?.throwIfAborted();
      this.#hasher.update(bytes);
      await this.#pack.append(bytes);
      this.#size += bytes.byteLength;
    });
  }

  status(): IngestStatus {
    const { size, digest } = this.#options;
    return {
      ref: this.ref,
      offset: this.#size,
      ...(size === undefined ? {} : { total: size }),
      ...(digest === undefined ? {} : { expected: digest }),
    };
  }

  digest(): Digest {
    return toDigest(this.#algorithm, this.#hasher.digest());
  }

  truncate(size: number): Promise<void> {
    return this.#inOrder(async () => {
      this.#mustBeOpen();
      if (size === this.#size) return;
      if (size !== 0) throw new SlipwayError("UNSUPPORTED", `Cannot truncate ${this.ref} to ${size} bytes: only to 0`);
      this.#hasher = this.#newHasher(this.#algorithm);
      this.#start = this.#pack.size;
      this.#size = 0;
    });
  }

  commit(options: CommitOptions = {}): Promise<ContentInfo> {
    return this.#inOrder(async () => {
      this.#mustBeOpen();
      this.#options.signal?.throwIfAborted();
      const digest = this.digest();
      const size = this.#size;
      for (const expected of [this.#options.size, options.size]) {
        if (expected === undefined || expected === size) continue;
        const why = `it has ${size} bytes, but ${expected} were expected`;
        throw new SlipwayError("SIZE_MISMATCH", `Cannot commit ${this.ref}: ${why}`);
      }
      for (const expected of [this.#options.digest, options.digest]) {
        if (expected === undefined || expected === digest) continue;
        const why = `its digest is ${digest}, but ${expected} was expected`;
        throw new SlipwayError("DIGEST_MISMATCH", `Cannot commit ${this.ref}: ${why}`);
      }
      this.#end();
      if (this.#packs.entries.has(digest)) throw alreadyPacked(digest);
      const packed = { pack: this.#pack, offset: this.#start, size, labels: { ...options.labels } };
      this.#packs.entries.set(digest, packed);
      return infoOf(digest, packed);
    });
  }

  close(): Promise<void> {
    return this.#inOrder(async () => this.#end());
  }

  #end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#packs.giveBack();
  }

  #mustBeOpen(): void {
    if (this.#isOpen) return;
    throw new SlipwayError("FAILED_PRECONDITION", `Cannot use ${this.ref}: its writer is closed`);
  }

  #inOrder<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#last.then(call);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

const infoOf = (digest: Digest, { size, labels }: Packed): ContentInfo => ({ digest, size, labels });

const alreadyPacked = (digest: Digest): SlipwayError =>
  new SlipwayError("ALREADY_EXISTS", `Cannot write blob ${digest}: it is there already`);
