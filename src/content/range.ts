import type { ByteRange } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";

/**
 * First byte and end of a part of something that has `size` bytes.
 * @throws SlipwayError `OUT_OF_RANGE` if the part does not lie within it
 */
export function resolveRange(
  size: number,
  range: ByteRange | undefined,
  what: string,
): { readonly start: number; readonly end: number } {
  const start = range?.offset ?? 0;
  const end = range?.length === undefined ? size : start + range.length;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start || end > size) {
    throw new SlipwayError("OUT_OF_RANGE", `Cannot read bytes ${start} to ${end} of ${what}: it has ${size} bytes`);
  }
  return { start, end };
}
