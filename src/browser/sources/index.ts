/**
 * Files of a page put into a snapshot: dropped ones, chosen ones, and those of a directory handle.
 *
 * @module
 */

export type { AddDataTransferOptions } from "./data-transfer.ts";
export { addDataTransfer, takeDataTransfer } from "./data-transfer.ts";
export { addDirectoryHandle } from "./directory-handle.ts";
export type { AddFileListOptions } from "./file-list.ts";
export { addFileList } from "./file-list.ts";
export type { FolderOptions, PageSourceOptions } from "./options.ts";

// Types of other rooms that the above mention.

export type { ByteRange, ByteSource, ReopenableSource } from "../../bytes.ts";
export type { AddedEntries, ModeOptions, SourceFilter, SourceOptions } from "../../frontend/index.ts";
export type { Digest, DigestAlgorithm } from "../../oci/index.ts";
export type { OperationOptions, ProgressEvent, ProgressListener } from "../../progress.ts";
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
} from "../../snapshots/index.ts";
