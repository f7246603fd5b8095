export { crc32 } from "./crc32.ts";
export { DEFAULT_GZIP_LEVEL, type GzipOptions, gzip } from "./gzip.ts";
