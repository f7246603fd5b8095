import type { ReadRange, ReopenableSource } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import type { HasherFactory, StreamHasherFactory } from "../hash/hasher.ts";
import { digestOf, hostHasher, toDigest } from "../hash/index.ts";
import { type Digest, digestAlgorithm, parseDigest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import { DigestTable } from "./digest-table.ts";
import { mergeLabels } from "./labels.ts";
import { resolveRange } from "./range.ts";
import type {
  ContentInfo,
  ContentProvider,
  ContentStore,
  ContentWriter,
  IngestStatus,
  WriterOptions,
} from "./store.ts";
import { withheldEnd } from "./withheld-end.ts";

/** A source that knows what it is called, for messages: a file's path. */
export interface NamedSource extends ReopenableSource {
  /** Default: `blob DIGEST`. */
  readonly name?: string | undefined;
  /** As {@link ReopenableSource.open}; where reading takes requests, these end with the signal and tell when they wait. */
  open(range?: ReadRange, options?: OperationOptions): AsyncIterable<Uint8Array>;
  /** As {@link ReopenableSource.readWhole}. */
  readWhole?(options?: OperationOptions): Uint8Array | Promise<Uint8Array>;
  /** Told when its bytes turn out not to have the digest that it was adopted under, before that is reported. Must not fail. */
  mistaken?(): Promise<void>;
}

/** The caller's notes on a blob, by their keys. */
type Labels = Readonly<Record<string, string>>;

/** What is said of an adopted blob. */
export interface AdoptOptions {
  /**
   * Labels that the blob has from the beginning, or what finds them: it is asked once, when they are first wanted. Default: those
   * that it has already.
   */
  readonly labels?:
    | Readonly<Record<string, string>>
    | ((options: OperationOptions) => Promise<Readonly<Record<string, string>>>)
    | undefined;
}

/**
 * A content store that also knows blobs that lie elsewhere: files of a directory, dropped `File`s, layers at a registry. They are
 * read where they are and verified on each read, so that a source that changed meanwhile is an error and never a wrong layer.
 */
export interface ReferencingContentStore extends ContentStore {
  /** Makes `source`, whose digest the caller knows, readable under its digest for the life of this object. */
  adopt(digest: Digest, source: NamedSource, options?: AdoptOptions): void;
}

/**
 * Lays adopted sources over a store. What the store itself has is read from there; what is written goes there. A full read of
 * an adopted source is verified by `open` already and fails with `DIGEST_MISMATCH`; a read of a part cannot be.
 * @param options `hasher`: default the store's own, or else `hostHasher`
 */
export function withReferences(
  store: ContentStore,
  options: { readonly hasher?: HasherFactory | undefined } = {},
): ReferencingContentStore {
  return new ReferencingStore(store, options.hasher ?? store.hasher ?? hostHasher);
}

/** Whether a full read of this blob is verified by the store's `open`, so that the reader need not hash it once more. */
export function verifiesItself(store: ContentProvider, digest: Digest): boolean {
  return (store as Partial<SelfVerifying>).verifiesItself?.(digest) ?? false;
}

/** Whether the store takes files by reference. */
export function isReferencing(store: ContentStore): store is ReferencingContentStore {
  return typeof (store as Partial<ReferencingContentStore>).adopt === "function";
}

/** A store that verifies some of its blobs, and a store over such a one. */
interface SelfVerifying {
  verifiesItself(digest: Digest): boolean;
}

interface Adopted {
  readonly source: NamedSource;
  readonly labels: Labels | ((options: OperationOptions) => Promise<Labels>);
}

/** What is adopted: of each blob hardly more than its source, as there is one for each file of a tree. */
class AdoptedSources {
  readonly #table = new DigestTable();
  readonly #sources: (NamedSource | undefined)[] = [];
  /** By row, of those that have some. */
  readonly #labels = new Map<number, Adopted["labels"]>();

  has(digest: Digest): boolean {
    return this.#table.find(digest) >= 0;
  }

  get(digest: Digest): Adopted | undefined {
    const row = this.#table.find(digest);
    const source = this.#sources[row];
    return row < 0 || source === undefined ? undefined : { source, labels: this.#labels.get(row) ?? {} };
  }

  /** @param labels default: those that it has */
  set(digest: Digest, source: NamedSource, labels: Adopted["labels"] | undefined): void {
    const row = this.#table.add(digest);
    this.#sources[row] = source;
    if (labels !== undefined) this.#labels.set(row, labels);
  }

  /** Does nothing if it is not there any more. */
  label(digest: Digest, labels: Labels): void {
    const row = this.#table.find(digest);
    if (row >= 0) this.#labels.set(row, labels);
  }

  delete(digest: Digest): boolean {
    const row = this.#table.find(digest);
    if (row < 0) return false;
    this.#sources[row] = undefined;
    this.#labels.delete(row);
    this.#table.delete(digest);
    return true;
  }

  digests(): readonly Digest[] {
    return Array.from(this.#table.entries(), ([, digest]) => digest);
  }
}

class ReferencingStore implements ReferencingContentStore, SelfVerifying {
  readonly hasher: HasherFactory;
  readonly verifier: StreamHasherFactory | undefined;
  readonly #store: ContentStore;
  readonly #adopted = new AdoptedSources();

  constructor(store: ContentStore, hasher: HasherFactory) {
    this.#store = store;
    this.hasher = hasher;
    // One that the caller gave is to be used.
    this.verifier = hasher === store.hasher ? store.verifier : undefined;
  }

  adopt(digest: Digest, source: NamedSource, { labels }: AdoptOptions = {}): void {
    this.#adopted.set(parseDigest(digest), source, labels);
  }

  verifiesItself(digest: Digest): boolean {
    return this.#adopted.has(digest) || verifiesItself(this.#store, digest);
  }

  async info(digest: Digest, options?: OperationOptions): Promise<ContentInfo> {
    const adopted = this.#adopted.get(digest);
    return adopted === undefined
      ? await this.#store.info(digest, options)
      : await this.#infoOf(digest, adopted, options);
  }

  async *list(): AsyncGenerator<ContentInfo, void, undefined> {
    for (const digest of this.#adopted.digests()) {
      const adopted = this.#adopted.get(digest);
      if (adopted !== undefined) yield await this.#infoOf(digest, adopted);
    }
    for await (const info of this.#store.list()) if (!this.#adopted.has(info.digest)) yield info;
  }

  async label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo> {
    const adopted = this.#adopted.get(digest);
    if (adopted === undefined) return await this.#store.label(digest, labels);
    const merged = mergeLabels((await this.#infoOf(digest, adopted)).labels, labels);
    this.#adopted.label(digest, merged);
    return { digest, size: adopted.source.size, labels: merged };
  }

  async delete(digest: Digest): Promise<void> {
    const wasAdopted = this.#adopted.delete(digest);
    await this.#store.delete(digest).catch((error: unknown) => {
      if (!(wasAdopted && error instanceof SlipwayError && error.code === "NOT_FOUND")) throw error;
    });
  }

  async *open(
    digest: Digest,
    range?: ReadRange,
    options?: OperationOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const adopted = this.#adopted.get(digest);
    if (adopted === undefined) {
      yield* this.#store.open(digest, range, options);
      return;
    }
    const { source } = adopted;
    const { start, end } = resolveRange(source.size, range, source.name ?? `blob ${digest}`);
    const whole = start === 0 && end === source.size;
    const algorithm = digestAlgorithm(digest);
    const hasher = whole ? this.hasher(algorithm) : undefined;
    const part = whole ? range : { ...range, offset: start, length: end - start };
    yield* withheldEnd(source.open(part, options), {
      size: end - start,
      wrongSize: () => changed("SIZE_MISMATCH", digest, source),
      update: (chunk) => hasher?.update(chunk),
      async verify() {
        if (hasher !== undefined && toDigest(algorithm, hasher.digest()) !== digest) await mistaken(digest, source);
      },
    });
  }

  readWhole(
    digest: Digest,
    limit: number,
    options?: OperationOptions,
  ): Uint8Array | Promise<Uint8Array | undefined> | undefined {
    const adopted = this.#adopted.get(digest);
    if (adopted === undefined) return this.#store.readWhole?.(digest, limit, options);
    const { source } = adopted;
    if (source.readWhole === undefined || source.size > limit) return undefined;
    const read = source.readWhole(options);
    if (read instanceof Uint8Array) return this.#verified(digest, source, read);
    return read.then((bytes) => this.#verified(digest, source, bytes));
  }

  async #infoOf(digest: Digest, { source, labels }: Adopted, options: OperationOptions = {}): Promise<ContentInfo> {
    if (typeof labels !== "function") return { digest, size: source.size, labels };
    const found = await labels(options);
    this.#adopted.label(digest, found);
    return { digest, size: source.size, labels: found };
  }

  #verified(digest: Digest, source: NamedSource, bytes: Uint8Array): Uint8Array | Promise<never> {
    if (bytes.byteLength !== source.size) throw changed("SIZE_MISMATCH", digest, source);
    return digestOf(bytes, this.hasher, digestAlgorithm(digest)) === digest ? bytes : mistaken(digest, source);
  }

  /** An adopted source is no hindrance: writing its blob makes it one of the store's own. */
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

async function mistaken(digest: Digest, source: NamedSource): Promise<never> {
  await source.mistaken?.();
  throw changed("DIGEST_MISMATCH", digest, source);
}

/** Only files have names, and other blobs than files do not change. */
function changed(code: "SIZE_MISMATCH" | "DIGEST_MISMATCH", digest: Digest, { name }: NamedSource): SlipwayError {
  return name === undefined
    ? new SlipwayError(code, `Cannot read blob ${digest}: its content is not what its digest says`)
    : new SlipwayError(code, `Cannot read ${name}: it changed while the image was built`);
}
