import { BLOCK_SIZE, type Field } from "./block.ts";
import { type Fail, parseDecimal, readNumber } from "./decode-field.ts";
import { decodeName } from "./names.ts";
import { SPARSE_MAP } from "./parse-pax.ts";

/** A part of a sparse file whose bytes are in the archive. Between such parts there are zeros. */
export interface SparsePart {
  readonly offset: number;
  readonly size: number;
}

/** Reads the next block of the archive; fails where it ends. */
export type ReadBlock = () => Promise<Uint8Array>;

const OLD_GNU_SIZE: Field = { label: "real size", at: 483, size: 12 };
const ENTRY_SIZE = 24;
const NEWLINE = 0x0a;

/** Size of the expanded file in an old GNU sparse header (type `S`). */
export function oldGnuSparseSize(block: Uint8Array, fail: Fail): number {
  return readNumber(block, OLD_GNU_SIZE, fail);
}

/**
 * The map of an old GNU sparse header (type `S`): four entries in the header block, and 21 in each extension block that follows.
 * @param limit most bytes of extension blocks
 */
export async function readOldGnuMap(
  header: Uint8Array,
  readBlock: ReadBlock,
  limit: number,
  fail: Fail,
): Promise<SparsePart[]> {
  const parts: SparsePart[] = [];
  let extended = readMapEntries(header, 386, 4, parts, fail);
  for (let read = 0; extended; read += BLOCK_SIZE) {
    if (read >= limit) throw fail(`its sparse map is longer than ${limit} bytes`);
    extended = readMapEntries(await readBlock(), 0, 21, parts, fail);
  }
  return parts;
}

/** The map in the PAX records of versions 0.0 (joined by the parser) and 0.1. */
export function readMapRecord(records: ReadonlyMap<string, Uint8Array>, fail: Fail): SparsePart[] {
  const map = textOf(records, SPARSE_MAP);
  const numbers = map === "" ? [] : map.split(",").map((text) => parseDecimal(text, "sparse map", fail));
  const count = parseDecimal(textOf(records, "GNU.sparse.numblocks"), "number of sparse parts", fail);
  if (numbers.length !== 2 * count) throw fail(`its sparse map has ${numbers.length} numbers for ${count} parts`);
  return pairs(numbers);
}

/**
 * The map of version 1.0, which comes before the content: the number of parts, then offset and size of each, in decimal with a
 * newline after each number, padded to whole blocks.
 * @param limit most bytes of the map
 */
export async function readMapBlocks(readBlock: ReadBlock, limit: number, fail: Fail): Promise<SparsePart[]> {
  const numbers: number[] = [];
  let text = "";
  let wanted = 1;
  for (let read = 0; numbers.length < wanted; ) {
    read += BLOCK_SIZE;
    if (read > limit) throw fail(`its sparse map is longer than ${limit} bytes`);
    for (const byte of await readBlock()) {
      if (numbers.length === wanted) break;
      if (byte !== NEWLINE) {
        text += String.fromCharCode(byte);
        if (text.length > 20) throw fail("its sparse map is not made of numbers");
        continue;
      }
      numbers.push(parseDecimal(text, "sparse map", fail));
      text = "";
      if (numbers.length === 1) {
        const count = numbers[0] ?? 0;
        if (count < 0) throw fail(`its sparse map has ${count} parts`);
        wanted = 1 + 2 * count;
      }
    }
  }
  return pairs(numbers.slice(1));
}

/**
 * Fails unless the parts follow each other, lie within the file and are as long together as what the archive holds of it.
 * @param size bytes of the expanded file
 * @param stored bytes of content in the archive
 */
export function checkSparseMap(parts: readonly SparsePart[], size: number, stored: number, fail: Fail): void {
  if (size < 0) throw fail(`its real size is ${size}`);
  let end = 0;
  let sum = 0;
  for (const part of parts) {
    if (part.offset < end || part.size < 0) throw fail("the parts of its sparse map overlap or are out of order");
    end = part.offset + part.size;
    if (end > size) throw fail(`its sparse map goes beyond its size of ${size} bytes`);
    sum += part.size;
  }
  if (sum !== stored) throw fail(`its sparse map accounts for ${sum} bytes, but the archive has ${stored}`);
}

/** A record's value as text, empty if there is none. */
export function textOf(records: ReadonlyMap<string, Uint8Array>, keyword: string): string {
  const value = records.get(keyword);
  return value === undefined ? "" : decodeName(value);
}

/** Whether another block of entries follows. */
function readMapEntries(block: Uint8Array, at: number, count: number, parts: SparsePart[], fail: Fail): boolean {
  for (let i = 0; i < count; i++) {
    const offset: Field = { label: "sparse offset", at: at + i * ENTRY_SIZE, size: 12 };
    // An empty field ends the list, here and for every other reader.
    if (block[offset.at] === 0) break;
    const size: Field = { label: "sparse size", at: offset.at + 12, size: 12 };
    parts.push({ offset: readNumber(block, offset, fail), size: readNumber(block, size, fail) });
  }
  return (block[at + count * ENTRY_SIZE] ?? 0) > 0;
}

function pairs(numbers: readonly number[]): SparsePart[] {
  const parts: SparsePart[] = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) parts.push({ offset: numbers[i] ?? 0, size: numbers[i + 1] ?? 0 });
  return parts;
}
