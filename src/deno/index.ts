/**
 * The edge for Deno: what `slipway/node` has, with Deno's permissions. What is needed is asked for before the work begins, once for a
 * whole directory; where nobody can be asked, the error names the flags that are missing. What is only a help (extended
 * attributes, who holds a lock) is used where it is granted and never asked for.
 *
 * An image from `dist` into `out/layout` needs `deno run --allow-read=dist,out --allow-write=out`.
 *
 * @example
 * ```ts
 * import { createExporter, createSnapshotter } from "slipway";
 * import { addDirectory, openDirectoryStore } from "slipway/deno";
 *
 * const store = await openDirectoryStore("out/layout");
 * const snapshots = createSnapshotter(store);
 * const work = await snapshots.prepare("site");
 * await addDirectory(work, "dist", { dest: "/srv", onWarning: console.warn });
 * const ref = await snapshots.commit("site:1", "site");
 * const image = await createExporter({ ...store, snapshots }).resolve({ name: "site:1" }).export(ref);
 * ref.release();
 * await store.close();
 * console.log(image.digest);
 * ```
 *
 * @module
 */

export { type CompressPoolOptions, createCompressPool } from "../node/compress-pool/create-compress-pool.ts";
export { runCompressWorker } from "../node/compress-pool/run-compress-worker.ts";
export type { AddDirectoryOptions, AddedDirectory } from "../node/directory-source.ts";
export type { DirectoryStore, DirectoryStoreOptions, TemporaryStoreOptions } from "../node/directory-store.ts";
export type { DockerCredentialsOptions } from "../node/docker-config/docker-credentials.ts";
export type { FileSourceOptions } from "../node/file-source.ts";
export { fileSource, fileSourceOfSize } from "../node/file-source.ts";
export { nodeHasher } from "../node/hasher.ts";
export { errnoOf, hostError } from "../node/host-error.ts";
export { type HostProcess, hostPlatform } from "../node/platform.ts";
export { readDocument } from "../node/read-document.ts";
export type { WriteFileOptions } from "../node/write-file.ts";
export type { RootfsOmissions, RootfsWarning, WriteRootfsOptions } from "../node/write-rootfs.ts";
export { dockerCredentials } from "./credentials.ts";
export {
  addDirectory,
  openDirectoryStore,
  openTemporaryStore,
  writeFileAtomically,
  writeRootfs,
} from "./directories.ts";

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
