import { concatBytes } from "../../bytes.ts";
import { assertEqual } from "../../conformance.ts";
import { pureHasher, toDigest } from "../../hash/index.ts";
import type { Digest, DigestAlgorithm } from "../../oci/digest.ts";
import type { ContentInfo, ContentStore, ContentWriter, WriterOptions } from "../store.ts";

/** One case over a store that is fresh and empty. */
export interface StoreCase {
  readonly name: string;
  run(store: ContentStore): Promise<void>;
}

/** Bytes of which every seed has others, the same in each run. */
export function sampleBytes(seed: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = (seed + 1) * 0x9e3779b1;
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** The digest of bytes, by the pure engine whatever the store uses. */
export function digestOfBytes(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  const hasher = pureHasher(algorithm);
  hasher.update(bytes);
  return toDigest(algorithm, hasher.digest());
}

/** Everything that a read yields. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return concatBytes(all);
}

/** Writes and commits `bytes` under a ref made of their digest. */
export async function put(
  store: ContentStore,
  bytes: Uint8Array,
  options: Partial<WriterOptions> & { readonly labels?: Readonly<Record<string, string>> } = {},
): Promise<ContentInfo> {
  const writer = await store.writer({ ref: `put-${digestOfBytes(bytes)}`, size: options.size, digest: options.digest });
  try {
    await writer.write(bytes);
    return await writer.commit({ labels: options.labels });
  } finally {
    await writer.close();
  }
}

/** Begins an ingest of `bytes` and leaves it. */
export async function leaveIngest(store: ContentStore, options: WriterOptions, bytes: Uint8Array): Promise<void> {
  await withWriter(await store.writer(options), (writer) => writer.write(bytes));
}

/** Works with a writer and closes it in any case. */
export async function withWriter<T>(writer: ContentWriter, work: (writer: ContentWriter) => Promise<T>): Promise<T> {
  try {
    return await work(writer);
  } finally {
    await writer.close();
  }
}

/** Checks that the store has the blob, with the right info and bytes. */
export async function assertBlob(
  store: ContentStore,
  bytes: Uint8Array,
  labels: Readonly<Record<string, string>> = {},
  algorithm: DigestAlgorithm = "sha256",
): Promise<void> {
  const digest = digestOfBytes(bytes, algorithm);
  assertEqual(await store.info(digest), { digest, size: bytes.byteLength, labels }, "info");
  assertEqual(await collect(store.open(digest)), bytes, "content");
}

/** Refs of all ingests, sorted. */
export async function ingestRefs(store: ContentStore): Promise<readonly string[]> {
  const refs: string[] = [];
  for await (const { ref } of store.statuses()) refs.push(ref);
  return refs.sort();
}

/** Digests of all blobs, sorted. */
export async function blobDigests(store: ContentStore): Promise<readonly Digest[]> {
  const digests: Digest[] = [];
  for await (const { digest } of store.list()) digests.push(digest);
  return digests.sort();
}
