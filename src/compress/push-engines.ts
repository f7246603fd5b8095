import { Deflate } from "fflate";
import { type ByteSource, rechunk } from "../bytes.ts";
import { crc32 } from "./crc32.ts";
import type { DeflateLevel } from "./deflate/index.ts";

/** What is known of the bytes that went in, once all have. */
export interface MemberSum {
  crc32: number;
  /** Bytes. */
  size: number;
}

/** Makes deflate data of a piece of input. */
type Engine = (piece: Uint8Array, last: boolean) => readonly Uint8Array[];

/** fflate's output depends on how its input is cut, so it is always cut like this. */
const PUSH_SIZE = 64 * 1024;

/** Most bytes of a stored block (RFC 1951, section 3.2.4). */
const STORED_SIZE = 65535;

/** Deflate data by fflate, one stream over all input. */
export function deflateByFflate(source: ByteSource, level: DeflateLevel, sum: MemberSum): AsyncGenerator<Uint8Array> {
  let output: Uint8Array[] = [];
  // Not the library's own gzip class: its header says that the operating system is Unix, and has a hint about the level.
  const deflate = new Deflate({ level }, (chunk) => {
    if (chunk.byteLength > 0) output.push(chunk);
  });
  // The deflater keeps nothing of a piece.
  return push(rechunk(source, PUSH_SIZE, 2), sum, (piece, last) => {
    output = [];
    deflate.push(piece, last);
    return output;
  });
}

/** Deflate data of level 0: stored blocks, which are handed on as they are. */
export function store(source: ByteSource, sum: MemberSum): AsyncGenerator<Uint8Array> {
  return push(rechunk(source, STORED_SIZE), sum, storedBlock);
}

async function* push(
  pieces: AsyncIterable<Uint8Array>,
  sum: MemberSum,
  engine: Engine,
): AsyncGenerator<Uint8Array, void, undefined> {
  // The last piece has to be marked, so each one waits for the next.
  let held: Uint8Array | undefined;
  for await (const piece of pieces) {
    sum.crc32 = crc32(piece, sum.crc32);
    sum.size += piece.byteLength;
    if (held !== undefined) yield* engine(held, false);
    held = piece;
  }
  yield* engine(held ?? new Uint8Array(0), true);
}

function storedBlock(piece: Uint8Array, last: boolean): readonly Uint8Array[] {
  const size = piece.byteLength;
  const header = Uint8Array.of(last ? 1 : 0, size & 0xff, size >> 8, ~size & 0xff, (~size >> 8) & 0xff);
  return size === 0 ? [header] : [header, piece];
}
