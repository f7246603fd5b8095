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
