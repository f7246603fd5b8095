import type { SlipwayError } from "../errors.ts";
import type { Field } from "./block.ts";
import { decodeName } from "./names.ts";

/** Makes the error for something that cannot be read. It knows the place and adds it. */
export type Fail = (reason: string) => SlipwayError;

/** A text field up to its first NUL, as names are decoded. */
export function readText(block: Uint8Array, { at, size }: Field): string {
  return readCString(block.subarray(at, at + size));
}

/** Bytes up to the first NUL, as names are decoded. */
export function readCString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeName(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * A number: base-256 where the first bit says so, which may be negative (two's complement), else octal digits with spaces and
 * NULs around them. 0 if the field is empty; undefined if it is no number within ±2^53.
 */
export function parseNumber(block: Uint8Array, field: Field): number | undefined {
  const first = block[field.at] ?? 0;
  if ((first & 0x80) === 0) return parseOctal(block, field);
  const negative = (first & 0x40) !== 0;
  const inversion = negative ? 0xff : 0;
  let value = (first ^ inversion) & 0x7f;
  for (let i = field.at + 1; i < field.at + field.size; i++) {
    value = value * 256 + ((block[i] ?? 0) ^ inversion);
    if (value >= Number.MAX_SAFE_INTEGER) return undefined;
  }
  return negative ? -value - 1 : value;
}

/** {@link parseNumber}, failing where there is no number. */
export function readNumber(block: Uint8Array, field: Field, fail: Fail): number {
  const value = parseNumber(block, field);
  if (value === undefined) throw fail(`its ${field.label} field is not a number within ±2^53`);
  return value;
}

/** An octal number with spaces and NULs around its digits; undefined if anything else is in the field. */
export function parseOctal(block: Uint8Array, field: Field): number | undefined {
  let start = field.at;
  let end = field.at + field.size;
  while (start < end && isPadding(block[start])) start++;
  while (end > start && isPadding(block[end - 1])) end--;
  let value = 0;
  for (let i = start; i < end; i++) {
    const byte = block[i] ?? 0;
    // What follows a NUL between the digits is not part of the number.
    if (byte === 0) break;
    if (byte < 0x30 || byte > 0x37) return undefined;
    value = value * 8 + (byte - 0x30);
  }
  return value;
}

/** A decimal number, possibly with a sign, as PAX records and sparse maps have it. Fails if it is no safe integer. */
export function parseDecimal(text: string, what: string, fail: Fail): number {
  const value = /^[+-]?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  throw fail(`its ${what} is ${JSON.stringify(text.slice(0, 40))}, not a whole number within ±2^53`);
}

function isPadding(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0;
}
