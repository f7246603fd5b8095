/** What an entry is. GNU sparse files and contiguous files are read as `file`. */
export type TarEntryType = "file" | "link" | "symlink" | "char" | "block" | "directory" | "fifo";

/**
 * What a tar says of one entry. Names are bytes; here they are strings in which each byte that is not part of valid UTF-8
 * stands as one lone surrogate U+DC80 … U+DCFF (see `decodeName`), so that nothing is lost and ordinary names are ordinary strings.
 */
export interface TarHeader {
  /** As in the archive, without a trailing `/`. Not cleaned: may be absolute or hold `..`; who applies it must look. */
  readonly name: string;
  /** What the entry is; of a hard link, `linkName` is the file that it names once more. */
  readonly type: TarEntryType;
  /** Permission, setuid, setgid and sticky bits, octal `07777`. */
  readonly mode: number;
  /** Number of the owner; it counts more than `userName` in a container's layer. */
  readonly uid: number;
  /** Number of the owner's group. */
  readonly gid: number;
  /** Bytes of content that follow (of the expanded file, for a sparse one). 0 for all but files. */
  readonly size: number;
  /** Whole seconds since 1970, may be negative. */
  readonly mtime: number;
  /** Fraction of the second in nanoseconds, 0 … 999999999, counted upwards from `mtime`. Default 0. */
  readonly mtimeNanoseconds?: number;
  /** Target of a symlink (any string), or path in the archive of what a hard link names. */
  readonly linkName?: string;
  /** Owner by name, as the machine that wrote the archive knew it. Absent if it is empty. */
  readonly userName?: string;
  /** Group by name, likewise. */
  readonly groupName?: string;
  /** Major number of a `char` or `block` device, not negative. Absent for all else. */
  readonly deviceMajor?: number;
  /** Minor number of a `char` or `block` device, not negative. Absent for all else. */
  readonly deviceMinor?: number;
  /** Extended attributes by name; values are raw bytes. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
  /** PAX records that none of the fields above stand for, kept so that nothing is lost. */
  readonly pax?: ReadonlyMap<string, Uint8Array>;
}

/** An entry while the archive is read. */
export interface TarEntry extends TarHeader {
  /** The content, once; what is not read before the next entry is asked for is skipped. Sparse files come expanded. */
  content(): AsyncIterable<Uint8Array>;
}
