import { SlipwayError } from "../errors.ts";

/** The error for gzip data that cannot be read. */
export function invalidGzip(reason: string): SlipwayError {
  return new SlipwayError("INVALID_COMPRESSION", `Cannot decompress gzip: ${reason}`);
}
