import { checksumOf, FIELDS, type Field } from "./block.ts";
import { type Fail, parseNumber, parseOctal, readNumber, readText } from "./decode-field.ts";

/** What one header block says by itself. */
export interface RawHeader {
  /** The type flag's character; NUL in the oldest archives. */
  readonly flag: string;
  name: string;
  linkName: string;
  readonly mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  userName: string;
  groupName: string;
  deviceMajor: number;
  deviceMinor: number;
  readonly format: "v7" | "ustar" | "star" | "gnu";
}

const STAR_PREFIX: Field = { label: "prefix", at: 345, size: 131 };
const STAR_ATIME: Field = { label: "atime", at: 476, size: 12 };
const STAR_CTIME: Field = { label: "ctime", at: 488, size: 12 };
const STAR_TRAILER: Field = { label: "trailer", at: 508, size: 4 };
const GNU_ATIME: Field = { label: "atime", at: 345, size: 12 };
const GNU_CTIME: Field = { label: "ctime", at: 357, size: 12 };

/** Whether all bytes are zero, as in the blocks that end an archive. */
export function isZeroBlock(block: Uint8Array): boolean {
  for (let i = 0; i < block.byteLength; i++) if (block[i] !== 0) return false;
  return true;
}

/** Reads a header block of any format. Fails if its checksum is wrong or a number in it cannot be read. */
export function decodeHeader(block: Uint8Array, fail: Fail): RawHeader {
  checkChecksum(block, fail);
  const format = formatOf(block);
  const header: RawHeader = {
    flag: String.fromCharCode(block[FIELDS.type.at] ?? 0),
    name: readText(block, FIELDS.name),
    linkName: readText(block, FIELDS.linkName),
    size: readNumber(block, FIELDS.size, fail),
    mode: readNumber(block, FIELDS.mode, fail),
    uid: readNumber(block, FIELDS.uid, fail),
    gid: readNumber(block, FIELDS.gid, fail),
    mtime: readNumber(block, FIELDS.mtime, fail),
    userName: "",
    groupName: "",
    deviceMajor: 0,
    deviceMinor: 0,
    format,
  };
  if (format === "v7") return header;
  header.userName = readText(block, FIELDS.userName);
  header.groupName = readText(block, FIELDS.groupName);
  header.deviceMajor = readNumber(block, FIELDS.deviceMajor, fail);
  header.deviceMinor = readNumber(block, FIELDS.deviceMinor, fail);
  const prefix = prefixOf(block, format, fail);
  if (prefix !== "") header.name = `${prefix}/${header.name}`;
  return header;
}

function checkChecksum(block: Uint8Array, fail: Fail): void {
  const { unsigned, signed } = checksumOf(block, 0);
  const written = parseOctal(block, FIELDS.checksum);
  if (written !== unsigned && written !== signed) throw fail("its checksum is wrong, so this is no tar header");
}

function formatOf(block: Uint8Array): RawHeader["format"] {
  const text = (at: number, size: number): string => String.fromCharCode(...block.subarray(at, at + size));
  const magic = text(FIELDS.magic.at, FIELDS.magic.size);
  if (magic === "ustar\0") return text(STAR_TRAILER.at, STAR_TRAILER.size) === "tar\0" ? "star" : "ustar";
  return magic === "ustar " && text(FIELDS.version.at, FIELDS.version.size) === " \0" ? "gnu" : "v7";
}

function prefixOf(block: Uint8Array, format: RawHeader["format"], fail: Fail): string {
  if (format === "ustar") return readText(block, FIELDS.prefix);
  if (format === "star") {
    // The times themselves are of no use here, but where they make no sense the prefix makes none either.
    readNumber(block, STAR_ATIME, fail);
    readNumber(block, STAR_CTIME, fail);
    return readText(block, STAR_PREFIX);
  }
  if (hasGnuTimes(block)) return "";
  // Go before 1.8 wrote GNU headers with a prefix where the times should be, and image layers of that age exist.
  const prefix = readText(block, FIELDS.prefix);
  for (let i = 0; i < prefix.length; i++) if (prefix.charCodeAt(i) >= 0x80) return "";
  return prefix;
}

function hasGnuTimes(block: Uint8Array): boolean {
  const readable = (field: Field): boolean => block[field.at] === 0 || parseNumber(block, field) !== undefined;
  return readable(GNU_ATIME) && readable(GNU_CTIME);
}
