/**
 * Trees to changes, changes to layers, layers to trees: what containerd's differ and applier do, byte for byte.
 *
 * @example
 * ```ts
 * import { createMemoryContentStore } from "slipway/content";
 * import { compareTrees, createDiffer } from "slipway/diff";
 * import { createSnapshotter } from "slipway/snapshots";
 *
 * const content = createMemoryContentStore();
 * const work = await createSnapshotter({ content }).prepare("work");
 * const before = await work.tree();
 * await work.writeFile("/etc/motd", "hello\n");
 * const after = await work.tree();
 * for (const { kind, path } of compareTrees(before, after)) console.log(kind, path); // add /etc, add /etc/motd
 * const { descriptor, diffID } = await createDiffer({ content }).compare(before, after);
 * ```
 *
 * @module
 */

export type { AppliedLayer, ApplyOptions } from "./apply.ts";
export { applyLayer } from "./apply.ts";
export type { Change, ChangeKind, ChangeReason } from "./change.ts";
export type { CompareOptions } from "./compare.ts";
export { compareTrees } from "./compare.ts";
export type { DifferOptions } from "./create-differ.ts";
export { createDiffer, DIFF_ID_LABEL } from "./create-differ.ts";
export type { Differ, DiffOptions, Layer, LayerCompression, LayerOptions, LayerWarning } from "./differ.ts";
export type { LayerEntry, LayerEntryOptions } from "./layer-entries.ts";
export { layerEntries } from "./layer-entries.ts";
export type { LayerLimits } from "./layer-limits.ts";

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
  WriterOptions,
} from "../content/index.ts";
export type { Hasher, HasherFactory, StreamHasher, StreamHasherFactory } from "../hash/index.ts";
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
  NodeAttributes,
  SnapshotReader,
  SpecialNode,
  StoredContent,
  SymlinkNode,
  Tree,
  TreeNode,
  WritableSnapshot,
} from "../snapshots/index.ts";
export type { TarEntryType, TarHeader, TarInput } from "../tar/index.ts";
