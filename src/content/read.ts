import { readAll } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import type { HasherFactory, StreamHasher } from "../hash/hasher.ts";
import { hostHasher, toDigest } from "../hash/index.ts";
import { wholeDigest } from "../hash/whole.ts";
import { type Digest, type DigestAlgorithm, digestAlgorithm, parseDigest } from "../oci/digest.ts";
import type { ProgressListener } from "../progress.ts";
import { verifiesItself } from "./references.ts";
import type { ContentProvider } from "./store.ts";
import { withheldEnd } from "./withheld-end.ts";

/** What is needed of a descriptor to read and verify its blob. */
export interface BlobReference {
  /** What the bytes must hash to. */
  readonly digest: Digest;
  /** Bytes; checked if given. */
  readonly size?: number | undefined;
}

/** Options of {@link readBlob}. */
export interface ReadBlobOptions {
  /** Default: the store's own, or else `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
  /** Looked at before every chunk; aborting it makes the read reject with its `reason`. */
  readonly signal?: AbortSignal | undefined;
  /** As in `ReadRange`: each array may be filled again once the next is asked for. Default false. */
  readonly reuse?: boolean | undefined;
  /** Told of what the store itself reports: where reading takes requests, that it waits. How far the read is the reader knows. */
  readonly onProgress?: ProgressListener | undefined;
}

/** Options of {@link readBlobBytes}. */
export interface ReadBlobBytesOptions extends ReadBlobOptions {
  /** Most bytes that are taken in, default 4 MiB: what image-spec and registries allow a document. */
  readonly limit?: number | undefined;
}

/** Most bytes that a manifest, index or config may have. */
export const DOCUMENT_LIMIT: number = 4 * 1024 * 1024;

/**
 * The whole blob, verified: bytes beyond the size are an error as soon as they come, and the last bytes come only once size and
 * digest have been checked. A consumer that has all bytes, be it that it counts them, has exactly the blob that was asked for.
 * @throws SlipwayError `NOT_FOUND`, `SIZE_MISMATCH`, `DIGEST_MISMATCH`, `INVALID_DIGEST`; by rejecting `next()`
 */
export async function* readBlob(
  store: ContentProvider,
  blob: BlobReference,
  options: ReadBlobOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const digest = parseDigest(blob.digest);
  const { size } = blob;
  const { reuse, signal, onProgress } = options;
  signal?.throwIfAborted();
  const algorithm = digestAlgorithm(digest);
  const hasher = verifiesItself(store, digest) ? undefined : verifierOf(store, algorithm, options);
  // Without a size the last chunk is held back as it is.
  const range = reuse && size !== undefined ? { reuse } : undefined;
  yield* withheldEnd(store.open(digest, range, { signal, onProgress }), {
    size,
    wrongSize: (actual) => wrongSize(digest, actual, size),
    update(chunk) {
      signal?.throwIfAborted();
      return hasher?.update(chunk);
    },
    async verify() {
      signal?.throwIfAborted();
      if (hasher !== undefined) checkDigest(digest, toDigest(algorithm, await hasher.digest()));
    },
  });
}

/**
 * A small blob whole, verified as by {@link readBlob}: at once where the store has its bytes without waiting. What a stream costs per
 * blob is spared, so that a hundred thousand small files are read at the speed of their bytes.
 * @param limit most bytes that are taken in
 * @returns undefined where {@link readBlob} is the way: the blob is longer than `limit`, or the store has no quicker one
 * @throws SlipwayError as {@link readBlob} does, at once or by rejecting
 */
export function readWholeBlob(
  store: ContentProvider,
  blob: BlobReference,
  limit: number,
  options: ReadBlobOptions = {},
): Uint8Array | Promise<Uint8Array | undefined> | undefined {
  if (store.readWhole === undefined) return undefined;
  const digest = parseDigest(blob.digest);
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const verified = (bytes: Uint8Array): Uint8Array | Promise<Uint8Array> => {
    checkSize(blob, bytes.byteLength);
    if (verifiesItself(store, digest)) return bytes;
    const algorithm = digestAlgorithm(digest);
    if (options.hasher === undefined && store.verifier !== undefined) {
      return verifiedBy(store.verifier(algorithm), digest, bytes);
    }
    const actual = wholeDigest(bytes, options.hasher ?? store.hasher, algorithm);
    return typeof actual === "string"
      ? checked(digest, actual, bytes)
      : actual.then((it) => checked(digest, it, bytes));
  };
  const read = store.readWhole(digest, limit, { signal, onProgress });
  if (read === undefined || read instanceof Uint8Array) return read && verified(read);
  return read.then((bytes) => {
    signal?.throwIfAborted();
    return bytes && verified(bytes);
  });
}

function checked(digest: Digest, actual: Digest, bytes: Uint8Array): Uint8Array {
  checkDigest(digest, actual);
  return bytes;
}

async function verifiedBy(engine: StreamHasher, digest: Digest, bytes: Uint8Array): Promise<Uint8Array> {
  await engine.update(bytes);
  checkDigest(digest, toDigest(digestAlgorithm(digest), await engine.digest()));
  return bytes;
}

function checkSize({ digest, size: expected }: BlobReference, size: number): void {
  if (expected !== undefined && size !== expected) throw wrongSize(digest, size, expected);
}

function wrongSize(digest: Digest, actual: number, expected = actual): SlipwayError {
  const instead =
    actual > expected ? `is longer than its ${expected} bytes` : `has ${actual} bytes instead of ${expected}`;
  return new SlipwayError("SIZE_MISMATCH", `Cannot read blob ${digest}: it ${instead}`);
}

function checkDigest(digest: Digest, actual: Digest): void {
  if (actual === digest) return;
  throw new SlipwayError(
    "DIGEST_MISMATCH",
    `Cannot read blob ${digest}: its content is corrupt (it has digest ${actual})`,
  );
}

type Verifier = StreamHasher | { update(bytes: Uint8Array): void; digest(): Uint8Array };

function verifierOf(store: ContentProvider, algorithm: DigestAlgorithm, { hasher }: ReadBlobOptions): Verifier {
  if (hasher === undefined && store.verifier !== undefined) return store.verifier(algorithm);
  return (hasher ?? store.hasher ?? hostHasher)(algorithm);
}

/**
 * A small blob whole, verified as by {@link readBlob}: for manifests, indexes and configs.
 * @throws SlipwayError as {@link readBlob}; `SIZE_MISMATCH` if it is longer than the limit
 */
export async function readBlobBytes(
  store: ContentProvider,
  blob: BlobReference,
  options: ReadBlobBytesOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const limit = options.limit ?? DOCUMENT_LIMIT;
  if (blob.size !== undefined && blob.size > limit) {
    throw new SlipwayError(
      "SIZE_MISMATCH",
      `Cannot read blob ${blob.digest} into memory: it has ${blob.size} bytes, more than ${limit}`,
    );
  }
  return await readAll(readBlob(store, blob, options), limit, `blob ${blob.digest}`);
}
