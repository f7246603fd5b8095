import { compareBytes } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A surrogate that is not half of a pair; the `u` flag makes whole pairs one character. */
const loneSurrogate = /[\ud800-\udfff]/u;

const escapeBase = 0xdc00;
const slash = 0x2f;

/**
 * The string that stands for a name's bytes. Valid UTF-8 is decoded; each byte that is not part of it becomes the one lone
 * surrogate U+DC00 + byte (U+DC80 … U+DCFF), as Python's `surrogateescape` (PEP 383) does, so that every byte string has a
 * string of its own and {@link encodeName} gives the bytes back. Overlong forms, encoded surrogates and code points above
 * U+10FFFF are not UTF-8: their bytes are escaped one by one. A byte order mark is kept.
 */
export function decodeName(bytes: Uint8Array): string {
  if (bytes.byteLength < 128) {
    const ascii = decodeShortAscii(bytes);
    if (ascii !== undefined) return ascii;
  }
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return decodeEscaped(bytes);
  }
}

/**
 * The bytes that a name stands for: UTF-8, with each lone surrogate U+DC80 … U+DCFF as the byte it escapes.
 * @throws SlipwayError `INVALID_PATH` for any other lone surrogate, which stands for nothing
 */
export function encodeName(name: string): Uint8Array<ArrayBuffer> {
  if (!loneSurrogate.test(name)) return encoder.encode(name);
  const bytes = new Uint8Array(name.length * 3);
  let length = 0;
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) {
      bytes[length++] = code - escapeBase;
    } else if (code >= 0xd800 && code <= 0xdfff) {
      const written = `U+${code.toString(16).toUpperCase()}`;
      throw new SlipwayError(
        "INVALID_PATH",
        `Cannot encode the name ${JSON.stringify(name)}: it has the lone surrogate ${written}, which stands for no byte`,
      );
    } else {
      length += encoder.encodeInto(character, bytes.subarray(length)).written;
    }
  }
  return bytes.slice(0, length);
}

/** Whether the name's bytes are valid UTF-8, that is, whether the string holds no escaped byte. */
export function isUtf8Name(name: string): boolean {
  return !loneSurrogate.test(name);
}

/**
 * Order of two names by their encoded bytes (not by UTF-16 code units, which differ above U+FFFF). Negative, zero or positive.
 * @throws SlipwayError `INVALID_PATH` as {@link encodeName} does
 */
export function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  const at = firstDifference(a, b);
  const unitA = a.charCodeAt(at);
  const unitB = b.charCodeAt(at);
  // Past the end `charCodeAt` is NaN: one name begins the other.
  if (Number.isNaN(unitA)) return -1;
  if (Number.isNaN(unitB)) return 1;
  // Below the surrogates, code units have the order of the UTF-8 bytes.
  if (unitA < 0xd800 && unitB < 0xd800) return unitA - unitB;
  return compareBytes(encodeName(a), encodeName(b));
}

/**
 * Order of two paths in a layer: by their encoded bytes, with `/` before every other byte, so that a directory comes right
 * before what it holds (`a`, `a/b`, `a-b`). Both paths without a trailing `/`. Negative, zero or positive.
 * @throws SlipwayError `INVALID_PATH` as {@link encodeName} does
 */
export function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  const at = firstDifference(a, b);
  const unitA = a.charCodeAt(at);
  const unitB = b.charCodeAt(at);
  if (Number.isNaN(unitA)) return -1;
  if (Number.isNaN(unitB)) return 1;
  if (unitA === slash) return -1;
  if (unitB === slash) return 1;
  if (unitA < 0xd800 && unitB < 0xd800) return unitA - unitB;
  return compareEncodedPaths(encodeName(a), encodeName(b));
}

function firstDifference(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return at;
}

function compareEncodedPaths(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.byteLength, b.byteLength);
  for (let i = 0; i < shorter; i++) {
    const byteA = a[i] ?? 0;
    const byteB = b[i] ?? 0;
    if (byteA === byteB) continue;
    if (byteA === slash) return -1;
    if (byteB === slash) return 1;
    return byteA - byteB;
  }
  return a.byteLength - b.byteLength;
}

/** Most names are short and ASCII; for those this is quicker than a decoder's call. */
function decodeShortAscii(bytes: Uint8Array): string | undefined {
  let text = "";
  for (let i = 0; i < bytes.byteLength; i++) {
    const byte = bytes[i] ?? 0;
    if (byte >= 0x80) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

function decodeEscaped(bytes: Uint8Array): string {
  let text = "";
  let at = 0;
  while (at < bytes.byteLength) {
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      text += String.fromCharCode(escapeBase + (bytes[at] ?? 0));
      at++;
    } else {
      text += strictDecoder.decode(bytes.subarray(at, at + length));
      at += length;
    }
  }
  return text;
}

/** Bytes of the well-formed UTF-8 sequence that begins at `at` (Unicode, table 3-7); 0 if none does. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const second = bytes[at + 1] ?? 0;
  if (lead >= 0xc2 && lead <= 0xdf) return isContinuation(second) ? 2 : 0;
  const third = isContinuation(bytes[at + 2] ?? 0);
  if (lead >= 0xe0 && lead <= 0xef) {
    const lowest = lead === 0xe0 ? 0xa0 : 0x80;
    const highest = lead === 0xed ? 0x9f : 0xbf;
    return second >= lowest && second <= highest && third ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const lowest = lead === 0xf0 ? 0x90 : 0x80;
    const highest = lead === 0xf4 ? 0x8f : 0xbf;
    return second >= lowest && second <= highest && third && isContinuation(bytes[at + 3] ?? 0) ? 4 : 0;
  }
  return 0;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
