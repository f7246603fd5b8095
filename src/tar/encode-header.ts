import { BLOCK_SIZE, FIELDS, type Field, METADATA_LIMIT, paddingOf } from "./block.ts";
import { checkHeader, invalid } from "./check-header.ts";
import type { TarEntryType, TarHeader } from "./entry.ts";
import { compareNames, encodeName } from "./names.ts";
import { cleanPath } from "./path.ts";
import { encodePaxRecord, formatPaxTime, SCHILY_XATTR } from "./pax.ts";

const typeFlags: Readonly<Record<TarEntryType, number>> = {
  file: 0x30,
  link: 0x31,
  symlink: 0x32,
  char: 0x33,
  block: 0x34,
  directory: 0x35,
  fifo: 0x36,
};
const PAX_FLAG = 0x78;
const SLASH = 0x2f;
/** Numbers have seven or eleven octal digits, a NUL after them; the first that does not fit. */
const SEVEN_DIGITS = 8 ** 7;
const ELEVEN_DIGITS = 8 ** 11;
const MAGIC_AND_VERSION = "ustar\x0000";

/**
 * The header blocks of an entry as Go's `archive/tar` writes them: ustar where all fields fit, else a PAX header (`x`, keywords
 * sorted, named `dir/PaxHeaders.0/file`) before a ustar block with what fits. Device numbers beyond 7 octal digits, which Go
 * refuses, are written in base-256, which every reader takes. A directory's name gets its `/` here.
 * @throws SlipwayError `INVALID_PATH` for a name that is empty, has a NUL or a lone surrogate that stands for no byte, or
 *   ends in `/` though it is no directory; `INVALID_ARGUMENT` for any other field out of its range or a PAX header over 1 MiB
 */
export function encodeHeader(header: TarHeader): Uint8Array {
  const pax = paxOf(header);
  const blocks = new Uint8Array(headerSize(pax));
  writeHeader(header, pax, blocks, 0);
  return blocks;
}

/**
 * Checks the header and says what its PAX header contains; undefined where plain ustar says everything, which is what costs
 * nothing: of a layer's million entries hardly one needs more. Throws as {@link encodeHeader} does.
 */
export function paxOf(header: TarHeader): Uint8Array | undefined {
  checkHeader(header);
  const name = archiveName(header);
  return fitsUstar(header, name) ? undefined : encodeRecords(header, name);
}

/** Bytes of all blocks of a header, those of its PAX header among them. */
export function headerSize(pax: Uint8Array | undefined): number {
  return pax === undefined ? BLOCK_SIZE : 2 * BLOCK_SIZE + pax.byteLength + paddingOf(pax.byteLength);
}

/** Writes the blocks to `target` from `at` on, where {@link headerSize} bytes must be zero. `pax` is what {@link paxOf} gave. */
export function writeHeader(header: TarHeader, pax: Uint8Array | undefined, target: Uint8Array, at: number): void {
  const name = archiveName(header);
  let block = at;
  if (pax !== undefined) {
    writePaxBlock(name, pax.byteLength, target, block);
    target.set(pax, block + BLOCK_SIZE);
    block += BLOCK_SIZE + pax.byteLength + paddingOf(pax.byteLength);
  }
  // Each field gives the sum of its bytes: a second pass over the block would cost more than writing it.
  let sum = 0;
  const split = pax === undefined ? splitName(name) : 0;
  if (pax !== undefined) sum += writeText(target, block, FIELDS.name, asciiOf(name));
  else if (split === 0) sum += writeChars(target, block + FIELDS.name.at, name, 0, name.length);
  else {
    sum += writeChars(target, block + FIELDS.name.at, name, split + 1, name.length);
    sum += writeChars(target, block + FIELDS.prefix.at, name, 0, split);
  }
  if (header.linkName !== undefined) sum += writeText(target, block, FIELDS.linkName, asciiOf(header.linkName));
  sum += writeOctal(target, block, FIELDS.mode, header.mode);
  sum += writeOctal(target, block, FIELDS.uid, header.uid);
  sum += writeOctal(target, block, FIELDS.gid, header.gid);
  sum += writeOctal(target, block, FIELDS.size, header.size);
  sum += writeOctal(target, block, FIELDS.mtime, header.mtime);
  if (header.userName !== undefined) sum += writeText(target, block, FIELDS.userName, asciiOf(header.userName));
  if (header.groupName !== undefined) sum += writeText(target, block, FIELDS.groupName, asciiOf(header.groupName));
  sum += writeNumber(target, block, FIELDS.deviceMajor, header.deviceMajor ?? 0);
  sum += writeNumber(target, block, FIELDS.deviceMinor, header.deviceMinor ?? 0);
  finishBlock(target, block, typeFlags[header.type], sum);
}

/** The name as in the archive: a directory's ends in `/`. */
function archiveName({ name, type }: TarHeader): string {
  return type === "directory" && !name.endsWith("/") ? `${name}/` : name;
}

function fitsUstar(header: TarHeader, name: string): boolean {
  return (
    isAscii(name) &&
    (name.length <= FIELDS.name.size || splitName(name) > 0) &&
    fitsText(FIELDS.linkName, header.linkName) &&
    fitsText(FIELDS.userName, header.userName) &&
    fitsText(FIELDS.groupName, header.groupName) &&
    fitsOctal(FIELDS.uid, header.uid) &&
    fitsOctal(FIELDS.gid, header.gid) &&
    fitsOctal(FIELDS.size, header.size) &&
    fitsOctal(FIELDS.mtime, header.mtime) &&
    (header.mtimeNanoseconds ?? 0) === 0 &&
    (header.xattrs === undefined || header.xattrs.size === 0) &&
    (header.pax === undefined || header.pax.size === 0)
  );
}

/** All PAX records of the entry, sorted by keyword. */
function encodeRecords(header: TarHeader, name: string): Uint8Array {
  const values = new Map<string, Uint8Array>(header.pax);
  const text = (keyword: string, field: Field, value: string | undefined): void => {
    if (!fitsText(field, value)) values.set(keyword, encodeName(value ?? ""));
  };
  const number = (keyword: string, field: Field, value: number): void => {
    if (!fitsOctal(field, value)) values.set(keyword, encodeName(String(value)));
  };
  text("path", FIELDS.name, name);
  text("linkpath", FIELDS.linkName, header.linkName);
  text("uname", FIELDS.userName, header.userName);
  text("gname", FIELDS.groupName, header.groupName);
  number("uid", FIELDS.uid, header.uid);
  number("gid", FIELDS.gid, header.gid);
  number("size", FIELDS.size, header.size);
  const nanoseconds = header.mtimeNanoseconds ?? 0;
  if (nanoseconds !== 0 || !fitsOctal(FIELDS.mtime, header.mtime)) {
    values.set("mtime", encodeName(formatPaxTime(header.mtime, nanoseconds)));
  }
  for (const [attribute, value] of header.xattrs ?? []) values.set(SCHILY_XATTR + attribute, value);
  const sorted = [...values].sort(([a], [b]) => compareNames(a, b));
  const records = sorted.map(([keyword, value]) => encodePaxRecord(keyword, value));
  let size = 0;
  for (const record of records) size += record.byteLength;
  if (size > METADATA_LIMIT) {
    throw invalid(header, `its PAX header has ${size} bytes, and no reader takes more than ${METADATA_LIMIT}`);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const record of records) {
    all.set(record, at);
    at += record.byteLength;
  }
  return all;
}

function writePaxBlock(name: string, size: number, target: Uint8Array, block: number): void {
  const slash = name.lastIndexOf("/");
  const path = asciiOf(cleanPath(`${name.slice(0, slash + 1)}PaxHeaders.0/${name.slice(slash + 1)}`));
  const field = path.slice(0, FIELDS.name.size).replace(/\/+$/, "");
  let sum = writeText(target, block, FIELDS.name, field);
  sum += writeOctal(target, block, FIELDS.mode, 0);
  sum += writeOctal(target, block, FIELDS.uid, 0);
  sum += writeOctal(target, block, FIELDS.gid, 0);
  sum += writeOctal(target, block, FIELDS.size, size);
  sum += writeOctal(target, block, FIELDS.mtime, 0);
  finishBlock(target, block, PAX_FLAG, sum);
}

/** @param sum of all bytes that the block has so far */
function finishBlock(target: Uint8Array, block: number, flag: number, sum: number): void {
  target[block + FIELDS.type.at] = flag;
  const magic = writeChars(target, block + FIELDS.magic.at, MAGIC_AND_VERSION, 0, MAGIC_AND_VERSION.length);
  // Six digits, NUL, space: the field alone of all is written like this. It is summed as if it were eight spaces.
  writeDigits(target, block + FIELDS.checksum.at, 6, sum + flag + magic + 8 * 0x20);
  target[block + FIELDS.checksum.at + 7] = 0x20;
}

/**
 * Where a name that is too long for its field is parted into prefix and name: the index of the last `/` that leaves at most
 * 155 bytes before it. 0 if the name fits as it is, or cannot be parted.
 */
function splitName(name: string): number {
  if (name.length <= FIELDS.name.size) return 0;
  let end = name.length;
  if (end > FIELDS.prefix.size + 1) end = FIELDS.prefix.size + 1;
  else if (name.endsWith("/")) end--;
  const slash = name.lastIndexOf("/", end - 1);
  const rest = name.length - slash - 1;
  return slash > 0 && rest > 0 && rest <= FIELDS.name.size ? slash : 0;
}

/** Whether all bytes of the name are ASCII and none is NUL. */
function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80 || unit === 0) return false;
  }
  return true;
}

/** The ASCII characters of a text, for the fields of a block whose PAX header has the whole. */
function asciiOf(text: string): string {
  if (isAscii(text)) return text;
  let ascii = "";
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x80) ascii += text.charAt(i);
  return ascii;
}

function fitsText(field: Field, text: string | undefined): boolean {
  return text === undefined || (text.length <= field.size && isAscii(text));
}

function fitsOctal(field: Field, value: number): boolean {
  return value >= 0 && value < (field.size === 8 ? SEVEN_DIGITS : ELEVEN_DIGITS);
}

/** Writes ASCII text, cut at the field's end. @returns the sum of its bytes */
function writeText(target: Uint8Array, block: number, { at, size }: Field, text: string): number {
  const start = block + at;
  const sum = writeChars(target, start, text, 0, Math.min(text.length, size));
  if (text.length <= size || text.charAt(size - 1) !== "/") return sum;
  // Cut right after a slash, the name of a file would look like that of a directory.
  target[start + text.slice(0, size - 1).replace(/\/+$/, "").length] = 0;
  return sum - SLASH;
}

/** Writes the ASCII characters of a text from `from` up to `to`. @returns the sum of the bytes */
function writeChars(target: Uint8Array, at: number, text: string, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) {
    const character = text.charCodeAt(i);
    target[at + i - from] = character;
    sum += character;
  }
  return sum;
}

/** Writes digits and a NUL; zeros for what does not fit, as the PAX header has it then. @returns the sum of the bytes */
function writeOctal(target: Uint8Array, block: number, field: Field, value: number): number {
  return writeDigits(target, block + field.at, field.size - 1, fitsOctal(field, value) ? value : 0);
}

function writeNumber(target: Uint8Array, block: number, field: Field, value: number): number {
  if (fitsOctal(field, value)) return writeOctal(target, block, field, value);
  let sum = 0x80;
  let rest = value;
  for (let i = block + field.at + field.size - 1; i > block + field.at; i--) {
    const byte = rest % 256;
    target[i] = byte;
    sum += byte;
    rest = Math.floor(rest / 256);
  }
  target[block + field.at] = 0x80;
  return sum;
}

function writeDigits(target: Uint8Array, at: number, count: number, value: number): number {
  let sum = 0;
  // Sizes and times go beyond 32 bits; all other numbers are digits of the low part alone.
  let low = value % 0x40000000;
  let high = (value - low) / 0x40000000;
  for (let i = at + count - 1; i >= at; i--) {
    const digit = 0x30 + (low & 7);
    target[i] = digit;
    sum += digit;
    low >>>= 3;
    // Ten digits are in the low part.
    if (at + count - i === 10) {
      low = high;
      high = 0;
    }
  }
  return sum;
}
