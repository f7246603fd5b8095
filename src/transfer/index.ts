/**
 * Images from one place to another: registries, layouts, archives and stores behind one pair of contracts.
 *
 * @example
 * ```ts
 * import { createMemoryContentStore } from "slipway/content";
 * import { createMemoryImageStore } from "slipway/images";
 * import { openDirectoryStore } from "slipway/node";
 * import { copy, storeSource, storeTarget } from "slipway/transfer";
 *
 * const layout = await openDirectoryStore("layout");
 * const memory = { content: createMemoryContentStore(), images: createMemoryImageStore() };
 * const { descriptor, blobs } = await copy(storeSource(layout, "hello:1"), storeTarget(memory));
 * console.log(descriptor.digest, blobs.moved);
 * ```
 *
 * @module
 */

export type { ArchiveSourceOptions, ArchiveTargetOptions } from "./archives.ts";
export { archiveSource, archiveTarget } from "./archives.ts";
export { choosePlatform } from "./choose-platform.ts";
export { copy } from "./copy.ts";
export type { StoreEndpointOptions } from "./stores.ts";
export { storeSource, storeTarget } from "./stores.ts";
export type {
  ImageSource,
  ImageTarget,
  SourceImage,
  TransferOptions,
  TransferredImage,
  WriteImageOptions,
} from "./transfer.ts";

// Types of other rooms that the above mention.

export type { ArchiveFormat, ReadArchiveOptions, WriteArchiveOptions } from "../archive/index.ts";
export type { ByteRange, ByteSource, ReadRange, ReopenableSource } from "../bytes.ts";
export type {
  CommitOptions,
  ContentInfo,
  ContentProvider,
  ContentStore,
  ContentWriter,
  IngestStatus,
  Lease,
  LeaseManager,
  WriterOptions,
} from "../content/index.ts";
export type { Hasher, HasherFactory, StreamHasher, StreamHasherFactory } from "../hash/index.ts";
export type { Image, ImageStore } from "../images/index.ts";
export type {
  Annotations,
  Descriptor,
  Digest,
  DigestAlgorithm,
  JsonMap,
  JsonNumber,
  JsonValue,
  Platform,
} from "../oci/index.ts";
export type { OperationOptions, ProgressEvent, ProgressListener } from "../progress.ts";
