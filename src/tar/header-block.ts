import { BLOCK_SIZE, FIELDS, type FieldName } from "./fields.ts";

/** Whether a number fits in a field as octal digits with a NUL behind them. */
export function fitsOctal(field: FieldName, value: number): boolean {
  return value >= 0 && value < 8 ** (FIELDS[field][1] - 1);
}

/** Writes a number as octal digits with leading zeros and a NUL; 0 if it does not fit (a PAX record has it then). */
export function putOctal(block: Uint8Array, at: number, field: FieldName, value: number): void {
  const [offset, length] = FIELDS[field];
  let rest = fitsOctal(field, value) ? value : 0;
  for (let i = at + offset + length - 2; i >= at + offset; i--) {
    block[i] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}

/**
 * Writes bytes as they are; the rest of the field stays zero. What is too long is cut, and a cut that would end in `/` loses
 * that: some readers take a name that ends so for a directory.
 */
export function putBytes(block: Uint8Array, at: number, field: FieldName, bytes: Uint8Array): void {
  const [offset, length] = FIELDS[field];
  let end = Math.min(bytes.length, length);
  if (bytes.length > length && bytes[length - 1] === 0x2f) {
    while (end > 0 && bytes[end - 1] === 0x2f) end--;
  }
  for (let i = 0; i < end; i++) block[at + offset + i] = bytes[i] ?? 0;
}

/** Writes magic, version and checksum: what makes 512 bytes a header. */
export function seal(block: Uint8Array, at: number): void {
  const magic = at + FIELDS.magic[0];
  // "ustar", a NUL, and version "00"
  for (const [i, byte] of [0x75, 0x73, 0x74, 0x61, 0x72, 0, 0x30, 0x30].entries()) block[magic + i] = byte;
  const checksum = at + FIELDS.checksum[0];
  for (let i = 0; i < 8; i++) block[checksum + i] = 0x20;
  let sum = 0;
  for (let i = at; i < at + BLOCK_SIZE; i++) sum += block[i] ?? 0;
  // Six digits, a NUL and a space, as always in this field.
  for (let i = 5; i >= 0; i--) {
    block[checksum + i] = 0x30 + (sum & 7);
    sum >>= 3;
  }
  block[checksum + 6] = 0;
}
