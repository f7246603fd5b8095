import { type ByteSource, blobSource, chunksOf, type ReopenableSource } from "../bytes.ts";
import type { ReferencingContentStore } from "../content/references.ts";
import type { ContentStore } from "../content/store.ts";
import { writeBlob } from "../content/write.ts";
import { SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { digestOf, EMPTY_DIGEST, pureHasher, toDigest } from "../hash/index.ts";
import { parseDigest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import type { FileContent, StoredContent } from "./snapshotter.ts";

/** Where files' contents go. */
export interface ContentTarget {
  readonly content: ContentStore;
  readonly hasher: HasherFactory | undefined;
  /** Blobs and re-openable sources are left where they are, and only their digests are made. */
  readonly byReference: boolean;
}

const encoder = new TextEncoder();

/**
 * Brings what a file is written from into the content store, streaming, and says what it is.
 * @param doing begins the message, for example `Cannot write /a/b`
 * @throws SlipwayError `INVALID_ARGUMENT` if it is none of what a file can be written from, `SIZE_MISMATCH` if a source is not as
 *   long as it says, what the store or the source throws
 */
export async function storeContent(
  target: ContentTarget,
  content: FileContent,
  doing: string,
  options: OperationOptions = {},
): Promise<StoredContent> {
  options.signal?.throwIfAborted();
  if (typeof content === "string") return await storeBytes(target, encoder.encode(content), options);
  if (content instanceof Uint8Array) return await storeBytes(target, content, options);
  if (typeof content !== "object" || content === null) throw unusable(doing);
  if ("digest" in content) return storedContent(content, doing);
  const source = content instanceof Blob ? blobSource(content) : content;
  if ("open" in source) {
    const { content: store } = target;
    if (target.byReference && adopts(store)) return await adopt(store, target.hasher, source, doing, options);
    return await storeStream(target, source.open(), source.size, options);
  }
  if (!("getReader" in source || Symbol.iterator in source || Symbol.asyncIterator in source)) throw unusable(doing);
  return await storeStream(target, source, undefined, options);
}

async function storeBytes(
  { content, hasher }: ContentTarget,
  bytes: Uint8Array,
  { signal }: OperationOptions,
): Promise<StoredContent> {
  const size = bytes.byteLength;
  const digest = size === 0 ? EMPTY_DIGEST : digestOf(bytes, hasher);
  await writeBlob(content, bytes, { digest, size, signal });
  return { digest, size };
}

async function storeStream(
  { content }: ContentTarget,
  source: ByteSource,
  size: number | undefined,
  options: OperationOptions,
): Promise<StoredContent> {
  const info = await writeBlob(content, checked(source), { size, signal: options.signal });
  return { digest: info.digest, size: info.size };
}

async function adopt(
  content: ReferencingContentStore,
  hasher: HasherFactory | undefined,
  source: ReopenableSource,
  doing: string,
  { signal }: OperationOptions,
): Promise<StoredContent> {
  const engine = (hasher ?? pureHasher)("sha256");
  let size = 0;
  for await (const chunk of source.open()) {
    signal?.throwIfAborted();
    size += chunk.byteLength;
    engine.update(chunk);
  }
  if (size !== source.size) {
    throw new SlipwayError("SIZE_MISMATCH", `${doing}: the source has ${size} bytes instead of ${source.size}`);
  }
  const digest = toDigest("sha256", engine.digest());
  content.adopt(digest, source);
  return { digest, size };
}

function storedContent(content: StoredContent, doing: string): StoredContent {
  const { size } = content;
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new SlipwayError("INVALID_ARGUMENT", `${doing}: the size ${String(size)} is not a whole number of bytes`);
  }
  return { digest: parseDigest(content.digest, "content digest"), size };
}

/** The chunks, each one checked to be bytes: an array of numbers or a stream of strings must not become an empty file. */
async function* checked(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunksOf(source)) {
    if (!(chunk instanceof Uint8Array)) {
      throw new SlipwayError("INVALID_ARGUMENT", "Cannot read the content: a chunk of it is not a Uint8Array");
    }
    yield chunk;
  }
}

function adopts(content: ContentStore): content is ReferencingContentStore {
  return typeof (content as Partial<ReferencingContentStore>).adopt === "function";
}

function unusable(doing: string): SlipwayError {
  return new SlipwayError(
    "INVALID_ARGUMENT",
    `${doing}: the content is no string, bytes, Blob, stream, iterable, re-openable source or stored content`,
  );
}
