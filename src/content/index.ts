export type { CollectedGarbage, GarbageCollection, GarbageRoot } from "./gc.ts";
export { collectGarbage } from "./gc.ts";
export { withLease } from "./leased-store.ts";
export type { Lease, LeaseManager, LeaseManagerOptions, LeaseRecords } from "./leases.ts";
export { createLeaseManager } from "./leases.ts";
export type { MemoryContentStoreOptions } from "./memory.ts";
export { createMemoryContentStore } from "./memory.ts";
export type { BlobReference, ReadBlobBytesOptions, ReadBlobOptions } from "./read.ts";
export { DOCUMENT_LIMIT, readBlob, readBlobBytes } from "./read.ts";
export type { NamedSource, ReferencingContentStore } from "./references.ts";
export { withReferences } from "./references.ts";
export type {
  CommitOptions,
  ContentInfo,
  ContentStore,
  ContentWriter,
  IngestStatus,
  WriteBlobOptions,
  WriterOptions,
} from "./store.ts";
export { copyBlob, writeBlob } from "./write.ts";
