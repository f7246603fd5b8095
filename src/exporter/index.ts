/**
 * BuildKit's image exporter: a chain of snapshots becomes layers, config, manifest, index and names, and is pushed. The same input gives the
 * same digests, and a layer that was made before is not made again.
 *
 * @example
 * ```ts
 * import { createMemoryContentStore } from "slipway/content";
 * import { createExporter } from "slipway/exporter";
 * import { createSnapshotter } from "slipway/snapshots";
 *
 * const content = createMemoryContentStore();
 * const snapshots = createSnapshotter({ content });
 * const work = await snapshots.prepare("work");
 * await work.writeFile("/hello", "hi\n");
 * const ref = await snapshots.commit("hello", "work");
 * const image = await createExporter({ content, snapshots }).resolve({ compression: "gzip" }).export(ref);
 * console.log(image.digest, image.configDigest);
 * ```
 *
 * @module
 */

export { type RecordedLayer, removeLostBlobRecords } from "./blob-records.ts";
export { type BlockCacheOptions, type BlocksOfLayer, createBlockCache, type LayerBlockCache } from "./block-cache.ts";
export type { BaseImage, HealthcheckOptions, HistoryOptions, ImageConfigOptions } from "./config.ts";
export { createExporter } from "./create-exporter.ts";
export type {
  ExportedImage,
  ExportedLayer,
  ExportedManifest,
  Exporter,
  ExporterInstance,
  ExporterOptions,
  ExporterStores,
  ExportOptions,
  ExportSource,
  PlatformSource,
  WritingAhead,
} from "./exporter.ts";
export type { FlightControl, SharedOperation } from "./flight-control.ts";
export { createFlightControl } from "./flight-control.ts";
export type { ImagePusher, PushableImage, PushedImage, PushOptions } from "./image-pusher.ts";
export type { MadeLayer } from "./layer-making.ts";
export { DEFAULT_PATH } from "./runtime-config.ts";

// Types of other rooms that the above mention.

export type { ByteRange, ByteSource, ReadRange, ReopenableSource } from "../bytes.ts";
export type {
  BlockCache,
  CompressPool,
  DeflateBlockOptions,
  DeflatedBlock,
  DeflateLevel,
  GzipEngine,
} from "../compress/index.ts";
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
export type { Differ, DiffOptions, Layer, LayerCompression, LayerOptions, LayerWarning } from "../diff/index.ts";
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
  Ref,
  SnapshotInfo,
  SnapshotKind,
  SnapshotReader,
  Snapshotter,
  SnapshotUsage,
  SpecialNode,
  StoredContent,
  SymlinkNode,
  Tree,
  TreeNode,
  WritableSnapshot,
} from "../snapshots/index.ts";
export type { TarEntryType, TarHeader, TarInput } from "../tar/index.ts";
