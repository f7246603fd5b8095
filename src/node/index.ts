/**
 * The edge for Node, Deno and Bun: a directory as a store that is an OCI layout at once, real directories as sources and as
 * targets, the host's own hash engine, files that are replaced whole, and the credentials of `docker login`.
 *
 * @example
 * ```ts
 * import { createSnapshotter } from "slipway/snapshots";
 * import { addDirectory, openDirectoryStore } from "slipway/node";
 *
 * const store = await openDirectoryStore("out/layout");
 * const work = await createSnapshotter(store).prepare("site");
 * await addDirectory(work, "dist", { dest: "/srv" });
 * await store.close();
 * ```
 *
 * @module
 */

export { type CompressPoolOptions, createCompressPool } from "./compress-pool/create-compress-pool.ts";
export { runCompressWorker } from "./compress-pool/run-compress-worker.ts";
export type { AddDirectoryOptions, AddedDirectory } from "./directory-source.ts";
export { addDirectory } from "./directory-source.ts";
export type { DirectoryStore, DirectoryStoreOptions, TemporaryStoreOptions } from "./directory-store.ts";
export { openDirectoryStore, openTemporaryStore } from "./directory-store.ts";
export type { DockerCredentialsOptions } from "./docker-config/docker-credentials.ts";
export { dockerCredentials } from "./docker-config/docker-credentials.ts";
export type { FileSourceOptions } from "./file-source.ts";
export { fileSource, fileSourceOfSize } from "./file-source.ts";
export { nodeHasher } from "./hasher.ts";
export { errnoOf, hostError } from "./host-error.ts";
export { type HostProcess, hostPlatform } from "./platform.ts";
export { readDocument } from "./read-document.ts";
export type { WriteFileOptions } from "./write-file.ts";
export { writeFileAtomically } from "./write-file.ts";
export type { RootfsOmissions, RootfsWarning, WriteRootfsOptions } from "./write-rootfs.ts";
export { writeRootfs } from "./write-rootfs.ts";

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
  NamedSource,
  WriterOptions,
} from "../content/index.ts";
export type { SlipwayError, SlipwayErrorCode } from "../errors.ts";
export type { AddedEntries, SourceFilter, SourceOptions } from "../frontend/index.ts";
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
export type { CredentialProvider, RegistryCredentials } from "../registry/index.ts";
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
