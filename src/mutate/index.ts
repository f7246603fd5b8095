/**
 * Images made of images, without building and without reading a layer: config and annotations changed, layers appended, rebased onto
 * a newer base.
 *
 * @example
 * ```ts
 * import { createMemoryContentStore } from "slipway/content";
 * import { mutateImage } from "slipway/mutate";
 * import { openDirectoryStore } from "slipway/node";
 * import { storeSource, storeTarget } from "slipway/transfer";
 *
 * const layout = await openDirectoryStore("layout");
 * const image = await storeSource(layout, "hello:1").resolve();
 * const changes = { config: { env: { MODE: "production" } }, annotations: { "org.opencontainers.image.version": "2" } };
 * const changed = await mutateImage(image, changes, { content: createMemoryContentStore() });
 * await storeTarget(layout, "hello:2").write({ ...changed, names: [] });
 * ```
 *
 * @module
 */

export type { AnnotationChanges } from "./annotate.ts";
export type { CreateLayerOptions } from "./create-layer.ts";
export { createLayer } from "./create-layer.ts";
export type { MutatedImage, MutateOptions, OriginalImage } from "./image.ts";
export type { AppendedLayer, ImageChanges } from "./mutate-image.ts";
export { mutateImage } from "./mutate-image.ts";
export type { BaseAnnotations, Rebase } from "./rebase-image.ts";
export { readBaseAnnotations, rebaseImage } from "./rebase-image.ts";

// Types of other rooms that the above mention.

export type { ByteRange, ByteSource, ReadRange } from "../bytes.ts";
export type { CompressPool, DeflateBlockOptions, DeflatedBlock, DeflateLevel, GzipEngine } from "../compress/index.ts";
export type {
  CommitOptions,
  ContentInfo,
  ContentProvider,
  ContentStore,
  ContentWriter,
  IngestStatus,
  WriterOptions,
} from "../content/index.ts";
export type { Layer, LayerCompression } from "../diff/index.ts";
export type { HealthcheckOptions, HistoryOptions, ImageConfigOptions } from "../exporter/index.ts";
export type { Hasher, HasherFactory, StreamHasher, StreamHasherFactory } from "../hash/index.ts";
export type {
  Annotations,
  Descriptor,
  Digest,
  DigestAlgorithm,
  Healthcheck,
  History,
  ImageConfig,
  JsonMap,
  JsonNumber,
  JsonValue,
  Platform,
  RootFS,
  RuntimeConfig,
  SetMember,
} from "../oci/index.ts";
export type { OperationOptions, ProgressEvent, ProgressListener } from "../progress.ts";
