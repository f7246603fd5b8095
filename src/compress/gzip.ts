import type { ByteSource } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import type { BlockCache } from "./block-cache.ts";
import { type CompressPool, inThreadPool } from "./compress-pool.ts";
import { combineCrc32 } from "./crc32-combine.ts";
import { cutBlocks } from "./cut-blocks.ts";
import type { DeflateLevel } from "./deflate/index.ts";
import { deflateBlocks, type FreshBlock, type SourceBlock } from "./deflate-blocks.ts";
import { deflateByFflate, type MemberSum, store } from "./push-engines.ts";

/**
 * Who deflates. `slipway`: the engine of this package, in blocks that several workers can share and a cache can keep. `fflate`: the
 * library, in one stream.
 */
export type GzipEngine = "slipway" | "fflate";

/** How {@link gzip} compresses. What the bytes depend on are level and engine; all else is speed. */
export interface GzipOptions {
  /** 0 (stored) … 9 (smallest), default 6. */
  readonly level?: number | undefined;
  /** Default `slipway`. */
  readonly engine?: GzipEngine | undefined;
  /** Who deflates the blocks of `slipway`. Default: this thread. It stays open. */
  readonly pool?: CompressPool | undefined;
  /** Knows blocks of `slipway` from earlier times. Default none. */
  readonly cache?: BlockCache | undefined;
  /** Ends the work; the stream then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Level of all that is compressed without a level of its own. */
export const DEFAULT_GZIP_LEVEL = 6;

/** Deflate, no flags, no time, no hint about the level, operating system unknown (RFC 1952, section 2.3). */
const HEADER = [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0xff] as const;

/** A final block with fixed codes that has nothing but its end (RFC 1951, section 3.2.6): blocks before it need not know that they are the last. */
const END_OF_BLOCKS = [0x03, 0x00] as const;

/** The engines, for who has to check a name. */
export const GZIP_ENGINES: readonly GzipEngine[] = ["slipway", "fflate"];

/**
 * Compresses to gzip (RFC 1952): one member, without name and time. The same bytes at the same level by the same engine give the
 * same output, however the source is cut into chunks, wherever it runs, with any pool and any cache. Each chunk is an array of the
 * reader's own.
 *
 * The engine `slipway` cuts a tar at entries, and anything else into pieces, and deflates each block on its own.
 * @throws SlipwayError `INVALID_ARGUMENT` if the level is not a whole number from 0 to 9 or the engine is not known
 */
export function gzip(source: ByteSource, options: GzipOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
  const level = checkLevel(options.level ?? DEFAULT_GZIP_LEVEL);
  const engine = checkEngine(options.engine ?? "slipway");
  const sum: MemberSum = { crc32: 0, size: 0 };
  if (level === 0) return member(store(source, sum), sum, options.signal);
  if (engine === "fflate") return member(deflateByFflate(source, level, sum), sum, options.signal);
  return member(deflateInBlocks(freshBlocks(source), level, options, sum), sum, options.signal);
}

/**
 * The same of a tar that is in blocks already, as `cutBlocks` would cut it: by the engine `slipway`, at a level above 0.
 */
export function gzipBlocks(
  blocks: AsyncIterable<SourceBlock>,
  { level, ...options }: Omit<GzipOptions, "level" | "engine"> & { readonly level: DeflateLevel },
): AsyncGenerator<Uint8Array, void, undefined> {
  const sum: MemberSum = { crc32: 0, size: 0 };
  return member(deflateInBlocks(blocks, level, options, sum), sum, options.signal);
}

/** The level at which {@link gzip} would deflate blocks; undefined if it would not, or refuse. */
export function blockLevel(
  level: number = DEFAULT_GZIP_LEVEL,
  engine: GzipEngine = "slipway",
): DeflateLevel | undefined {
  return engine === "slipway" && Number.isInteger(level) && level >= 1 && level <= 9
    ? (level as DeflateLevel)
    : undefined;
}

async function* freshBlocks(source: ByteSource): AsyncGenerator<FreshBlock, void, undefined> {
  for await (const bytes of cutBlocks(source)) yield { bytes, byBytes: true };
}

async function* member(
  data: AsyncIterable<Uint8Array>,
  sum: MemberSum,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  yield Uint8Array.from(HEADER);
  for await (const chunk of data) {
    // What is done already is not wanted any more either.
    signal?.throwIfAborted();
    yield chunk;
  }
  signal?.throwIfAborted();
  const trailer = new DataView(new ArrayBuffer(8));
  trailer.setUint32(0, sum.crc32, true);
  // The format keeps the size modulo 2^32, and so does `setUint32`.
  trailer.setUint32(4, sum.size, true);
  yield new Uint8Array(trailer.buffer);
}

async function* deflateInBlocks(
  blocks: AsyncIterable<SourceBlock>,
  level: DeflateLevel,
  { pool = inThreadPool, cache, signal }: GzipOptions,
  sum: MemberSum,
): AsyncGenerator<Uint8Array, void, undefined> {
  let offset = HEADER.length;
  for await (const { keys, ...block } of deflateBlocks(blocks, { level, pool, cache, signal })) {
    sum.crc32 = combineCrc32(sum.crc32, block.crc32, block.size);
    sum.size += block.size;
    for (const key of keys) cache?.note(key, offset, block);
    offset += block.data.byteLength;
    yield block.data;
  }
  yield Uint8Array.from(END_OF_BLOCKS);
}

function checkLevel(level: number): 0 | DeflateLevel {
  if (Number.isInteger(level) && level >= 0 && level <= 9) return level as 0 | DeflateLevel;
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot compress to gzip: the level is ${level}, not a whole number from 0 to 9`,
  );
}

function checkEngine(engine: GzipEngine): GzipEngine {
  if (GZIP_ENGINES.includes(engine)) return engine;
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot compress to gzip: the engine ${JSON.stringify(engine)} is not known; known are ${GZIP_ENGINES.join(" and ")}`,
  );
}
