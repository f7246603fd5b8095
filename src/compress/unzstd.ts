import type { ByteSource } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import { invalidZstd } from "./invalid.ts";
import { ZstdBlocks } from "./zstd-blocks.ts";
import { numberOf, ZstdInput } from "./zstd-input.ts";
import { BLOCK_LIMIT } from "./zstd-window.ts";

/** The largest window that is taken, in bytes: 128 MiB, what `zstd` itself reads without being told to, and what its highest level writes. */
export const ZSTD_WINDOW_LIMIT: number = 128 * 1024 * 1024;

const MAGIC = 0xfd2fb528;
/** Of skippable frames, whose last four bits are of free choice. */
const SKIPPABLE = 0x184d2a50;

/** A frame's header (RFC 8878, section 3.1.1.1), as far as it says something about the data. */
interface FrameHeader {
  /** Bytes that matches may reach back. */
  readonly windowSize: number;
  /** Bytes of the content, if it is said. */
  readonly contentSize: number | undefined;
  /** A checksum of four bytes follows the last block. */
  readonly checksum: boolean;
}

/**
 * Decompresses zstd (RFC 8878): frames one after the other, skippable ones among them, each to its very end. Memory is bounded by
 * the windows of the frames, of which those beyond {@link ZSTD_WINDOW_LIMIT} are refused.
 *
 * Content checksums (XXH64) are passed over, not verified: layers have their diffID, which says more.
 * @throws SlipwayError `INVALID_COMPRESSION`: not zstd, truncated, damaged, or followed by something else; `UNSUPPORTED`: a window
 *   that is too large, or a dictionary
 */
export async function* unzstd(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new ZstdInput(source);
  try {
    for (let frame = 1; frame === 1 || (await input.hasMore()); frame++) {
      const magic = await input.number(4);
      if (magic === MAGIC) yield* readFrame(input, frame);
      else if (Math.floor(magic / 16) === SKIPPABLE / 16) await input.skip(await input.number(4));
      else throw invalidZstd(frame === 1 ? "it does not begin as zstd does" : "something else follows its end");
    }
  } finally {
    await input.close();
  }
}

async function* readFrame(input: ZstdInput, frame: number): AsyncGenerator<Uint8Array, void, undefined> {
  const { windowSize, contentSize, checksum } = await readHeader(input);
  const blocks = new ZstdBlocks(windowSize);
  let size = 0;
  for (let last = false; !last; ) {
    const header = await input.number(3);
    last = (header & 1) === 1;
    const bytes = await readBlock(input, blocks, (header >> 1) & 3, header >> 3);
    size += bytes.byteLength;
    if (contentSize !== undefined && size > contentSize) break;
    if (bytes.byteLength > 0) yield bytes;
  }
  if (contentSize !== undefined && size !== contentSize) {
    throw invalidZstd(`frame ${frame} has ${size > contentSize ? "more" : "less"} than its ${contentSize} bytes`);
  }
  if (checksum) await input.skip(4);
}

async function readHeader(input: ZstdInput): Promise<FrameHeader> {
  const descriptor = await input.number(1);
  if ((descriptor & 8) !== 0) throw invalidZstd("its header has a flag that has no meaning");
  const singleSegment = (descriptor & 32) !== 0;
  const window = singleSegment ? undefined : await input.number(1);
  const dictionary = await input.number([0, 1, 2, 4][descriptor & 3] ?? 0);
  if (dictionary !== 0) {
    throw new SlipwayError(
      "UNSUPPORTED",
      `Cannot decompress zstd: it needs the dictionary ${dictionary}; recompress it without one`,
    );
  }
  const contentSize = await readContentSize(input, descriptor >> 6, singleSegment);
  const declared = window === undefined ? (contentSize ?? 0) : 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
  // Nothing can reach back further than to the beginning.
  const windowSize = Math.min(declared, Math.max(contentSize ?? declared, 1024));
  if (windowSize > ZSTD_WINDOW_LIMIT) {
    throw new SlipwayError(
      "UNSUPPORTED",
      `Cannot decompress zstd: it needs a window of ${windowSize} bytes, more than the ${ZSTD_WINDOW_LIMIT} that are allowed; recompress it without --long or with --long=27`,
    );
  }
  return { windowSize, contentSize, checksum: (descriptor & 4) !== 0 };
}

/** @param flag how many bytes it has: none or one, two, four, eight */
async function readContentSize(input: ZstdInput, flag: number, singleSegment: boolean): Promise<number | undefined> {
  if (flag === 0) return singleSegment ? await input.number(1) : undefined;
  if (flag === 1) return 256 + (await input.number(2));
  const size = numberOf(await input.take(flag === 2 ? 4 : 8));
  if (Number.isSafeInteger(size)) return size;
  throw invalidZstd(`a frame of it says that it has ${size} bytes`);
}

async function readBlock(input: ZstdInput, blocks: ZstdBlocks, type: number, size: number): Promise<Uint8Array> {
  if (size > BLOCK_LIMIT) throw invalidZstd(`a block of it has more than ${BLOCK_LIMIT} bytes`);
  if (type === 0) return blocks.raw(await input.take(size));
  if (type === 1) return blocks.repeated(await input.number(1), size);
  if (type === 2) return blocks.compressed(await input.take(size));
  throw invalidZstd("a block of it is of a type that has no meaning");
}
