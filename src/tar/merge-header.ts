import { type Fail, parseDecimal } from "./decode-field.ts";
import type { RawHeader } from "./decode-header.ts";
import type { TarEntryType, TarHeader } from "./entry.ts";
import { decodeName } from "./names.ts";
import { parsePaxTime } from "./parse-pax.ts";
import { isFieldRecord, LIBARCHIVE_XATTR, SCHILY_DEVICE_MAJOR, SCHILY_DEVICE_MINOR, SCHILY_XATTR } from "./pax.ts";
import { textOf } from "./sparse.ts";

/** What comes before an entry's own header and is about it. */
export interface EntryMetadata {
  /** Records of its PAX header. */
  readonly local: ReadonlyMap<string, Uint8Array>;
  /** Records of the global PAX headers so far. */
  readonly global: ReadonlyMap<string, Uint8Array>;
  /** From a GNU `L` header, empty if there is none. */
  readonly longName: string;
  /** From a GNU `K` header, empty if there is none. */
  readonly longLink: string;
}

/**
 * Puts the records in the place of the header's own fields, as Go's reader does: an empty value leaves the field as it is, and
 * a GNU long name counts more than a PAX path. Returns the fraction of the mtime.
 */
export function mergeRecords(
  header: RawHeader,
  { local, global, longName, longLink }: EntryMetadata,
  fail: Fail,
): number {
  header.name = longName || header.name;
  header.linkName = longLink || header.linkName;
  if (global.size === 0 && local.size === 0) return 0;
  const records = new Map([...global, ...local]);
  const text = (keyword: string, otherwise: string): string => textOf(records, keyword) || otherwise;
  const number = (keyword: string, otherwise: number): number => {
    const value = textOf(records, keyword);
    return value === "" ? otherwise : parseDecimal(value, keyword, fail);
  };
  header.name = longName || text("path", header.name);
  header.linkName = longLink || text("linkpath", header.linkName);
  header.userName = text("uname", header.userName);
  header.groupName = text("gname", header.groupName);
  header.uid = number("uid", header.uid);
  header.gid = number("gid", header.gid);
  header.size = number("size", header.size);
  header.deviceMajor = number(SCHILY_DEVICE_MAJOR, header.deviceMajor);
  header.deviceMinor = number(SCHILY_DEVICE_MINOR, header.deviceMinor);
  // Kept as they are, but nonsense in them is refused as everywhere else.
  for (const keyword of ["atime", "ctime"]) parsePaxTime(text(keyword, "0"), keyword, fail);
  const mtime = textOf(records, "mtime");
  if (mtime === "") return 0;
  const { seconds, nanoseconds } = parsePaxTime(mtime, "mtime", fail);
  header.mtime = seconds;
  return nanoseconds;
}

/** The header as callers see it. */
export function toTarHeader(
  header: RawHeader,
  type: TarEntryType,
  size: number,
  mtimeNanoseconds: number,
  { local, global }: EntryMetadata,
  fail: Fail,
): TarHeader {
  const isDevice = type === "char" || type === "block";
  if (isDevice && (header.deviceMajor < 0 || header.deviceMinor < 0)) throw fail("its device numbers are negative");
  const xattrs = extendedAttributes(global, local, fail);
  const pax = new Map([...local].filter(([keyword]) => !isFieldRecord(keyword)));
  return {
    name: entryName(header.name, type, fail),
    type,
    mode: header.mode & 0o7777,
    uid: header.uid,
    gid: header.gid,
    size,
    mtime: header.mtime,
    ...(mtimeNanoseconds === 0 ? {} : { mtimeNanoseconds }),
    ...(type === "link" || type === "symlink" ? { linkName: header.linkName } : {}),
    ...(header.userName === "" ? {} : { userName: header.userName }),
    ...(header.groupName === "" ? {} : { groupName: header.groupName }),
    ...(isDevice ? { deviceMajor: header.deviceMajor, deviceMinor: header.deviceMinor } : {}),
    ...(xattrs.size === 0 ? {} : { xattrs }),
    ...(pax.size === 0 ? {} : { pax }),
  };
}

/** The name without slashes at its end. An empty one is that of the root, which some tools write so. */
function entryName(name: string, type: TarEntryType, fail: Fail): string {
  if (name === "") {
    if (type === "directory") return ".";
    throw fail("its name is empty");
  }
  let end = name.length;
  while (end > 1 && name.charAt(end - 1) === "/") end--;
  return name.slice(0, end);
}

function extendedAttributes(
  global: EntryMetadata["global"],
  local: EntryMetadata["local"],
  fail: Fail,
): Map<string, Uint8Array> {
  const attributes = new Map<string, Uint8Array>();
  if (global.size === 0 && local.size === 0) return attributes;
  const records = new Map([...global, ...local]);
  for (const [keyword, value] of records) {
    // An attribute may well be empty, so here an empty value is one.
    if (keyword.startsWith(SCHILY_XATTR)) attributes.set(keyword.slice(SCHILY_XATTR.length), value);
  }
  for (const [keyword, value] of records) {
    if (!keyword.startsWith(LIBARCHIVE_XATTR)) continue;
    const attribute = percentDecode(keyword.slice(LIBARCHIVE_XATTR.length));
    // libarchive writes both forms; the raw one is the plainer.
    if (!attributes.has(attribute)) attributes.set(attribute, base64Decode(value, keyword, fail));
  }
  return attributes;
}

function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const hex = text.slice(i + 1, i + 3);
    const escaped = text.charAt(i) === "%" && /^[0-9A-Fa-f]{2}$/.test(hex);
    bytes.push(escaped ? Number.parseInt(hex, 16) : text.charCodeAt(i) & 0xff);
    if (escaped) i += 2;
  }
  return decodeName(Uint8Array.from(bytes));
}

function base64Decode(value: Uint8Array, keyword: string, fail: Fail): Uint8Array {
  try {
    return Uint8Array.from(atob(decodeName(value)), (character) => character.charCodeAt(0));
  } catch {
    throw fail(`its PAX record ${JSON.stringify(keyword.slice(0, 80))} is not base64`);
  }
}
