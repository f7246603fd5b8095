import type { ReopenableSource } from "../../../bytes.ts";
import { Fields } from "./fields.ts";
import { invalidZip, unsupportedZip } from "./invalid.ts";
import { readRange } from "./read-range.ts";

const END = 0x06054b50;
const END_SIZE = 22;
const END64 = 0x06064b50;
const END64_SIZE = 56;
const LOCATOR = 0x07064b50;
const LOCATOR_SIZE = 20;
/** Most bytes of the comment that may follow the end record. */
const COMMENT_LIMIT = 0xffff;

/** Where the central directory is. */
export interface CentralDirectoryPlace {
  /** Its first byte. */
  readonly offset: number;
  /** Its length in bytes. */
  readonly size: number;
  /** Number of entries. */
  readonly entries: number;
}

/**
 * Finds the central directory by the records at the end of a zip (APPNOTE.TXT, sections 4.3.14 to 4.3.16). What readers take in
 * two ways is refused: two possible ends, a directory that does not end where its end record begins, records that disagree.
 * @throws SlipwayError `INVALID_ZIP`, `UNSUPPORTED` for one of several parts
 */
export async function findCentralDirectory(
  source: ReopenableSource,
  signal: AbortSignal | undefined,
): Promise<CentralDirectoryPlace> {
  const tailSize = Math.min(source.size, LOCATOR_SIZE + END_SIZE + COMMENT_LIMIT);
  const tail = new Fields(await readRange(source, source.size - tailSize, tailSize, signal));
  const at = endRecord(tail);
  const position = source.size - tailSize + at;
  const parts = [tail.u16(at + 4), tail.u16(at + 6)];
  const onThisPart = tail.u16(at + 8);
  const entries = tail.u16(at + 10);
  const size = tail.u32(at + 12);
  const offset = tail.u32(at + 16);
  const saturated = [onThisPart, entries].includes(0xffff) || [size, offset].includes(0xffffffff);
  if (offset + size === position && !saturated) {
    if (parts.some((part) => part !== 0) || onThisPart !== entries) throw unsupportedZip("it is one of several parts");
    return { offset, size, entries };
  }
  const locator = at - LOCATOR_SIZE;
  if (locator < 0 || tail.u32(locator) !== LOCATOR) {
    if (parts.some((part) => part !== 0)) throw unsupportedZip("it is one of several parts");
    // Exactly 65535 entries need no more records, but look as if they did.
    if (offset + size === position && onThisPart === entries) return { offset, size, entries };
    throw invalidZip("its central directory does not end where its end record begins");
  }
  if (tail.u32(locator + 4) !== 0 || tail.u32(locator + 16) > 1) throw unsupportedZip("it is one of several parts");
  const place = await readEnd64(source, tail.u64(locator + 8), position - LOCATOR_SIZE, signal);
  const agrees =
    (entries === 0xffff || entries === place.entries) &&
    (size === 0xffffffff || size === place.size) &&
    (offset === 0xffffffff || offset === place.offset);
  if (!agrees) throw invalidZip("its two end records disagree");
  return place;
}

/** Where in the tail the end record is: the one whose comment reaches exactly to the end. */
function endRecord(tail: Fields): number {
  let found: number | undefined;
  for (let at = tail.bytes.byteLength - END_SIZE; at >= 0; at--) {
    if (tail.u32(at) !== END || at + END_SIZE + tail.u16(at + 20) !== tail.bytes.byteLength) continue;
    if (found !== undefined) throw invalidZip("it has two end records, and which one counts is not clear");
    found = at;
  }
  if (found === undefined) throw invalidZip("it has no end record: it is no zip, or truncated");
  return found;
}

async function readEnd64(
  source: ReopenableSource,
  offset: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<CentralDirectoryPlace> {
  if (offset + END64_SIZE !== end) throw invalidZip("its ZIP64 end record is not where it should be");
  const record = new Fields(await readRange(source, offset, END64_SIZE, signal));
  if (record.u32(0) !== END64 || record.u64(4) !== END64_SIZE - 12) throw invalidZip("its ZIP64 end record is damaged");
  const entries = record.u64(32);
  if (record.u32(16) !== 0 || record.u32(20) !== 0 || record.u64(24) !== entries) {
    throw unsupportedZip("it is one of several parts");
  }
  const place = { entries, size: record.u64(40), offset: record.u64(48) };
  if (place.offset + place.size !== offset) {
    throw invalidZip("its central directory does not end where its end record begins");
  }
  return place;
}
