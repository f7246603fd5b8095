import { SlipwayError } from "../index.ts";
import { type Digest, digestHex } from "../oci/index.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** A size for people, in powers of 1000 as Docker prints them: `512 B`, `1.2 kB`, `34.5 MB`, `123 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 would be rounded to 1000 of the smaller unit.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/**
 * A size as people write it: `500000`, `500MB`, `1.5 GB`, in powers of 1000.
 * @throws SlipwayError `INVALID_OPTION` naming the flag
 */
export function parseBytes(text: string, flag: string): number {
  const [, number, unit] = /^(\d{1,15}(?:\.\d{1,3})?) ?([kmgtp]?b?)$/i.exec(text) ?? [];
  if (number === undefined) {
    throw new SlipwayError("INVALID_OPTION", `Cannot use ${flag} ${JSON.stringify(text)}: write 500MB, or 2GB`);
  }
  const power = "bkmgtp".indexOf((unit || "b").charAt(0).toLowerCase());
  return Math.round(Number(number) * 1000 ** power);
}

/** `0.4s`, `12.3s`, `2m05s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`;
}

/** The first 12 digits, as Docker shortens them. */
export function shortDigest(digest: Digest): string {
  return digestHex(digest).slice(0, 12);
}

/** Digests in a sentence cut to 12 digits. */
export function shortenDigests(text: string): string {
  return text.replace(/\b(sha256|sha512):([0-9a-f]{12})[0-9a-f]+/g, "$1:$2");
}

/**
 * Text that moves no cursor and starts no escape sequence, on one line: what a file name or a foreign document holds is
 * shown as `\xNN` where it is not printable.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Control}\p{Surrogate}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    // A byte of a name that is not UTF-8 (see `decodeName`).
    if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Cells that a text takes on a terminal: wide East Asian characters and emoji take two, combining marks none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += cellsOf(character);
  return width;
}

/** The text cut to `width` cells, with `…` as its last one if anything was cut. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width < 1) return "";
  let kept = "";
  let used = 0;
  for (const character of text) {
    used += cellsOf(character);
    if (used > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** The text filled up with blanks to `width` cells. */
export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - displayWidth(text)));
}

/** The text with blanks before it, up to `width` cells. */
export function padLeft(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - displayWidth(text))) + text;
}

function cellsOf(character: string): number {
  if (/\p{Mark}|\p{Format}/u.test(character)) return 0;
  const code = character.codePointAt(0) ?? 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}
