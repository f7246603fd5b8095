import { type Fail, parseDecimal } from "./decode-field.ts";
import { decodeName } from "./names.ts";

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
const SPARSE_OFFSET = "GNU.sparse.offset";
const SPARSE_NUMBYTES = "GNU.sparse.numbytes";

/** The record that has the whole sparse map in version 0.1, and into which that of version 0.0 is turned. */
export const SPARSE_MAP = "GNU.sparse.map";

/** A C program reads these up to a NUL only, so another reader could see another name. */
const withoutNul: ReadonlySet<string> = new Set(["path", "linkpath", "uname", "gname"]);

/**
 * The records of a PAX header. Of a keyword that comes twice the last one counts. The sparse maps of version 0.0, whose records
 * repeat a pair of keywords, are joined to one record as in version 0.1. Fails at anything that is not a record.
 */
export function parsePaxRecords(bytes: Uint8Array, fail: Fail): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  const sparse: string[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const end = at + recordLength(bytes, at, fail);
    const space = bytes.indexOf(SPACE, at);
    const equals = bytes.indexOf(EQUALS, space);
    if (equals < 0 || equals >= end || bytes[end - 1] !== NEWLINE)
      throw fail("a record of its PAX header has no = or end");
    const keyword = decodeName(bytes.subarray(space + 1, equals));
    // A copy: the records may outlive the chunk they came in.
    const value = new Uint8Array(bytes.subarray(equals + 1, end - 1));
    if (keyword === "" || keyword.includes("\0") || (withoutNul.has(keyword) && value.includes(0))) {
      throw fail(`the record ${JSON.stringify(keyword.slice(0, 80))} of its PAX header is empty or has a NUL byte`);
    }
    if (keyword === SPARSE_OFFSET || keyword === SPARSE_NUMBYTES) {
      const expected = sparse.length % 2 === 0 ? SPARSE_OFFSET : SPARSE_NUMBYTES;
      if (keyword !== expected) throw fail("its sparse map is out of order");
      sparse.push(String(parseDecimal(decodeName(value), "sparse map", fail)));
    } else {
      records.set(keyword, value);
    }
    at = end;
  }
  if (sparse.length > 0) records.set(SPARSE_MAP, new TextEncoder().encode(sparse.join(",")));
  return records;
}

/** A PAX time: decimal seconds, rounded down to nanoseconds that count upwards. */
export function parsePaxTime(
  text: string,
  keyword: string,
  fail: Fail,
): { readonly seconds: number; readonly nanoseconds: number } {
  const point = text.indexOf(".");
  const whole = point < 0 ? text : text.slice(0, point);
  const fraction = point < 0 ? "" : text.slice(point + 1);
  if (!/^[0-9]*$/.test(fraction)) throw fail(`its ${keyword} is ${JSON.stringify(text.slice(0, 40))}, not a time`);
  const seconds = parseDecimal(whole, keyword, fail);
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (nanoseconds === 0 || !whole.startsWith("-")) return { seconds, nanoseconds };
  return { seconds: seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}

/** Bytes of the record that begins at `at`, its length field among them. */
function recordLength(bytes: Uint8Array, at: number, fail: Fail): number {
  let length = 0;
  let i = at;
  for (; bytes[i] !== SPACE; i++) {
    const digit = (bytes[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) throw fail("a record of its PAX header does not begin with its length");
    length = length * 10 + digit;
    if (length > bytes.byteLength) break;
  }
  // At least a space, one letter, an equals sign and a newline follow the digits.
  if (length > bytes.byteLength - at || length < i - at + 4)
    throw fail("a record of its PAX header has a wrong length");
  return length;
}
