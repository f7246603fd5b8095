export { crc32 } from "./crc32.ts";
export { type Compression, decompress, detectCompression } from "./decompress.ts";
export { gunzip } from "./gunzip.ts";
export { DEFAULT_GZIP_LEVEL, type GzipOptions, gzip } from "./gzip.ts";
