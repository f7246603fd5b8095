/**
 * Blobs by digest: the contract `ContentStore` and one in memory, reading that verifies, writing that can be resumed, sources
 * that are read where they lie, leases and garbage collection. `slipway/content/conformance` tests other stores.
 *
 * @example
 * ```ts
 * import { createMemoryContentStore, readBlobBytes, writeBlob } from "slipway/content";
 *
 * const store = createMemoryContentStore();
 * const { digest, size } = await writeBlob(store, new TextEncoder().encode("hello"));
 * console.log(digest, await readBlobBytes(store, { digest, size })); // fails unless digest and size are right
 * ```
 *
 * @module
 */

export type { CollectedGarbage, GarbageCollection, GarbageRoot, GarbageRoots } from "./gc.ts";
export { collectGarbage } from "./gc.ts";
export { confirmLease, underLease, withLease } from "./leased-store.ts";
export type { Lease, LeaseManager, LeaseManagerOptions, LeaseRecords } from "./leases.ts";
export { createLeaseManager } from "./leases.ts";
export type { MemoryContentStoreOptions } from "./memory.ts";
export { createMemoryContentStore } from "./memory.ts";
export type { PackingContentStore, PackOptions } from "./packs.ts";
export { withPacks } from "./packs.ts";
export type { BlobReference, ReadBlobBytesOptions, ReadBlobOptions } from "./read.ts";
export { DOCUMENT_LIMIT, readBlob, readBlobBytes, readWholeBlob } from "./read.ts";
export type { AdoptOptions, NamedSource, ReferencingContentStore } from "./references.ts";
export { withReferences } from "./references.ts";
export type {
  CommitOptions,
  ContentInfo,
  ContentProvider,
  ContentStore,
  ContentWriter,
  IngestStatus,
  WriteBlobOptions,
  WriterOptions,
} from "./store.ts";
export { copyBlob, writeBlob } from "./write.ts";

// Types of other rooms that the above mention.

export type { ByteRange, ByteSource, ReadRange, ReopenableSource } from "../bytes.ts";
export type { Hasher, HasherFactory, StreamHasher, StreamHasherFactory } from "../hash/index.ts";
export type { Digest, DigestAlgorithm } from "../oci/index.ts";
export type { OperationOptions, ProgressEvent, ProgressListener } from "../progress.ts";
