import { SlipwayError } from "../errors.ts";
import { BLOCK_SIZE, checksumOf, FIELDS, paddingOf } from "../tar/block.ts";
import { parseNumber, parseOctal } from "../tar/decode-field.ts";
import { parsePaxRecords } from "../tar/parse-pax.ts";

/** As much of a tar header as cutting needs. */
export interface EntryGlance {
  /** What follows the header: contents of an entry, or something that belongs to the header that comes after it. */
  readonly kind: "entry" | "pax" | "long name";
  /** Bytes that follow, with padding. */
  readonly size: number;
  /** A GNU sparse file whose map goes on in blocks of its own, before its contents. */
  readonly moreSparse: boolean;
}

const PAX = "x".charCodeAt(0);
const GLOBAL_PAX = "g".charCodeAt(0);
const LONG_NAME = "L".charCodeAt(0);
const LONG_LINK = "K".charCodeAt(0);
const SPARSE = "S".charCodeAt(0);
const NEWLINE = "\n".charCodeAt(0);
/** Where such a file's header says that its map goes on, and where a block of the map says so (GNU tar's manual, "Basic Tar Format"). */
const SPARSE_MORE_AT = 482;
const SPARSE_BLOCK_MORE_AT = 504;

/** Looks at the header at `at`; undefined if there is none. */
export function glanceAtHeader(bytes: Uint8Array, at: number): EntryGlance | undefined {
  const block = bytes.subarray(at, at + BLOCK_SIZE);
  const sum = parseOctal(block, FIELDS.checksum);
  const actual = checksumOf(block, 0);
  if (sum !== actual.unsigned && sum !== actual.signed) return undefined;
  const size = parseNumber(block, FIELDS.size);
  if (size === undefined || size < 0) return undefined;
  const type = block[FIELDS.type.at] ?? 0;
  const stored = isWithoutContent(type) ? 0 : size + paddingOf(size);
  const kind =
    type === PAX || type === GLOBAL_PAX ? "pax" : type === LONG_NAME || type === LONG_LINK ? "long name" : "entry";
  return { kind, size: stored, moreSparse: type === SPARSE && block[SPARSE_MORE_AT] !== 0 };
}

/** Whether one more block of a sparse file's map follows the one at `at`. */
export function hasMoreSparse(bytes: Uint8Array, at: number): boolean {
  return bytes[at + SPARSE_BLOCK_MORE_AT] !== 0;
}

/** Links, devices, directories and FIFOs have no content, whatever their size field says. */
function isWithoutContent(type: number): boolean {
  return type >= 0x31 && type <= 0x36;
}

/** The size that a PAX header gives to the entry after it, with padding; undefined if it gives none. */
export function sizeOfPax(bytes: Uint8Array): number | undefined {
  try {
    // Each record ends with a newline, and values may have zeros: what follows the last newline is padding.
    const records = parsePaxRecords(
      bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1),
      (reason) => new SlipwayError("INVALID_TAR", reason),
    );
    const size = Number(new TextDecoder().decode(records.get("size") ?? new Uint8Array(0)) || Number.NaN);
    return Number.isSafeInteger(size) && size >= 0 ? size + paddingOf(size) : undefined;
  } catch {
    // Whoever reads the tar complains of it; here it is only cut at other places.
    return undefined;
  }
}

/** A number of 32 bits that depends on all bytes of the name in the header at `at`, evenly distributed. */
export function hashOfName(bytes: Uint8Array, at: number): number {
  let hash = 0x811c9dc5 | 0;
  const { name, prefix } = FIELDS;
  for (const field of [name, prefix]) {
    const end = at + field.at + field.size;
    // The rest of the field is padding.
    for (let i = at + field.at; i < end && bytes[i] !== 0; i++)
      hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    hash = Math.imul(hash ^ 0xff, 0x01000193);
  }
  // FNV-1a leaves the upper bits of similar short names alike: they are mixed as in the end of MurmurHash3.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
