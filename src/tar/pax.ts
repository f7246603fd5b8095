import { encodeName } from "./names.ts";

/** PAX records by keyword. Keywords are strings as {@link encodeName} takes them, values are bytes. */
export type PaxRecords = ReadonlyMap<string, Uint8Array>;

/** Begins the keyword of an extended attribute whose value is raw bytes (star, GNU tar, libarchive, Go). */
export const SCHILY_XATTR = "SCHILY.xattr.";
/** Begins the keyword of an extended attribute whose name is percent-encoded and whose value is base64 (libarchive). */
export const LIBARCHIVE_XATTR = "LIBARCHIVE.xattr.";
/** Begins the keywords that describe a sparse file. */
export const GNU_SPARSE = "GNU.sparse.";
/** Device numbers beyond the header's fields (star, libarchive). */
export const SCHILY_DEVICE_MAJOR = "SCHILY.devmajor";
export const SCHILY_DEVICE_MINOR = "SCHILY.devminor";

const fieldKeywords: ReadonlySet<string> = new Set([
  "path",
  "linkpath",
  "size",
  "uid",
  "gid",
  "uname",
  "gname",
  "mtime",
  SCHILY_DEVICE_MAJOR,
  SCHILY_DEVICE_MINOR,
]);

/** Whether a field of `TarHeader` stands for the record, so that it is not among its `pax`. */
export function isFieldRecord(keyword: string): boolean {
  return (
    fieldKeywords.has(keyword) ||
    keyword.startsWith(SCHILY_XATTR) ||
    keyword.startsWith(LIBARCHIVE_XATTR) ||
    keyword.startsWith(GNU_SPARSE)
  );
}

/** One record: `LENGTH KEYWORD=VALUE\n`, where LENGTH counts itself too (POSIX.1-2024, pax Extended Header). */
export function encodePaxRecord(keyword: string, value: Uint8Array): Uint8Array {
  const key = encodeName(keyword);
  const rest = key.byteLength + value.byteLength + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length++;
  const record = new Uint8Array(length);
  const digits = String(length);
  for (let i = 0; i < digits.length; i++) record[i] = digits.charCodeAt(i);
  let at = digits.length;
  record[at++] = 0x20;
  record.set(key, at);
  at += key.byteLength;
  record[at++] = 0x3d;
  record.set(value, at);
  record[length - 1] = 0x0a;
  return record;
}

/** A time as decimal seconds without trailing zeros. `nanoseconds` count upwards from `seconds`, also below zero. */
export function formatPaxTime(seconds: number, nanoseconds: number): string {
  if (nanoseconds === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -(seconds + 1) : seconds;
  const fraction = negative ? 1_000_000_000 - nanoseconds : nanoseconds;
  const digits = String(fraction).padStart(9, "0").replace(/0+$/, "");
  return `${negative ? "-" : ""}${whole}.${digits}`;
}
