import { type ByteSource, chunksOf, concatBytes } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import { gunzip } from "./gunzip.ts";
import { unzstd } from "./unzstd.ts";

/** A compression that is told by how the bytes begin. `uncompressed`: none of the others. */
export type Compression = "gzip" | "zstd" | "bzip2" | "xz" | "uncompressed";

/** Bytes that {@link detectCompression} looks at. */
const MAGIC_SIZE = 10;

/**
 * How these bytes are compressed, by their beginning.
 * @param bytes the first 10 bytes or more, fewer only if there are no more
 */
export function detectCompression(bytes: Uint8Array): Compression {
  const begins = (...magic: number[]): boolean => magic.every((byte, at) => bytes[at] === byte);
  if (begins(0x1f, 0x8b, 0x08)) return "gzip";
  if (begins(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  // A skippable frame, 0x184D2A50 … 0x184D2A5F, may come first (RFC 8878, section 3.1.2).
  if (((bytes[0] ?? 0) & 0xf0) === 0x50 && bytes[1] === 0x2a && bytes[2] === 0x4d && bytes[3] === 0x18) return "zstd";
  if (begins(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  // `BZh`, the level, and pi: a tar may well begin with a file named BZh.
  if (begins(0x42, 0x5a, 0x68, bytes[3] ?? 0, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59)) return "bzip2";
  return "uncompressed";
}

/**
 * Decompresses whatever the beginning says it is: gzip, zstd, or nothing at all.
 * @throws SlipwayError `UNSUPPORTED` for xz and bzip2; `INVALID_COMPRESSION` and `UNSUPPORTED` as `gunzip` and `unzstd` do
 */
export async function* decompress(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = chunksOf(source);
  try {
    const first: Uint8Array[] = [];
    let size = 0;
    while (size < MAGIC_SIZE) {
      const { done, value } = await chunks.next();
      if (done === true) break;
      first.push(value);
      size += value.byteLength;
    }
    const compression = detectCompression(concatBytes(first.map((chunk) => chunk.subarray(0, MAGIC_SIZE))));
    const whole = chain(first, chunks);
    if (compression === "gzip") yield* gunzip(whole);
    else if (compression === "zstd") yield* unzstd(whole);
    else if (compression === "uncompressed") yield* whole;
    else throw unsupported(compression);
  } finally {
    await chunks.return();
  }
}

async function* chain(
  first: readonly Uint8Array[],
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* first;
  yield* rest;
}

function unsupported(compression: Compression): SlipwayError {
  return new SlipwayError(
    "UNSUPPORTED",
    `Cannot decompress: the data is compressed with ${compression}, and only gzip and zstd are known; recompress it with gzip`,
  );
}
