import { type ByteRange, type ByteSource, blobSource, chunksOf, type ReopenableSource, SMALL_SIZE } from "../bytes.ts";
import type { ReferencingContentStore } from "../content/references.ts";
import type { ContentStore } from "../content/store.ts";
import { writeBlob } from "../content/write.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { digestOf, EMPTY_DIGEST, hostHasher, toDigest } from "../hash/index.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import type { FileContent, KnownSource, StoredContent } from "./snapshotter.ts";

/** Where files' contents go. */
export interface ContentTarget {
  readonly content: ContentStore;
  readonly hasher: HasherFactory | undefined;
  /** Blobs and re-openable sources are left where they are, and only their digests are made. */
  readonly byReference: boolean;
}

const encoder = new TextEncoder();

/** Is told how many bytes have been taken in. */
type Count = (current: number, total: number | undefined) => void;

interface StoreOptions {
  readonly signal: AbortSignal | undefined;
  readonly count: Count | undefined;
}

/**
 * Brings what a file is written from into the content store, streaming, and says what it is: at once if nothing has to be waited for.
 * @param path names the file in messages and progress
 * @throws SlipwayError `INVALID_ARGUMENT` if it is none of what a file can be written from, `SIZE_MISMATCH` if a source is not as
 *   long as it says, what the store or the source throws
 */
export function storeContent(
  target: ContentTarget,
  content: FileContent,
  path: string,
  options: OperationOptions = {},
): StoredContent | Promise<StoredContent> {
  options.signal?.throwIfAborted();
  return adoptAtOnce(target, content, path, options) ?? storeStreaming(target, content, path, options);
}

/**
 * What is taken by reference and either known or so small that it is read at one go: most files of most trees, for which each
 * wait would cost more than all else. Undefined for anything else.
 */
function adoptAtOnce(
  { content: store, hasher, byReference }: ContentTarget,
  content: FileContent,
  path: string,
  { signal, onProgress }: OperationOptions,
): StoredContent | Promise<StoredContent> | undefined {
  if (!(byReference && adopts(store)) || typeof content !== "object" || content === null) return undefined;
  const source = content instanceof Blob ? blobSource(content) : content;
  if (!("open" in source)) return undefined;
  const adopted = (digest: Digest): StoredContent => {
    store.adopt(digest, source);
    return { digest, size: source.size };
  };
  if (isKnown(source)) return adopted(source.digest);
  if (source.size > SMALL_SIZE || onProgress !== undefined) return undefined;
  const hashed = (bytes: Uint8Array): StoredContent => {
    signal?.throwIfAborted();
    checkLength(bytes.byteLength, source, path);
    return adopted(digestOf(bytes, hasher));
  };
  const read = source.readWhole?.();
  return read === undefined || read instanceof Uint8Array ? read && hashed(read) : read.then(hashed);
}

/** How sources are adopted where they are taken by reference; undefined where they are copied. */
export function adopterOf({ content, byReference }: ContentTarget): ((source: KnownSource) => void) | undefined {
  return byReference && adopts(content) ? (source) => content.adopt(source.digest, source) : undefined;
}

async function storeStreaming(
  target: ContentTarget,
  content: FileContent,
  path: string,
  { signal, onProgress }: OperationOptions,
): Promise<StoredContent> {
  if (onProgress === undefined) return await named(path, store(target, content, path, { signal, count: undefined }));
  const step = { id: `writing ${path}`, name: `writing ${path}` };
  return await runStep(onProgress, step, async ({ running }) => {
    return await named(path, store(target, content, path, { signal, count: running }));
  });
}

/** A store that is full names its own ingest; who writes files wants to hear which of them did not fit. */
async function named(path: string, stored: Promise<StoredContent>): Promise<StoredContent> {
  try {
    return await stored;
  } catch (error) {
    if (!isSlipwayError(error, "NO_SPACE")) throw error;
    throw new SlipwayError("NO_SPACE", `Cannot write ${path}: ${error.message}`, { cause: error });
  }
}

async function store(
  target: ContentTarget,
  content: FileContent,
  path: string,
  options: StoreOptions,
): Promise<StoredContent> {
  if (typeof content === "string") return await storeBytes(target, encoder.encode(content), options);
  if (content instanceof Uint8Array) return await storeBytes(target, content, options);
  if (typeof content !== "object" || content === null) throw unusable(path);
  if (isKnown(content)) return await storeKnown(target, content, path, options);
  if ("digest" in content) return storedContent(content, path);
  const source = content instanceof Blob ? blobSource(content) : content;
  if ("open" in source) {
    const { content: contents } = target;
    if (target.byReference && adopts(contents)) return await adopt(contents, target.hasher, source, path, options);
    return await storeStream(target, source.open(), source.size, path, options);
  }
  if (!("getReader" in source || Symbol.iterator in source || Symbol.asyncIterator in source)) throw unusable(path);
  return await storeStream(target, source, undefined, path, options);
}

async function storeBytes(
  { content, hasher }: ContentTarget,
  bytes: Uint8Array,
  { signal, count }: StoreOptions,
): Promise<StoredContent> {
  const size = bytes.byteLength;
  const digest = size === 0 ? EMPTY_DIGEST : digestOf(bytes, hasher);
  await writeBlob(content, bytes, { digest, size, signal });
  count?.(size, size);
  return { digest, size };
}

async function storeStream(
  { content }: ContentTarget,
  source: ByteSource,
  size: number | undefined,
  path: string,
  { signal, count }: StoreOptions,
): Promise<StoredContent> {
  const info = await writeBlob(content, checked(source, size, path, count), { size, signal });
  return { digest: info.digest, size: info.size };
}

async function storeKnown(
  target: ContentTarget,
  source: KnownSource,
  path: string,
  options: StoreOptions,
): Promise<StoredContent> {
  const { digest, size } = source;
  // Opened when the store asks for it: it does not if it has the blob.
  const bytes = { size, open: (range?: ByteRange) => checked(source.open(range), size, path, options.count) };
  try {
    await writeBlob(target.content, bytes, { digest, size, signal: options.signal });
    return { digest, size };
  } catch (error) {
    if (!isSlipwayError(error, "DIGEST_MISMATCH")) throw error;
    await source.mistaken?.();
    return await storeStream(target, source.open(), size, path, options);
  }
}

async function adopt(
  content: ReferencingContentStore,
  hasher: HasherFactory | undefined,
  source: ReopenableSource,
  path: string,
  { signal, count }: StoreOptions,
): Promise<StoredContent> {
  const engine = (hasher ?? hostHasher)("sha256");
  let size = 0;
  for await (const chunk of checked(source.open({ reuse: true }), source.size, path, count)) {
    signal?.throwIfAborted();
    size += chunk.byteLength;
    engine.update(chunk);
  }
  checkLength(size, source, path);
  const digest = toDigest("sha256", engine.digest());
  content.adopt(digest, source);
  return { digest, size };
}

function checkLength(size: number, source: ReopenableSource, path: string): void {
  if (size === source.size) return;
  throw new SlipwayError(
    "SIZE_MISMATCH",
    `Cannot write ${path}: its source has ${size} bytes instead of ${source.size}`,
  );
}

function storedContent(content: StoredContent, path: string): StoredContent {
  const { size } = content;
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot write ${path}: the size ${String(size)} is not a whole number of bytes`,
    );
  }
  return { digest: parseDigest(content.digest, "content digest"), size };
}

/** The chunks, each one checked to be bytes: an array of numbers or a stream of strings must not become an empty file. */
async function* checked(
  source: ByteSource,
  total: number | undefined,
  path: string,
  count: Count | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let current = 0;
  for await (const chunk of chunksOf(source)) {
    if (!(chunk instanceof Uint8Array)) {
      throw new SlipwayError("INVALID_ARGUMENT", `Cannot write ${path}: a chunk of the content is not a Uint8Array`);
    }
    yield chunk;
    current += chunk.byteLength;
    count?.(current, total);
  }
}

function isKnown(content: FileContent): content is KnownSource {
  return typeof content === "object" && content !== null && "open" in content && "digest" in content;
}

function adopts(content: ContentStore): content is ReferencingContentStore {
  return typeof (content as Partial<ReferencingContentStore>).adopt === "function";
}

function unusable(path: string): SlipwayError {
  return new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot write ${path}: the content is no string, bytes, Blob, stream, iterable, re-openable source or stored content`,
  );
}
