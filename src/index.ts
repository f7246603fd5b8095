/**
 * Slipway: container images from a virtual filesystem, anywhere JavaScript runs.
 *
 * This entry has what most users need. Every room is an entry of its own too (`slipway/tar`, `slipway/oci`, …), with more in
 * it, and `slipway/node` has the stores and sources of Node, Deno and Bun.
 *
 * @module
 */

export {
  type ArchiveFormat,
  type ArchiveSource,
  copyImage,
  flattenImage,
  listImages,
  readArchive,
  resolveImage,
  verifyImage,
  type WriteArchiveOptions,
  writeArchive,
  writeRootfsTar,
} from "./archive/index.ts";
export {
  type ByteRange,
  type ByteSource,
  blobSource,
  bytesSource,
  type ReopenableSource,
  toReadableStream,
} from "./bytes.ts";
export {
  type ContentInfo,
  type ContentStore,
  collectGarbage,
  createMemoryContentStore,
  readBlob,
  readBlobBytes,
  withReferences,
  writeBlob,
} from "./content/index.ts";
export {
  applyLayer,
  type Change,
  type ChangeKind,
  type ChangeReason,
  compareTrees,
  createDiffer,
  type Differ,
  type Layer,
  type LayerOptions,
} from "./diff/index.ts";
export { isSlipwayError, SlipwayError, type SlipwayErrorCode } from "./errors.ts";
export {
  type BaseImage,
  createExporter,
  createFlightControl,
  type ExportedImage,
  type ExportedLayer,
  type ExportedManifest,
  type Exporter,
  type ExporterInstance,
  type ExporterOptions,
  type ExporterStores,
  type ExportOptions,
  type ExportSource,
  type FlightControl,
  type HealthcheckOptions,
  type HistoryOptions,
  type ImageConfigOptions,
  type PlatformSource,
} from "./exporter/index.ts";
export {
  type BuildBase,
  type BuildFile,
  type BuildOptions,
  build,
  type IgnoreMatcher,
  parseDockerignore,
} from "./frontend/index.ts";
export { type Hasher, type HasherFactory, pureHasher } from "./hash/index.ts";
export { createMemoryImageStore, type Image, type ImageStore } from "./images/index.ts";
export type { Descriptor, Digest, Platform } from "./oci/index.ts";
export type { OperationOptions, ProgressEvent, ProgressListener } from "./progress.ts";
export {
  type AttributeOptions,
  createMemoryMetadataStore,
  createSnapshotter,
  type FileContent,
  type MetadataStore,
  type Ref,
  type SnapshotReader,
  type Snapshotter,
  type Tree,
  type TreeNode,
  type WritableSnapshot,
} from "./snapshots/index.ts";
