/**
 * Images in archives and layouts: written for Docker, for OCI or for both in one tar; read, chosen, verified, copied between
 * stores, and flattened to one filesystem.
 *
 * @example
 * ```ts
 * import { flattenImage, readArchive, resolveImage } from "slipway/archive";
 * import { createMemoryContentStore } from "slipway/content";
 * import { fileSource } from "slipway/node";
 *
 * const content = createMemoryContentStore();
 * const images = await readArchive((await fileSource("hello.tar")).open(), content);
 * const { manifest } = resolveImage(images, { name: "hello:1", platform: { os: "linux", architecture: "amd64" } });
 * const tree = await flattenImage(content, manifest.descriptor);
 * ```
 *
 * @module
 */

export type { CopyImageOptions } from "./copy.ts";
export { copyImage } from "./copy.ts";
export type { FlattenOptions, RootfsTarOptions } from "./flatten.ts";
export { flattenImage, writeRootfsTar } from "./flatten.ts";
export type { ImageGraph, ImageManifest, ReadGraphOptions } from "./graph.ts";
export { readGraph } from "./graph.ts";
export type { EntryName, IndexedImage } from "./index-entries.ts";
export { indexedImages, namedEntries, splitEntry } from "./index-entries.ts";
export type { VerifyImageOptions } from "./layout.ts";
export { listImages, verifyImage } from "./layout.ts";
export type { OpenedArchive } from "./open-archive.ts";
export { openArchive } from "./open-archive.ts";
export type { ReadArchiveOptions } from "./read.ts";
export { readArchive } from "./read.ts";
export type { ArchivedImage, ImageSelection, ResolvedImage } from "./resolve.ts";
export { archivedImage, resolveImage, selectImage, selectManifest } from "./resolve.ts";
export type { ArchiveFormat, ArchiveSource, WriteArchiveOptions } from "./write.ts";
export { writeArchive } from "./write.ts";

// Types of other rooms that the above mention.

export type { ByteRange, ByteSource, ReadRange, ReopenableSource } from "../bytes.ts";
export type {
  CommitOptions,
  ContentInfo,
  ContentProvider,
  ContentStore,
  ContentWriter,
  IngestStatus,
  WriterOptions,
} from "../content/index.ts";
export type { LayerLimits, LayerWarning } from "../diff/index.ts";
export type { Hasher, HasherFactory, StreamHasher, StreamHasherFactory } from "../hash/index.ts";
export type { DeleteImageOptions, Image, ImageStore, UpdateImageOptions } from "../images/index.ts";
export type {
  Annotations,
  Descriptor,
  Digest,
  DigestAlgorithm,
  Index,
  JsonMap,
  JsonNumber,
  JsonValue,
  Platform,
} from "../oci/index.ts";
export type { OperationOptions, ProgressEvent, ProgressListener } from "../progress.ts";
export type {
  DirectoryNode,
  FileNode,
  NodeAttributes,
  SpecialNode,
  SymlinkNode,
  Tree,
  TreeNode,
} from "../snapshots/index.ts";
