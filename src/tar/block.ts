/** A tar consists of blocks of so many bytes. */
export const BLOCK_SIZE = 512;

/**
 * Most bytes of a PAX header, of a GNU long name and of a sparse map, when written and, by default, when read. Go and libarchive
 * have the same limit.
 */
export const METADATA_LIMIT: number = 1024 * 1024;

/** A field of a header block: where it begins and how many bytes it has. */
export interface Field {
  readonly label: string;
  readonly at: number;
  readonly size: number;
}

type FieldName =
  | "name"
  | "mode"
  | "uid"
  | "gid"
  | "size"
  | "mtime"
  | "checksum"
  | "type"
  | "linkName"
  | "magic"
  | "version"
  | "userName"
  | "groupName"
  | "deviceMajor"
  | "deviceMinor"
  | "prefix";

/** The fields of a header block (POSIX.1-2024, pax, "ustar Interchange Format"; the first nine are those of version 7). */
export const FIELDS: Readonly<Record<FieldName, Field>> = {
  name: { label: "name", at: 0, size: 100 },
  mode: { label: "mode", at: 100, size: 8 },
  uid: { label: "uid", at: 108, size: 8 },
  gid: { label: "gid", at: 116, size: 8 },
  size: { label: "size", at: 124, size: 12 },
  mtime: { label: "mtime", at: 136, size: 12 },
  checksum: { label: "checksum", at: 148, size: 8 },
  type: { label: "type", at: 156, size: 1 },
  linkName: { label: "link name", at: 157, size: 100 },
  magic: { label: "magic", at: 257, size: 6 },
  version: { label: "version", at: 263, size: 2 },
  userName: { label: "user name", at: 265, size: 32 },
  groupName: { label: "group name", at: 297, size: 32 },
  deviceMajor: { label: "device major", at: 329, size: 8 },
  deviceMinor: { label: "device minor", at: 337, size: 8 },
  prefix: { label: "prefix", at: 345, size: 155 },
};

/** Bytes that follow `size` bytes up to the end of their last block. */
export function paddingOf(size: number): number {
  // Not with bit operations: sizes go beyond 32 bits.
  const rest = size % BLOCK_SIZE;
  return rest === 0 ? 0 : BLOCK_SIZE - rest;
}

/**
 * Sum of the bytes of the header block at `at`, its checksum field taken as spaces. Writers of old summed them as signed bytes.
 */
export function checksumOf(bytes: Uint8Array, at: number): { readonly unsigned: number; readonly signed: number } {
  const { at: field, size } = FIELDS.checksum;
  let unsigned = 0;
  let high = 0;
  for (let i = at; i < at + BLOCK_SIZE; i++) {
    const byte = bytes[i] ?? 0;
    unsigned += byte;
    high += byte >> 7;
  }
  for (let i = at + field; i < at + field + size; i++) {
    const byte = bytes[i] ?? 0;
    unsigned += 0x20 - byte;
    high -= byte >> 7;
  }
  return { unsigned, signed: unsigned - 256 * high };
}
