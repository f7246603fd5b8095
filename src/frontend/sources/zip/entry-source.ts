import { type ByteRange, bytesEqual, chunksOf, type ReopenableSource } from "../../../bytes.ts";
import { crc32 } from "../../../compress/index.ts";
import { Inflater } from "../../../compress/inflate.ts";
import { resolveRange } from "../../../content/range.ts";
import type { NamedSource } from "../../../content/references.ts";
import { isSlipwayError } from "../../../errors.ts";
import { shown } from "../entry-name.ts";
import type { ZipEntry } from "./central-directory.ts";
import { extraFields, Fields, ZIP64 } from "./fields.ts";
import { invalidZip, unsupportedZip } from "./invalid.ts";
import { readRange } from "./read-range.ts";

const LOCAL = 0x04034b50;
const LOCAL_SIZE = 30;
const STORED = 0;
const DEFLATED = 8;

const ENCRYPTED = (1 << 0) | (1 << 6) | (1 << 13);
const PATCH = 1 << 5;
/** Checksum and sizes follow the content. */
const DESCRIPTOR = 1 << 3;
/** Flags that must be the same in both headers. */
const AGREED = ENCRYPTED | PATCH | (1 << 11);

/** Extra fields of the local header may be some bytes longer than those of the central directory. */
const EXTRA_ROOM = 64;

/**
 * The content of an entry, found and unpacked each time it is read. Reading it to the end checks size and CRC-32; its local header is
 * compared with the central directory, so that no reader sees another content.
 * @throws SlipwayError when it is read: `INVALID_ZIP`; `UNSUPPORTED` for encryption and unknown methods
 */
export function entrySource(zip: ReopenableSource, entry: ZipEntry): NamedSource {
  return { size: entry.size, name: `zip entry ${shown(entry.name)}`, open: (range) => read(zip, entry, range) };
}

async function* read(
  zip: ReopenableSource,
  entry: ZipEntry,
  range: ByteRange | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const what = `its entry ${shown(entry.name)}`;
  checkReadable(entry, what);
  const { start, end } = resolveRange(entry.size, range, what);
  const offset = await contentOffset(zip, entry, what);
  const packed = exactly(zip.open({ offset, length: entry.compressedSize }), entry.compressedSize, what);
  const content = entry.method === STORED ? packed : inflated(packed, what);
  let position = 0;
  let crc = 0;
  for await (const chunk of content) {
    const before = position;
    position += chunk.byteLength;
    if (position > entry.size) throw invalidZip(`${what} has more than the ${entry.size} bytes that it says it has`);
    crc = crc32(chunk, crc);
    const part = chunk.subarray(Math.max(0, start - before), Math.max(0, end - before));
    if (part.byteLength > 0) yield part;
    if (position >= end && end < entry.size) return;
  }
  if (position < entry.size) throw invalidZip(`${what} has ${position} bytes instead of ${entry.size}`);
  if (crc !== entry.crc) throw invalidZip(`the CRC-32 of ${what.slice(4)} is wrong: it is damaged`);
}

function checkReadable(entry: ZipEntry, what: string): void {
  if ((entry.flags & ENCRYPTED) !== 0) throw unsupportedZip(`${what} is encrypted`);
  if ((entry.flags & PATCH) !== 0) throw unsupportedZip(`${what} is a patch`);
  if (entry.method !== STORED && entry.method !== DEFLATED) {
    throw unsupportedZip(
      `${what} is packed with method ${entry.method}, and only stored and deflated ones can be read`,
    );
  }
  if (entry.method === STORED && entry.compressedSize !== entry.size) {
    throw invalidZip(`${what} is stored, but has two sizes`);
  }
}

/** Checks the local header. @returns where the content begins */
async function contentOffset(zip: ReopenableSource, entry: ZipEntry, what: string): Promise<number> {
  const guess = Math.min(
    LOCAL_SIZE + entry.rawName.byteLength + entry.extraSize + EXTRA_ROOM,
    entry.end - entry.offset,
  );
  const header = new Fields(await readRange(zip, entry.offset, guess));
  if (header.u32(0) !== LOCAL) throw invalidZip(`${what} is not where the central directory says`);
  const nameEnd = LOCAL_SIZE + header.u16(26);
  const contentStart = nameEnd + header.u16(28);
  if (entry.offset + contentStart + entry.compressedSize > entry.end) {
    throw invalidZip(`${what} overlaps with another one or with the central directory`);
  }
  const whole = contentStart <= guess ? header : new Fields(await readRange(zip, entry.offset, contentStart));
  const flags = whole.u16(6);
  const same =
    bytesEqual(whole.bytes.subarray(LOCAL_SIZE, nameEnd), entry.rawName) &&
    whole.u16(8) === entry.method &&
    (flags & AGREED) === (entry.flags & AGREED);
  if (!same || !agrees(whole, entry, nameEnd, contentStart, what)) {
    throw invalidZip(`${what} is another one in its local header than in the central directory`);
  }
  return entry.offset + contentStart;
}

/** Whether checksum and sizes of the local header are those of the central directory, or are left for the descriptor. */
function agrees(header: Fields, entry: ZipEntry, nameEnd: number, contentStart: number, what: string): boolean {
  const zip64 = extraFields(header.bytes.subarray(nameEnd, contentStart), what).get(ZIP64);
  const wide = (value: number, at: number): number =>
    value === 0xffffffff && zip64 !== undefined && zip64.bytes.byteLength >= at + 8 ? zip64.u64(at) : value;
  const said: readonly (readonly [number, number])[] = [
    [header.u32(14), entry.crc],
    [wide(header.u32(18), 8), entry.compressedSize],
    [wide(header.u32(22), 0), entry.size],
  ];
  const later = ((header.u16(6) | entry.flags) & DESCRIPTOR) !== 0;
  return said.every(([local, central]) => local === central || (later && local === 0));
}

async function* exactly(
  source: AsyncIterable<Uint8Array>,
  size: number,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = size;
  for await (const chunk of chunksOf(source)) {
    left -= chunk.byteLength;
    yield chunk;
  }
  if (left !== 0) throw invalidZip(`${what} is truncated`);
}

async function* inflated(packed: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Uint8Array, void, undefined> {
  const inflater = new Inflater();
  try {
    for await (const chunk of packed) {
      if (inflater.done) throw invalidZip(`${what} goes on after its end`);
      yield* inflater.push(chunk);
    }
  } catch (error) {
    if (!isSlipwayError(error, "INVALID_COMPRESSION")) throw error;
    throw invalidZip(`${what} is damaged`, error);
  }
  if (!inflater.done || inflater.rest.byteLength > 0)
    throw invalidZip(`${what} is packed in fewer or more bytes than it says`);
}
