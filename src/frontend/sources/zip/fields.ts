import { invalidZip } from "./invalid.ts";

/** The numbers of a record, lowest byte first. */
export class Fields {
  readonly #view: DataView;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(at: number): number {
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    return this.#view.getUint16(at, true);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  i32(at: number): number {
    return this.#view.getInt32(at, true);
  }

  /** @throws SlipwayError `INVALID_ZIP` if the number is one that no file can have */
  u64(at: number): number {
    const value = this.#view.getBigUint64(at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidZip(`it has the number ${value}, which is too large`);
    return Number(value);
  }
}

/**
 * The extra fields of an entry by their id (APPNOTE.TXT, section 4.5). Fewer than four bytes at the end are padding.
 * @throws SlipwayError `INVALID_ZIP` if one is longer than its room, or comes twice
 */
export function extraFields(bytes: Uint8Array, where: string): ReadonlyMap<number, Fields> {
  const fields = new Fields(bytes);
  const found = new Map<number, Fields>();
  for (let at = 0; at + 4 <= bytes.byteLength; ) {
    const id = fields.u16(at);
    const end = at + 4 + fields.u16(at + 2);
    if (end > bytes.byteLength) throw invalidZip(`${where} has an extra field that is longer than its room`);
    if (found.has(id) && MEANINGFUL.has(id)) throw invalidZip(`${where} has two extra fields ${id.toString(16)}`);
    found.set(id, new Fields(bytes.subarray(at + 4, end)));
    at = end;
  }
  return found;
}

/** Sizes and offsets that do not fit in 32 bits. */
export const ZIP64 = 0x0001;
/** Info-ZIP's extended timestamp. */
export const TIMESTAMP = 0x5455;
/** Info-ZIP's name in UTF-8. */
export const UNICODE_PATH = 0x7075;
/** Info-ZIP's user and group ids. */
export const OWNER = 0x7875;

const MEANINGFUL: ReadonlySet<number> = new Set([ZIP64, TIMESTAMP, UNICODE_PATH, OWNER]);
