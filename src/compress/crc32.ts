import { type Crc32, hostCrc32 } from "./host-crc32.ts";

/** Bytes that one step of the loop takes in: one table for each. */
const SLICES = 16;
const POLYNOMIAL = 0xedb88320;
/** For fewer bytes a call into the host takes longer than the loop. */
const WORTH_A_CALL = 512;

let tables: Int32Array | undefined;

/** The host's own; null: it has none; undefined: it was not looked for yet. */
let host: Crc32 | null | undefined;

/**
 * The CRC-32 of gzip (RFC 1952, section 8), as an unsigned number.
 * @param bytes what follows
 * @param crc the checksum of what came before, 0 at the beginning
 */
export function crc32(bytes: Uint8Array, crc = 0): number {
  if (host === undefined) host = hostCrc32() ?? null;
  return host !== null && bytes.byteLength >= WORTH_A_CALL ? host(bytes, crc) : sum(bytes, crc);
}

function sum(bytes: Uint8Array, crc: number): number {
  // Tables are made when they are first needed: importing does no work.
  tables ??= makeTables();
  const t = tables;
  let c = ~crc;
  const end = bytes.byteLength;
  const whole = end - (end % SLICES);
  let i = 0;
  for (; i < whole; i += SLICES) {
    const head =
      c ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24));
    c =
      (t[3840 + (head & 0xff)] as number) ^
      (t[3584 + ((head >>> 8) & 0xff)] as number) ^
      (t[3328 + ((head >>> 16) & 0xff)] as number) ^
      (t[3072 + (head >>> 24)] as number) ^
      (t[2816 + (bytes[i + 4] as number)] as number) ^
      (t[2560 + (bytes[i + 5] as number)] as number) ^
      (t[2304 + (bytes[i + 6] as number)] as number) ^
      (t[2048 + (bytes[i + 7] as number)] as number) ^
      (t[1792 + (bytes[i + 8] as number)] as number) ^
      (t[1536 + (bytes[i + 9] as number)] as number) ^
      (t[1280 + (bytes[i + 10] as number)] as number) ^
      (t[1024 + (bytes[i + 11] as number)] as number) ^
      (t[768 + (bytes[i + 12] as number)] as number) ^
      (t[512 + (bytes[i + 13] as number)] as number) ^
      (t[256 + (bytes[i + 14] as number)] as number) ^
      (t[bytes[i + 15] as number] as number);
  }
  for (; i < end; i++) c = (c >>> 8) ^ (t[(c ^ (bytes[i] as number)) & 0xff] as number);
  return ~c >>> 0;
}

/** Table `n` holds, for each byte, its checksum when `n` zero bytes follow it. */
function makeTables(): Int32Array {
  const made = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let c = byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    made[byte] = c;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256] as number;
    made[at] = (before >>> 8) ^ (made[before & 0xff] as number);
  }
  return made;
}
