/** Which part of a thing an answer is. RFC 9110, 14.4. */
export interface ContentRange {
  /** First byte and the one after the last; absent with 416, where nothing is sent. */
  readonly part?: { readonly start: number; readonly end: number };
  /** Bytes of the whole, if the server says it. */
  readonly total?: number;
}

const CONTENT_RANGE = /^bytes (?:([0-9]{1,15})-([0-9]{1,15})|\*)\/(?:([0-9]{1,15})|\*)$/;

/** @returns undefined if the header is absent or cannot be meant */
export function contentRangeOf(headers: Headers): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(headers.get("content-range") ?? "");
  if (match === null) return undefined;
  const [, first, last, size] = match;
  const total = size === undefined ? undefined : Number(size);
  const whole = total === undefined ? {} : { total };
  if (first === undefined || last === undefined) return whole;
  const part = { start: Number(first), end: Number(last) + 1 };
  if (part.end <= part.start || (total !== undefined && part.end > total)) return undefined;
  return { part, ...whole };
}
