import { Deflate } from "fflate";
import { type ByteSource, rechunk } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import { crc32 } from "./crc32.ts";

/** How {@link gzip} compresses. */
export interface GzipOptions {
  /** 0 (stored) … 9 (smallest), default 6. The level is part of what the bytes depend on. */
  readonly level?: number | undefined;
}

/** Level of all that is compressed without a level of its own. */
export const DEFAULT_GZIP_LEVEL = 6;

/** The engine's output depends on how its input is cut, so it is always cut like this. */
const PUSH_SIZE = 64 * 1024;

/** Most bytes of a stored block (RFC 1951, section 3.2.4). */
const STORED_SIZE = 65535;

/** Deflate, no flags, no time, no hint about the level, operating system unknown (RFC 1952, section 2.3). */
const HEADER = [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0xff] as const;

type Level = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** Makes deflate data of blocks of input. */
type Engine = (block: Uint8Array, last: boolean) => readonly Uint8Array[];

/**
 * Compresses to gzip (RFC 1952): one member, without name and time. The same bytes at the same level give the same output,
 * however the source is cut into chunks and wherever it runs.
 * @throws SlipwayError `INVALID_ARGUMENT` if the level is not a whole number from 0 to 9
 */
export function gzip(source: ByteSource, options: GzipOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
  const level = checkLevel(options.level ?? DEFAULT_GZIP_LEVEL);
  return compress(source, level);
}

async function* compress(source: ByteSource, level: Level): AsyncGenerator<Uint8Array, void, undefined> {
  const engine = level === 0 ? stored : deflater(level);
  let crc = 0;
  let size = 0;
  // The last block has to be marked, so each one waits for the next.
  let held: Uint8Array | undefined;
  yield Uint8Array.from(HEADER);
  // The deflater keeps nothing of a block, while a stored one is handed on as it is.
  const blocks = level === 0 ? rechunk(source, STORED_SIZE) : rechunk(source, PUSH_SIZE, 2);
  for await (const block of blocks) {
    crc = crc32(block, crc);
    size += block.byteLength;
    if (held !== undefined) yield* engine(held, false);
    held = block;
  }
  yield* engine(held ?? new Uint8Array(0), true);
  const trailer = new DataView(new ArrayBuffer(8));
  trailer.setUint32(0, crc, true);
  // The format keeps the size modulo 2^32, and so does `setUint32`.
  trailer.setUint32(4, size, true);
  yield new Uint8Array(trailer.buffer);
}

function deflater(level: Level): Engine {
  let output: Uint8Array[] = [];
  // Not the library's own gzip class: its header says that the operating system is Unix, and has a hint about the level.
  const deflate = new Deflate({ level }, (chunk) => {
    if (chunk.byteLength > 0) output.push(chunk);
  });
  return (block, last) => {
    output = [];
    deflate.push(block, last);
    return output;
  };
}

/** Level 0 without the library, whose streaming marks two blocks as the last one where the input ends after 65535 bytes. */
function stored(block: Uint8Array, last: boolean): readonly Uint8Array[] {
  const size = block.byteLength;
  const header = Uint8Array.of(last ? 1 : 0, size & 0xff, size >> 8, ~size & 0xff, (~size >> 8) & 0xff);
  return size === 0 ? [header] : [header, block];
}

function checkLevel(level: number): Level {
  if (Number.isInteger(level) && level >= 0 && level <= 9) return level as Level;
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot compress to gzip: the level is ${level}, not a whole number from 0 to 9`,
  );
}
