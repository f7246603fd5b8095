import type { ReopenableSource } from "../../../bytes.ts";
import { crc32 } from "../../../compress/index.ts";
import { ByteReader } from "../../../tar/byte-reader.ts";
import { decodeName } from "../../../tar/names.ts";
import { shown } from "../entry-name.ts";
import { decodeCp437 } from "./cp437.ts";
import { type CentralDirectoryPlace, findCentralDirectory } from "./end-record.ts";
import { extraFields, Fields, OWNER, TIMESTAMP, UNICODE_PATH, ZIP64 } from "./fields.ts";
import { invalidZip } from "./invalid.ts";

const CENTRAL = 0x02014b50;
const CENTRAL_SIZE = 46;

/** The name is UTF-8. */
const UTF8 = 1 << 11;
/** Systems whose names are bytes and whose attributes have a Unix mode: Unix and macOS (APPNOTE.TXT, section 4.4.2). */
const UNIX_HOSTS: ReadonlySet<number> = new Set([3, 19]);

/** What the central directory says of an entry. */
export interface ZipEntry {
  /** Its path; a directory's without the `/` at the end. */
  readonly name: string;
  /** The name's bytes, for the comparison with the local header. */
  readonly rawName: Uint8Array;
  /** Its name ends in `/`. */
  readonly slash: boolean;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  /** Bytes in the zip. */
  readonly compressedSize: number;
  /** Bytes of the content. */
  readonly size: number;
  /** All bits of `st_mode`; undefined where the zip has none. */
  readonly unixMode: number | undefined;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Made on a Unix. */
  readonly unix: boolean;
  /** Where its local header is. */
  readonly offset: number;
  /** Bytes of extra fields, of which the local header has about as many. */
  readonly extraSize: number;
  /** Where the next entry, or the central directory, begins. */
  readonly end: number;
}

/**
 * The entries of a zip in the order in which they lie in it.
 * @throws SlipwayError `INVALID_ZIP` for a directory that is damaged, more entries than `entryLimit`, and entries that overlap;
 *   `UNSUPPORTED` for one of several parts
 */
export async function readCentralDirectory(
  source: ReopenableSource,
  entryLimit: number,
  signal: AbortSignal | undefined,
): Promise<readonly ZipEntry[]> {
  const place = await findCentralDirectory(source, signal);
  if (place.entries > entryLimit)
    throw invalidZip(`it has ${place.entries} entries, more than the ${entryLimit} that it may have`);
  if (place.entries * CENTRAL_SIZE > place.size) throw invalidZip("its central directory is too short for its entries");
  const entries = await readEntries(source, place, signal);
  entries.sort((a, b) => a.offset - b.offset);
  return entries.map((entry, i) => {
    const end = entries[i + 1]?.offset ?? place.offset;
    if (entry.offset + 30 + entry.rawName.byteLength + entry.compressedSize > end) {
      throw invalidZip(`its entry ${shown(entry.name)} overlaps with another one or with the central directory`);
    }
    return { ...entry, end };
  });
}

async function readEntries(
  source: ReopenableSource,
  place: CentralDirectoryPlace,
  signal: AbortSignal | undefined,
): Promise<Omit<ZipEntry, "end">[]> {
  const entries: Omit<ZipEntry, "end">[] = [];
  if (place.size === 0) return entries;
  const reader = new ByteReader(source.open({ offset: place.offset, length: place.size }), signal);
  try {
    while (reader.offset < place.size) {
      if (entries.length === place.entries) throw invalidZip("its central directory has more than its entries");
      const record = new Fields(await exactly(reader, CENTRAL_SIZE));
      if (record.u32(0) !== CENTRAL) throw invalidZip(`the record of its entry ${entries.length + 1} is damaged`);
      const name = (await exactly(reader, record.u16(28))).slice();
      const extra = await exactly(reader, record.u16(30));
      entries.push(entryOf(record, name, extra));
      await exactly(reader, record.u16(32));
    }
  } finally {
    await reader.close();
  }
  if (entries.length < place.entries) throw invalidZip("its central directory has fewer entries than its end says");
  return entries;
}

async function exactly(reader: ByteReader, size: number): Promise<Uint8Array> {
  const bytes = await reader.read(size);
  if (bytes.byteLength < size) throw invalidZip("its central directory is truncated");
  return bytes;
}

function entryOf(record: Fields, rawName: Uint8Array, extraBytes: Uint8Array): Omit<ZipEntry, "end"> {
  const flags = record.u16(8);
  const unix = UNIX_HOSTS.has(record.u8(5));
  const where = `its entry ${shown(decodeName(rawName))}`;
  const extra = extraFields(extraBytes, where);
  const path = nameOf(rawName, flags, unix, extra.get(UNICODE_PATH));
  const mode = unix ? record.u16(40) : 0;
  return {
    name: path.replace(/\/+$/, ""),
    rawName,
    slash: path.endsWith("/"),
    flags,
    method: record.u16(10),
    crc: record.u32(16),
    unixMode: mode === 0 ? undefined : mode,
    mtime: timestampOf(extra.get(TIMESTAMP)) ?? dosTime(record.u16(14), record.u16(12)),
    ...ownerOf(extra.get(OWNER)),
    unix,
    extraSize: extraBytes.byteLength,
    ...wideNumbers(record, extra.get(ZIP64), where),
  };
}

function nameOf(bytes: Uint8Array, flags: number, unix: boolean, unicodePath: Fields | undefined): string {
  if ((flags & UTF8) !== 0) return decodeName(bytes);
  if (unicodePath !== undefined && unicodePath.bytes.byteLength >= 5 && unicodePath.u8(0) === 1) {
    // It is of another name if somebody renamed the entry without knowing the field.
    if (unicodePath.u32(1) === crc32(bytes)) return decodeName(unicodePath.bytes.subarray(5));
  }
  return unix ? decodeName(bytes) : decodeCp437(bytes);
}

/** Sizes and offset; those that do not fit in 32 bits are in an extra field, in this order. */
function wideNumbers(
  record: Fields,
  zip64: Fields | undefined,
  where: string,
): Pick<ZipEntry, "size" | "compressedSize" | "offset"> {
  let at = 0;
  const wide = (value: number): number => {
    if (value !== 0xffffffff) return value;
    if (zip64 === undefined) return value;
    if (at + 8 > zip64.bytes.byteLength) throw invalidZip(`${where} has a ZIP64 field that is too short`);
    at += 8;
    return zip64.u64(at - 8);
  };
  const size = wide(record.u32(24));
  const compressedSize = wide(record.u32(20));
  const offset = wide(record.u32(42));
  const part = record.u16(34);
  if (part !== 0 && part !== 0xffff) throw invalidZip(`${where} is in another part`);
  return { size, compressedSize, offset };
}

function timestampOf(field: Fields | undefined): number | undefined {
  if (field === undefined || field.bytes.byteLength < 5 || (field.u8(0) & 1) === 0) return undefined;
  return field.i32(1);
}

/** The time that every entry has, in seconds since 1970. It is of no time zone: here it is taken for UTC, the same everywhere. */
function dosTime(date: number, time: number): number {
  const year = 1980 + (date >> 9);
  const month = Math.max(1, (date >> 5) & 15);
  const day = Math.max(1, date & 31);
  return Date.UTC(year, month - 1, day, time >> 11, (time >> 5) & 63, (time & 31) * 2) / 1000;
}

/** Version 1, then the user's and the group's number, each after its length. */
function ownerOf(field: Fields | undefined): { readonly uid: number; readonly gid: number } {
  const bytes = field?.bytes ?? new Uint8Array(0);
  const uidSize = bytes[1] ?? 0;
  const gidSize = bytes[2 + uidSize] ?? 0;
  if (bytes[0] !== 1 || bytes.byteLength < 3 + uidSize + gidSize) return { uid: 0, gid: 0 };
  const number = (from: number, size: number): number => {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[from + i] ?? 0);
    return value;
  };
  return { uid: number(2, uidSize), gid: number(3 + uidSize, gidSize) };
}
