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
