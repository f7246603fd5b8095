import type { DeflateLevel } from "../compress/deflate/index.ts";
import { usesPureHasher } from "../hash/host.ts";
import { hostHasher, subtleDigest } from "../hash/index.ts";
import { FORMAT } from "./blob-records.ts";

/** Where a block lies in a layer, and what is to be known of it to use it again. */
export interface RecordedBlock {
  /** What it is found by: a {@link keyOf} the bytes that went in, or a {@link recipeKeyOf} what they were made of. */
  readonly key: string;
  /** What the deflated data is verified by: a {@link checkOf} it. */
  readonly check: string;
  /** First byte of the deflated data in the layer's blob. */
  readonly offset: number;
  /** Bytes of deflated data. */
  readonly dataSize: number;
  /** Bytes that went in. */
  readonly size: number;
  /** CRC-32 of the bytes that went in. */
  readonly crc32: number;
}

/** The blocks of one layer. */
export interface BlockRecord {
  /** Larger than that of all records that were there when this one was made: the smallest one is the oldest. */
  readonly sequence: number;
  /** In the order of their offsets. */
  readonly blocks: readonly RecordedBlock[];
}

/** What a record's bytes are; `foreign`: of a later version of this package, for which it may be right. */
export type ParsedRecord = BlockRecord | "foreign" | "useless";

/** "blks"; after it come the format, two bytes of nothing and the sequence number. All numbers are big-endian. */
const MAGIC = 0x626c6b73;
const HEADER_SIZE = 16;
/** Level and SHA-256. */
const KEY_SIZE = 1 + 32;
const CHECK_SIZE = 16;
const NUMBERS_SIZE = 8 + 4 + 4 + 4;
const BLOCK_SIZE: number = KEY_SIZE + CHECK_SIZE + NUMBERS_SIZE;

/** The level, and the SHA-256 of the bytes; one character for each byte. */
export async function keyOf(bytes: Uint8Array, level: DeflateLevel): Promise<string> {
  return String.fromCharCode(level, ...(await subtleDigest("sha256", bytes)));
}

/** The level, and a SHA-256 that says what the bytes are made of; one character for each byte. */
export function recipeKeyOf(recipe: Uint8Array, level: DeflateLevel): string {
  return String.fromCharCode(level, ...recipe);
}

/** The first half of the SHA-256 of the bytes, for which nobody finds others; one character for each byte. */
export async function checkOf(bytes: Uint8Array): Promise<string> {
  const hash = usesPureHasher() ? await subtleDigest("sha256", bytes) : hashOf(bytes);
  return String.fromCharCode(...hash.subarray(0, CHECK_SIZE));
}

/** By a fast engine of the host: data that was deflated is small enough for that to take less time than a call of the other one. */
function hashOf(bytes: Uint8Array): Uint8Array {
  const hasher = hostHasher("sha256");
  hasher.update(bytes);
  return hasher.digest();
}

/** A record as bytes, a check of all others at their end. */
export async function packRecord({ sequence, blocks }: BlockRecord): Promise<Uint8Array> {
  const end = HEADER_SIZE + blocks.length * BLOCK_SIZE;
  const bytes = new Uint8Array(end + CHECK_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint16(4, FORMAT);
  view.setBigUint64(8, BigInt(sequence));
  let at = HEADER_SIZE;
  for (const { key, check, offset, dataSize, size, crc32 } of blocks) {
    setCharacters(bytes, at, key);
    setCharacters(bytes, at + KEY_SIZE, check);
    const numbers = at + KEY_SIZE + CHECK_SIZE;
    view.setBigUint64(numbers, BigInt(offset));
    view.setUint32(numbers + 8, dataSize);
    view.setUint32(numbers + 12, size);
    view.setUint32(numbers + 16, crc32);
    at += BLOCK_SIZE;
  }
  setCharacters(bytes, end, await checkOf(bytes.subarray(0, end)));
  return bytes;
}

/** A record as it was packed, if nothing of it has changed since. */
export async function parseRecord(bytes: Uint8Array): Promise<ParsedRecord> {
  const end = bytes.byteLength - CHECK_SIZE;
  if (end < HEADER_SIZE || (await checkOf(bytes.subarray(0, end))) !== characters(bytes, end, CHECK_SIZE)) {
    return "useless";
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== MAGIC) return "useless";
  const format = view.getUint16(4);
  if (format !== FORMAT) return format > FORMAT ? "foreign" : "useless";
  if ((end - HEADER_SIZE) % BLOCK_SIZE !== 0) return "useless";
  const blocks: RecordedBlock[] = [];
  for (let at = HEADER_SIZE; at < end; at += BLOCK_SIZE) {
    const numbers = at + KEY_SIZE + CHECK_SIZE;
    blocks.push({
      key: characters(bytes, at, KEY_SIZE),
      check: characters(bytes, at + KEY_SIZE, CHECK_SIZE),
      offset: Number(view.getBigUint64(numbers)),
      dataSize: view.getUint32(numbers + 8),
      size: view.getUint32(numbers + 12),
      crc32: view.getUint32(numbers + 16),
    });
  }
  return { sequence: Number(view.getBigUint64(8)), blocks };
}

function setCharacters(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

function characters(bytes: Uint8Array, at: number, size: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + size));
}
