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

/** How {@link withPacks} packs. */
export interface PackOptions {
  /** Bytes that are not written to the store as long as there are no more. Default 4 MiB. */
  readonly memory?: number | undefined;
}

/**
 * Lays packs over a store. Writers of a `PackingContentStore` append to a pack, one at a time; a second one at the same time
 * makes a blob of its own. They cannot be resumed. A pack that the store has is closed when something of it is read for the first time.
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
export function withPacks(store: ContentStore, options: PackOptions = {}): PackingContentStore {
  return new PackingStore(store, new Packs(store, options.memory ?? MEMORY));
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

/** Bytes that stay in memory if there are no more: a store whose writers keep so much back anyway is asked for nothing. */
const MEMORY = 4 * 1024 * 1024;

const FIRST_BUFFER = 64 * 1024;

/** What is packed together: in memory while it is small, then one blob of the store underneath, still being written or read already. */
class Pack {
  readonly #store: ContentStore;
  readonly #ref: string = `pack-${randomName()}`;
  readonly #memory: number;
  readonly #signal: AbortSignal | undefined;
  readonly #blocks = new Map<number, Promise<Uint8Array>>();
  #buffer: Uint8Array | undefined = new Uint8Array();
  #size = 0;
  #writer: ContentWriter | undefined;
  #closed: Promise<ContentInfo> | undefined;

  constructor(store: ContentStore, memory: number, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#memory = memory;
    this.#signal = signal;
    // Makes it a blob that nobody else has, whom discarding it could hurt.
    this.#keep(this.#buffer ?? new Uint8Array(), new TextEncoder().encode(this.#ref));
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  get size(): number {
    return this.#size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    const buffer = this.#buffer;
    if (buffer !== undefined && this.#size + bytes.byteLength <= this.#memory) {
      this.#keep(buffer, bytes);
      return;
    }
    this.#writer ??= await this.#store.writer({ ref: this.#ref, resumable: false, signal: this.#signal });
    if (buffer !== undefined) {
      await this.#writer.write(buffer.subarray(0, this.#size));
      this.#buffer = undefined;
    }
    await this.#writer.write(bytes);
    this.#size += bytes.byteLength;
  }

  async *read(offset: number, length: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { digest, size } = (await this.#stored()) ?? {};
    if (digest === undefined || size === undefined) {
      if (length > 0) yield this.#buffer?.slice(offset, offset + length) ?? new Uint8Array();
      return;
    }
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
    this.#buffer = undefined;
    const closed = await this.#closed?.catch(() => undefined);
    await this.#writer?.close();
    if (closed !== undefined) await this.#store.delete(closed.digest);
    else if (this.#writer !== undefined) await this.#store.abort(this.#ref).catch(unlessGone);
  }

  /** The blob, which is nothing that could be appended to any more; undefined if it is in memory. */
  #stored(): Promise<ContentInfo> | undefined {
    this.#closed ??= this.#writer?.commit();
    return this.#closed;
  }

  #keep(buffer: Uint8Array, bytes: Uint8Array): void {
    const size = this.#size + bytes.byteLength;
    let room = buffer;
    if (size > room.byteLength) {
      room = new Uint8Array(Math.max(FIRST_BUFFER, size, room.byteLength * 2));
      room.set(buffer.subarray(0, this.#size));
      this.#buffer = room;
    }
    room.set(bytes, this.#size);
    this.#size = size;
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
  readonly #memory: number;
  readonly #all: Pack[] = [];
  #isTaken = false;

  constructor(store: ContentStore, memory: number) {
    this.#store = store;
    this.#memory = memory;
  }

  /** The pack to append to, until `giveBack`; undefined if somebody else does. */
  take(signal: AbortSignal | undefined): Pack | undefined {
    if (this.#isTaken) return undefined;
    this.#isTaken = true;
    const last = this.#all.at(-1);
    if (last?.isOpen) return last;
    const pack = new Pack(this.#store, this.#memory, signal);
    this.#all.push(pack);
    return pack;
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
    const pack = this.#packs.take(signal);
    if (pack === undefined) return await super.writer(options);
    return new PackWriter(pack, this.#packs, options, this.hasher ?? hostHasher);
  }

  /** What a packed writer leaves is gone when it is closed. */
  override async abort(ref: string): Promise<void> {
    await super.abort(ref).catch(unlessGone);
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

function unlessGone(error: unknown): void {
  if (!isSlipwayError(error, "NOT_FOUND")) throw error;
}

const infoOf = (digest: Digest, { size, labels }: Packed): ContentInfo => ({ digest, size, labels });

const alreadyPacked = (digest: Digest): SlipwayError =>
  new SlipwayError("ALREADY_EXISTS", `Cannot write blob ${digest}: it is there already`);
