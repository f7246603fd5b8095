/** A tar's unit: headers are one block, contents are padded to whole ones. */
export const BLOCK_SIZE = 512;

/** Fields of a ustar header: first byte and length. POSIX.1-2001, `pax`, "ustar Interchange Format". */
export const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeFlag: [156, 1],
  linkName: [157, 100],
  magic: [257, 6],
  version: [263, 2],
  userName: [265, 32],
  groupName: [297, 32],
  deviceMajor: [329, 8],
  deviceMinor: [337, 8],
  prefix: [345, 155],
} as const;

/** Name of a field of the header. */
export type FieldName = keyof typeof FIELDS;
