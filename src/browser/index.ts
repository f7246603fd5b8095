/**
 * The edge for browsers: IndexedDB as a store that several pages and workers share (in workers with large blobs in files of the
 * origin private file system), what the browser says about its storage, and files of a page as sources: dropped or chosen ones,
 * and directory handles.
 *
 * @example
 * ```ts
 * import { openIndexedDB } from "slipway/browser";
 * import { createExporter } from "slipway/exporter";
 * import { createSnapshotter } from "slipway/snapshots";
 *
 * const store = await openIndexedDB("playground");
 * const snapshots = createSnapshotter(store);
 * const exporter = createExporter({ ...store, snapshots });
 * ```
 *
 * @module
 */

export { type CompressPoolOptions, createCompressPool } from "./compress-pool/create-compress-pool.ts";
export { runCompressWorker } from "./compress-pool/run-compress-worker.ts";
export type { ClosedReason } from "./indexeddb/database.ts";
export type { IndexedDBOptions, IndexedDBStore } from "./open-indexeddb.ts";
export { deleteIndexedDB, openIndexedDB } from "./open-indexeddb.ts";
export type {
  AddDataTransferOptions,
  AddFileListOptions,
  FolderOptions,
  PageSourceOptions,
} from "./sources/index.ts";
export { addDataTransfer, addDirectoryHandle, addFileList, takeDataTransfer } from "./sources/index.ts";
export type { StorageEstimate } from "./storage.ts";
export { requestPersistentStorage, storageEstimate } from "./storage.ts";

// Types of other rooms that the above mention.

export type { ByteRange, ByteSource, ReadRange, ReopenableSource } from "../bytes.ts";
export type { CompressPool, DeflateBlockOptions, DeflatedBlock, DeflateLevel } from "../compress/index.ts";
export type { WorkerCompressPool, WorkerPoolOptions } from "../compress/workers/worker-pool.ts";
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
export type { Layer, LayerWarning } from "../diff/index.ts";
export type { FlightControl, MadeLayer, RecordedLayer, SharedOperation } from "../exporter/index.ts";
export type { AddedEntries, ModeOptions, SourceFilter, SourceOptions } from "../frontend/index.ts";
export type { Hasher, HasherFactory, StreamHasher, StreamHasherFactory } from "../hash/index.ts";
export type { DeleteImageOptions, Image, ImageStore, UpdateImageOptions } from "../images/index.ts";
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
export type {
  AttributeOptions,
  DirectoryNode,
  FileContent,
  FileNode,
  FileStat,
  FollowOptions,
  KnownSource,
  MetadataStore,
  NodeAttributes,
  SnapshotReader,
  SpecialNode,
  StoredContent,
  SymlinkNode,
  Tree,
  TreeNode,
  WritableSnapshot,
} from "../snapshots/index.ts";
