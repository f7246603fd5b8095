// A part of a tar that is a tar itself.
import { closeSync, openSync, readSync, statSync, writeFileSync } from "node:fs";

const BLOCK = 512;
/** Stretches that a part is made of: files that lie beside each other stay so, as they are alike. */
const STRETCHES = 8;

/**
 * Where the entries of a tar begin, with the headers that belong to them.
 * @param {number} file
 * @param {number} size
 */
function entriesOf(file, size) {
  const header = Buffer.alloc(BLOCK);
  /** @type {{ start: number, end: number }[]} */
  const entries = [];
  let start = 0;
  for (let at = 0; at < size; ) {
    readSync(file, header, 0, BLOCK, at);
    if (header[0] === 0) break;
    const content = Number.parseInt(header.toString("latin1", 124, 136), 8);
    const type = header.toString("latin1", 156, 157);
    at += BLOCK + Math.ceil(content / BLOCK) * BLOCK;
    // A PAX header belongs to the entry after it.
    if (type === "x") continue;
    entries.push({ start, end: at });
    start = at;
  }
  return entries;
}

/**
 * Writes whole entries of a tar, about `size` bytes of them, in stretches that lie evenly in it. A tar that is not larger is copied whole.
 * @param {string} from
 * @param {string} to
 * @param {number} size
 */
export function sampleTar(from, to, size) {
  const whole = statSync(from).size;
  const file = openSync(from, "r");
  const entries = entriesOf(file, whole);
  /** @type {Buffer[]} */
  const parts = [];
  let taken = 0;
  let next = 0;
  for (let stretch = 0; stretch < STRETCHES; stretch++) {
    while ((entries[next]?.start ?? whole) < (stretch * whole) / STRETCHES) next++;
    for (; next < entries.length && taken < (size * (stretch + 1)) / STRETCHES; next++) {
      const { start, end } = /** @type {{ start: number, end: number }} */ (entries[next]);
      const bytes = Buffer.alloc(end - start);
      readSync(file, bytes, 0, bytes.byteLength, start);
      parts.push(bytes);
      taken += bytes.byteLength;
    }
  }
  closeSync(file);
  writeFileSync(to, Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]));
}
