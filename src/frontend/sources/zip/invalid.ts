import { SlipwayError } from "../../../errors.ts";

/** The error for a zip that cannot be read. */
export function invalidZip(reason: string, cause?: unknown): SlipwayError {
  return new SlipwayError("INVALID_ZIP", `Cannot read zip: ${reason}`, { cause });
}

/** The error for what a zip may be, but not here. */
export function unsupportedZip(reason: string): SlipwayError {
  return new SlipwayError("UNSUPPORTED", `Cannot read zip: ${reason}`);
}
