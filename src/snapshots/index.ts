/**
 * A virtual filesystem, in layers: immutable trees, writable snapshots on top of them, and the snapshotter that keeps them by
 * name. `slipway/snapshots/conformance` tests other snapshotters and metadata stores.
 *
 * @example
 * ```ts
 * import { createMemoryContentStore } from "slipway/content";
 * import { createSnapshotter } from "slipway/snapshots";
 *
 * const snapshots = createSnapshotter({ content: createMemoryContentStore() });
 * const work = await snapshots.prepare("work"); // writable, on nothing
 * await work.writeFile("/etc/motd", "hello\n", { mode: 0o644 });
 * const ref = await snapshots.commit("base", "work"); // immutable, held until ref.release()
 * ```
 *
 * @module
 */

export { snapshotContents } from "./contents.ts";
export type { SnapshotterOptions } from "./create-snapshotter.ts";
export { createSnapshotter } from "./create-snapshotter.ts";
export { emptyTree } from "./empty-tree.ts";
export { createMemoryMetadataStore } from "./memory.ts";
export type { MetadataStore } from "./metadata.ts";
export { comparePaths } from "./path.ts";
export type {
  AttributeOptions,
  FileContent,
  FileStat,
  FollowOptions,
  KnownSource,
  Ref,
  SnapshotInfo,
  SnapshotKind,
  SnapshotReader,
  Snapshotter,
  SnapshotUsage,
  StoredContent,
  WritableSnapshot,
} from "./snapshotter.ts";
export type { DirectoryNode, FileNode, NodeAttributes, SpecialNode, SymlinkNode, Tree, TreeNode } from "./tree.ts";
export type { TreeEntry } from "./walk.ts";
export { lookup, walkTree } from "./walk.ts";

// Types of other rooms that the above mention.

export type { ByteRange, ByteSource, ReadRange, ReopenableSource } from "../bytes.ts";
export type {
  BlobReference,
  CommitOptions,
  ContentInfo,
  ContentProvider,
  ContentStore,
  ContentWriter,
  GarbageRoot,
  IngestStatus,
  WriterOptions,
} from "../content/index.ts";
export type { Hasher, HasherFactory, StreamHasher, StreamHasherFactory } from "../hash/index.ts";
export type { Digest, DigestAlgorithm } from "../oci/index.ts";
export type { OperationOptions, ProgressEvent, ProgressListener } from "../progress.ts";
