/**
 * gzip and gunzip as streams, the same bytes in every runtime, reading of zstd, and decompression by what the data itself says
 * it is.
 *
 * @module
 */

export type { BlockCache } from "./block-cache.ts";
export { type CompressPool, type DeflateBlockOptions, type DeflatedBlock, inThreadPool } from "./compress-pool.ts";
export { crc32 } from "./crc32.ts";
export { type Compression, decompress, detectCompression } from "./decompress.ts";
export type { DeflateLevel } from "./deflate/index.ts";
export { gunzip } from "./gunzip.ts";
export { DEFAULT_GZIP_LEVEL, type GzipEngine, type GzipOptions, gzip } from "./gzip.ts";
export { unzstd, ZSTD_WINDOW_LIMIT } from "./unzstd.ts";

// Types of other rooms that the above mention.

export type { ByteSource } from "../bytes.ts";
