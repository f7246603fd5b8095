import { SlipwayError } from "../errors.ts";

/** The error for gzip data that cannot be read. */
export function invalidGzip(reason: string): SlipwayError {
  return new SlipwayError("INVALID_COMPRESSION", `Cannot decompress gzip: ${reason}`);
}

/** The error for zstd data that cannot be read. */
export function invalidZstd(reason: string, cause?: unknown): SlipwayError {
  return new SlipwayError(
    "INVALID_COMPRESSION",
    `Cannot decompress zstd: ${reason}`,
    cause === undefined ? undefined : { cause },
  );
}
