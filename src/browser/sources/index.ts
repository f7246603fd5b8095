export type { AddDataTransferOptions } from "./data-transfer.ts";
export { addDataTransfer, takeDataTransfer } from "./data-transfer.ts";
export { addDirectoryHandle } from "./directory-handle.ts";
export type { AddFileListOptions } from "./file-list.ts";
export { addFileList } from "./file-list.ts";
export type { FolderOptions, PageSourceOptions } from "./options.ts";

// Types of other rooms that the above mention.

export type { AddedEntries, ModeOptions, SourceFilter, SourceOptions } from "../../frontend/index.ts";
export type {
  AttributeOptions,
  FileContent,
  FileStat,
  FollowOptions,
  SnapshotReader,
  StoredContent,
  Tree,
  TreeNode,
  WritableSnapshot,
} from "../../snapshots/index.ts";
