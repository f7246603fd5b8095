import type { ByteRange, ByteSource, ReopenableSource } from "../bytes.ts";
import type { Digest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import type { Tree, TreeNode } from "./tree.ts";

/** `active`: writable, from `prepare`. `view`: readable, from `view`. `committed`: immutable, can be a parent. */
export type SnapshotKind = "active" | "view" | "committed";

/** What is known of a snapshot. */
export interface SnapshotInfo {
  /** The key of an active snapshot or view, or the name of a committed one. */
  readonly key: string;
  /** Decides whether it can be written, read, or built upon. */
  readonly kind: SnapshotKind;
  /** Key of the committed snapshot it was made on. */
  readonly parent?: string;
  /** The caller's own notes; `{}` if there are none. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What a snapshot adds to its parent. */
export interface SnapshotUsage {
  /** Bytes of the files that the parent does not have. */
  readonly size: number;
  /** Nodes that the parent does not have. */
  readonly inodes: number;
}

/** What a file may be written from. Strings are written as UTF-8. Only a `ReopenableSource` or `Blob` can be taken by reference. */
export type FileContent = string | ByteSource | Blob | ReopenableSource | KnownSource | StoredContent;

/**
 * A source whose digest was found out before. It is not read where it is taken by reference (then it is verified whenever it is read
 * later), nor where the content store has its bytes.
 */
export interface KnownSource extends ReopenableSource {
  /** SHA-256 of the whole content. */
  readonly digest: Digest;
  /** Told when the content turns out to have another digest. Must not fail. */
  mistaken?(): Promise<void>;
}

/** Content that the content store has, or that will never be read (a base whose layers are reused as they are). */
export interface StoredContent {
  /** Digest of the whole content. */
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** Attributes to set; what is absent stays as it is, or gets its default: files 0644, directories 0755, owner 0:0, mtime 0. */
export interface AttributeOptions {
  /** Octal `07777`. */
  readonly mode?: number | undefined;
  /** Number of the owner. */
  readonly uid?: number | undefined;
  /** Number of the owner's group. */
  readonly gid?: number | undefined;
  /** Seconds since 1970, whole. */
  readonly mtime?: number | undefined;
  /** Extended attributes by full name (`user.note`), in place of all that were there. Strings are written as UTF-8. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | Readonly<Record<string, Uint8Array | string>> | undefined;
}

/** The attributes and size of a node, as `stat` gives them. */
export interface FileStat {
  /** What is there; the size of a file is the `size` of its node. */
  readonly node: TreeNode;
  /** Absolute path after following symlinks. */
  readonly path: string;
  /** Number of paths that are this file. */
  readonly links: number;
}

/** The readable side of any snapshot. Paths are absolute or relative to the root; symlinks are followed inside the root, never out of it. */
export interface SnapshotReader {
  /** The tree as it is now. Of a writable snapshot: a frozen copy, made in time proportional to what changed since the last one. */
  tree(): Promise<Tree>;
  /**
   * What is at a path.
   * @throws SlipwayError `NOT_FOUND`, `NOT_A_DIRECTORY`, `SYMLINK_LOOP` (the same for all that take a path)
   */
  stat(path: string): Promise<FileStat>;
  /** Like `stat`, of the symlink itself. */
  lstat(path: string): Promise<FileStat>;
  /** Whether `stat` finds something there: a symlink that leads nowhere does not exist. */
  exists(path: string): Promise<boolean>;
  /** Names in bytewise order. */
  readdir(path: string): Promise<readonly string[]>;
  /** The target of a symlink as it was set. @throws SlipwayError `INVALID_ARGUMENT` if it is something else */
  readlink(path: string): Promise<string>;
  /** The bytes of a file, or of a part of it, verified. */
  read(path: string, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** A whole file in memory. */
  readFile(path: string): Promise<Uint8Array>;
  /** A whole file in memory, decoded as UTF-8; a byte order mark is left out, and wrong bytes become U+FFFD. */
  readTextFile(path: string): Promise<string>;
}

/** Whether a symlink at the end of the path is followed (default) or meant itself. */
export interface FollowOptions {
  /** Default true; with false a symlink at the end is meant itself. */
  readonly followSymlinks?: boolean;
}

/** The writable side: what a filesystem has. Parents must exist unless `recursive` is given. */
export interface WritableSnapshot extends SnapshotReader {
  /** The key that it was prepared under, and that `commit` and `resume` take. */
  readonly key: string;
  /** Creates or replaces a file. An existing file keeps the attributes that are not given. Missing parents are made (0755). */
  writeFile(path: string, content: FileContent, options?: AttributeOptions & OperationOptions): Promise<void>;
  /**
   * Makes a directory.
   * @throws SlipwayError `ALREADY_EXISTS`, but not with `recursive` for a directory that is there
   */
  mkdir(path: string, options?: AttributeOptions & { readonly recursive?: boolean }): Promise<void>;
  /** Makes a symlink at `path`; the target may lead anywhere or nowhere. @throws SlipwayError `ALREADY_EXISTS` */
  symlink(target: string, path: string, options?: AttributeOptions): Promise<void>;
  /** Makes `path` another name of the file at `existing`. */
  link(existing: string, path: string): Promise<void>;
  /**
   * Makes a device, FIFO or socket. Device numbers default to 0 and mean nothing for the latter two.
   * @throws SlipwayError `ALREADY_EXISTS`
   */
  mknod(
    path: string,
    type: "char" | "block" | "fifo" | "socket",
    options?: AttributeOptions & { readonly major?: number; readonly minor?: number },
  ): Promise<void>;
  /** As `rename(2)`: replaces a file, or an empty directory by a directory. */
  rename(from: string, to: string): Promise<void>;
  /**
   * Removes a file, a symlink itself, or a directory: an empty one, or with `recursive` any. With `force` nothing there
   * is no error.
   * @throws SlipwayError `NOT_FOUND`, `NOT_EMPTY`; `INVALID_ARGUMENT` for the root
   */
  remove(path: string, options?: { readonly recursive?: boolean; readonly force?: boolean }): Promise<void>;
  /**
   * Sets the mode, octal `07777`, of what the path leads to.
   * @throws SlipwayError `INVALID_ARGUMENT` for a mode out of range
   */
  chmod(path: string, mode: number): Promise<void>;
  /** Sets owner and group by number. Setuid and setgid bits stay as they are. */
  chown(path: string, uid: number, gid: number, options?: FollowOptions): Promise<void>;
  /** Sets the mtime in whole seconds. */
  utimes(path: string, mtime: number, options?: FollowOptions): Promise<void>;
  /** Sets one extended attribute by its full name (`user.note`); a string is written as UTF-8. */
  setxattr(path: string, name: string, value: Uint8Array | string, options?: FollowOptions): Promise<void>;
  /** Removes one extended attribute. @throws SlipwayError `NOT_FOUND` also if there is none of that name */
  removexattr(path: string, name: string, options?: FollowOptions): Promise<void>;
}

/** A committed snapshot, held: it cannot be removed before it is released. */
export interface Ref extends SnapshotReader {
  /** The name that it was committed under. */
  readonly key: string;
  /** Name of the committed snapshot it was made on; absent if it was made on nothing. */
  readonly parent?: string;
  /** Idempotent. */
  release(): void;
  /** The same as `release`, for `using`. */
  [Symbol.dispose](): void;
}

/** Snapshots by key, after containerd's `snapshots.Snapshotter`. `snapshotterConformance` says in tests what each implementation must do. */
export interface Snapshotter {
  /** A writable snapshot on a committed parent or on nothing. O(1). @throws SlipwayError `ALREADY_EXISTS`, `NOT_FOUND`, `FAILED_PRECONDITION` if the parent is not committed */
  prepare(
    key: string,
    parent?: string,
    options?: { readonly labels?: Readonly<Record<string, string>> },
  ): Promise<WritableSnapshot>;
  /** A readable snapshot on a committed parent. */
  view(
    key: string,
    parent?: string,
    options?: { readonly labels?: Readonly<Record<string, string>> },
  ): Promise<SnapshotReader & { readonly key: string }>;
  /** The writable snapshot of an active key again, for example after a restart. @throws SlipwayError `FAILED_PRECONDITION` if it is not active */
  resume(key: string): Promise<WritableSnapshot>;
  /** Makes an active snapshot immutable under a name; the active key is gone. */
  commit(name: string, key: string, options?: { readonly labels?: Readonly<Record<string, string>> }): Promise<Ref>;
  /** Holds a committed snapshot. @throws SlipwayError `NOT_FOUND`, `FAILED_PRECONDITION` if it is not committed */
  get(name: string): Promise<Ref>;
  /** Kind, parent and labels of a snapshot of any kind. @throws SlipwayError `NOT_FOUND` */
  stat(key: string): Promise<SnapshotInfo>;
  /** What the snapshot adds to its parent; nothing, for a view. @throws SlipwayError `NOT_FOUND` */
  usage(key: string): Promise<SnapshotUsage>;
  /** Sets labels (`undefined` removes one). */
  label(key: string, labels: Readonly<Record<string, string | undefined>>): Promise<SnapshotInfo>;
  /** Calls back for every snapshot, ordered by key. */
  walk(visit: (info: SnapshotInfo) => void | Promise<void>): Promise<void>;
  /**
   * Removes a snapshot of any kind; its blobs stay until they are collected as garbage.
   * @throws SlipwayError `NOT_FOUND`, `FAILED_PRECONDITION` if it has children or is held
   */
  remove(key: string): Promise<void>;
}
