import { type ByteSource, chunksOf, type ReopenableSource } from "../bytes.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import { randomName } from "../random.ts";
import type { BlobReference } from "./read.ts";
import type { ContentInfo, ContentProvider, ContentStore, ContentWriter, WriteBlobOptions } from "./store.ts";

/**
 * Writes a blob and commits it. That the store has it already is success; labels are then set on what is there.
 *
 * With an expected digest, an ingest that an earlier try left under the same ref is gone on with: the bytes it has are skipped
 * in the source. Without one there is no telling whether they belong to this source, and it starts over.
 * On failure the ingest is aborted, unless the caller gave `ref` or wants it `resumable`: then it stays, to be resumed, if its bytes are worth it.
 * @throws SlipwayError `SIZE_MISMATCH`, `DIGEST_MISMATCH` (the ingest is aborted in any case), `UNAVAILABLE`
 *   if another writer holds the caller's `ref`, what the store throws; what the source throws; the signal's reason
 */
export async function writeBlob(
  store: ContentStore,
  source: ByteSource | ReopenableSource,
  options: WriteBlobOptions = {},
): Promise<ContentInfo> {
  const { digest, size, labels, signal } = options;
  let writer: ContentWriter;
  try {
    writer = await openWriter(store, options);
  } catch (error) {
    await discard(source);
    if (digest !== undefined && isSlipwayError(error, "ALREADY_EXISTS")) return await existing(store, digest, options);
    throw error;
  }
  try {
    return await fill(writer, source, options);
  } catch (error) {
    if (isSlipwayError(error, "ALREADY_EXISTS")) return await existing(store, digest ?? writer.digest(), options);
    await writer.close();
    const found = options.resumable === true && writer.ref === derivedRef(digest) && writer.status().offset > 0;
    const stays = options.ref !== undefined || (found && !WRONG.some((code) => isSlipwayError(error, code)));
    if (!stays || isSlipwayError(error, "DIGEST_MISMATCH")) {
      // The first error is the one to report; an ingest that cannot be aborted now is collected later.
      await store.abort(writer.ref).catch(() => undefined);
    }
    signal?.throwIfAborted();
    throw error;
  } finally {
    await writer.close();
  }
  async function fill(to: ContentWriter, from: ByteSource | ReopenableSource, wanted: WriteBlobOptions) {
    const resumed = await resume(to, from, wanted);
    try {
      return await to.commit({ size, digest, labels });
    } catch (error) {
      // What an earlier try left was not the beginning of this blob: a source that can be read again mends that.
      if (!resumed || !isReopenable(from) || !isSlipwayError(error, "DIGEST_MISMATCH")) throw error;
      await to.truncate(0);
      await append(to, from.open(), wanted, 0);
      return await to.commit({ size, digest, labels });
    }
  }
}

/** Writes what is missing. @returns whether there was something */
async function resume(
  writer: ContentWriter,
  source: ByteSource | ReopenableSource,
  options: WriteBlobOptions,
): Promise<boolean> {
  if (options.digest === undefined) await writer.truncate(0);
  let { offset } = writer.status();
  if (isReopenable(source)) {
    if (offset > source.size) {
      await writer.truncate(0);
      offset = 0;
    }
    await append(writer, source.open(offset === 0 ? undefined : { offset }), options, 0);
  } else {
    await append(writer, source, options, offset);
  }
  return offset > 0;
}

async function append(
  writer: ContentWriter,
  source: ByteSource,
  { size, signal }: WriteBlobOptions,
  skip: number,
): Promise<void> {
  let toSkip = skip;
  for await (const chunk of untilAborted(chunksOf(source), signal)) {
    const skipped = Math.min(toSkip, chunk.byteLength);
    toSkip -= skipped;
    if (skipped === chunk.byteLength) continue;
    const bytes = chunk.subarray(skipped);
    if (size !== undefined && writer.status().offset + bytes.byteLength > size) {
      await writer.truncate(0);
      throw new SlipwayError(
        "SIZE_MISMATCH",
        `Cannot write ${writer.ref}: its source is longer than its ${size} bytes`,
      );
    }
    await writer.write(bytes);
  }
  if (toSkip > 0) await writer.truncate(skip - toSkip);
}

/**
 * Copies a blob from one store to another, verified by the commit; goes on where an earlier try under the same `ref` stopped.
 * @throws SlipwayError `NOT_FOUND` if `from` does not have it, and as {@link writeBlob}
 */
export async function copyBlob(
  from: ContentProvider,
  to: ContentStore,
  blob: BlobReference,
  options: Omit<WriteBlobOptions, "digest" | "size"> = {},
): Promise<ContentInfo> {
  const { digest } = blob;
  const { signal } = options;
  const size = blob.size ?? (await from.info(digest, { signal })).size;
  const source: ReopenableSource = { size, open: (range) => from.open(digest, range, { signal }) };
  return await writeBlob(to, source, { ...options, digest, size });
}

const isReopenable = (source: ByteSource | ReopenableSource): source is ReopenableSource =>
  typeof (source as ReopenableSource).open === "function";

/** What a source fails with that does not have the blob, or another one: going on with it would lead to nothing. */
const WRONG = ["SIZE_MISMATCH", "INVALID_RESPONSE", "OUT_OF_RANGE", "UNSUPPORTED"] as const;

const derivedRef = (digest: Digest | undefined): string => `blob-${digest}`;

/** Without a ref of the caller's: one that a later try finds again, or, if somebody writes the same blob now, one of its own. */
async function openWriter(store: ContentStore, options: WriteBlobOptions): Promise<ContentWriter> {
  const { ref, size, digest, signal } = options;
  if (ref !== undefined) return await store.writer({ ref, size, digest, signal });
  if (digest !== undefined) {
    try {
      return await store.writer({ ref: derivedRef(digest), size, digest, signal });
    } catch (error) {
      if (!isSlipwayError(error, "UNAVAILABLE") && !isSlipwayError(error, "FAILED_PRECONDITION")) throw error;
    }
  }
  return await store.writer({ ref: `blob-${randomName()}`, size, digest, resumable: false, signal });
}

async function existing(store: ContentStore, digest: Digest, { size, labels }: WriteBlobOptions): Promise<ContentInfo> {
  const info = labels === undefined ? await store.info(digest) : await store.label(digest, labels);
  if (size === undefined || size === info.size) return info;
  throw new SlipwayError(
    "SIZE_MISMATCH",
    `Cannot write blob ${digest}: it has ${info.size} bytes, but ${size} were expected`,
  );
}

/** The same chunks, but an abort is noticed while the source is waited for, too. */
async function* untilAborted(
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (signal === undefined) {
    yield* chunks;
    return;
  }
  // Each wait has a promise of its own: one that all of them were raced with would keep every chunk until the end.
  let reject = (_reason: unknown): void => undefined;
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const next = (): Promise<IteratorResult<Uint8Array>> =>
    new Promise((resolve, fail) => {
      reject = fail;
      chunks.next().then(resolve, fail);
    });
  try {
    for (;;) {
      signal.throwIfAborted();
      const read = await next();
      if (read.done) return;
      yield read.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Ends the source when it next comes to itself; one that hangs is not waited for.
    const ended = chunks.return().catch(() => undefined);
    if (!signal.aborted) await ended;
  }
}

/** A stream that will not be read lets go of what it holds. */
async function discard(source: ByteSource | ReopenableSource): Promise<void> {
  if (source instanceof ReadableStream && !source.locked) await source.cancel().catch(() => undefined);
}
