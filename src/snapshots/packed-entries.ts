import { codesOf, SHA256_SIZE, toHex, writeSha256 } from "../hash/digest.ts";
import { compareNames, decodeName, encodeName } from "../tar/names.ts";
import type { Leaf } from "./node.ts";

/*
 * Entries of a directory as bytes, one row for each, by name in bytewise order:
 *
 *   offsets   4 bytes for each row, where it begins after the offsets
 *   row       length of the name, name, kind, and
 *     file    mode, uid, gid, mtime, size, 32 bytes of the content's SHA-256
 *     object  4 bytes: its place among the objects
 *
 * Numbers are little-endian; those without a width are of 7 bits a byte, the last byte below 128.
 */

const FILE = 0;
const OBJECT = 1;
const OFFSET = 4;

/** Rows of small directories share memory, as an array of their own would cost more than they have. */
const SLAB = 32 * 1024;
const SHARED = 4 * 1024;

let slab = new Uint8Array(0);
let slabUsed = 0;

/** Where rows are made, before it is known how many bytes they have. */
let draft = new Uint8Array(SLAB);

/** A directory, whatever else it is. */
interface Directory {
  readonly type: "directory";
}

/**
 * What is in a directory, in some 60 bytes for a file. Immutable. Nodes of plain files are made when they are asked for, anew each
 * time; directories, symlinks, files with extended attributes or several names, and all else, are kept as the objects that they are.
 */
export class PackedEntries<D extends Directory> implements ReadonlyMap<string, Leaf | D> {
  readonly size: number;
  readonly #bytes: Uint8Array;
  /** Where the offsets begin, and after them the rows. */
  readonly #offsets: number;
  readonly #rows: number;
  readonly #end: number;
  /** Undefined: what was there is not in the directory any more. */
  readonly #objects: readonly (Leaf | D | undefined)[];

  private constructor(
    size: number,
    rows: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
    objects: readonly (Leaf | D | undefined)[],
  ) {
    this.size = size;
    this.#bytes = rows.bytes;
    this.#offsets = rows.start;
    this.#rows = rows.start + size * OFFSET;
    this.#end = rows.end;
    this.#objects = objects;
  }

  /** Of these entries, in bytewise order of their names. */
  static of<D extends Directory>(entries: Iterable<readonly [string, Leaf | D]>): PackedEntries<D> {
    return PackedEntries.#empty<D>().with([...entries]);
  }

  static #empty<D extends Directory>(): PackedEntries<D> {
    return new PackedEntries<D>(0, { bytes: slab, start: 0, end: 0 }, []);
  }

  /**
   * The entries with some changed.
   * @param changes in bytewise order of the names; undefined takes an entry away
   */
  with(changes: readonly (readonly [string, Leaf | D | undefined])[]): PackedEntries<D> {
    const offsets = new Uint32Array(this.size + changes.length);
    const objects = [...this.#objects];
    let size = 0;
    let length = 0;
    let next = 0;
    const copyUntil = (row: number): void => {
      const start = this.#at(next);
      const end = this.#at(row);
      reserve(length, end - start);
      draft.set(this.#bytes.subarray(start, end), length);
      for (; next < row; next++) offsets[size++] = this.#at(next) - start + length;
      length += end - start;
    };
    for (const [name, entry] of changes) {
      const row = this.#find(name);
      copyUntil(row < 0 ? ~row : row);
      let place = objects.length;
      if (row >= 0) {
        const before = this.#objectAt(row);
        if (before >= 0) {
          objects[before] = undefined;
          place = before;
        }
        next++;
      }
      if (entry === undefined) continue;
      offsets[size++] = length;
      length = writeName(name, length);
      const end = writeFile(entry, length);
      if (end > 0) {
        length = end;
        continue;
      }
      objects[place] = entry;
      length = writeObject(place, length);
    }
    copyUntil(this.size);
    return new PackedEntries<D>(size, keep(offsets, size, length), objects);
  }

  /** The same with other objects in the places of the directories. */
  mapDirectories<E extends Directory>(map: (directory: D) => E): PackedEntries<E> {
    const objects = this.#objects.map((entry) => (entry?.type === "directory" ? map(entry) : entry));
    return new PackedEntries<E>(this.size, { bytes: this.#bytes, start: this.#offsets, end: this.#end }, objects);
  }

  /** The directories, in no order. */
  *directories(): Generator<D, void, undefined> {
    for (const entry of this.#objects) if (entry?.type === "directory") yield entry;
  }

  get(name: string): Leaf | D | undefined {
    const row = this.#find(name);
    return row < 0 ? undefined : this.#entry(this.#kindAt(row));
  }

  has(name: string): boolean {
    return this.#find(name) >= 0;
  }

  *entries(): Generator<[string, Leaf | D], undefined, unknown> {
    for (let row = 0; row < this.size; row++) {
      const at = this.#at(row);
      yield [this.#name(at), this.#entry(this.#kind(at))];
    }
    return undefined;
  }

  *keys(): Generator<string, undefined, unknown> {
    for (let row = 0; row < this.size; row++) yield this.#name(this.#at(row));
    return undefined;
  }

  *values(): Generator<Leaf | D, undefined, unknown> {
    for (let row = 0; row < this.size; row++) yield this.#entry(this.#kindAt(row));
    return undefined;
  }

  [Symbol.iterator](): Generator<[string, Leaf | D], undefined, unknown> {
    return this.entries();
  }

  forEach(visit: (value: Leaf | D, key: string, map: ReadonlyMap<string, Leaf | D>) => void): void {
    for (const [name, entry] of this.entries()) visit(entry, name, this);
  }

  /** The row of a name, or `~row` of the place where it would be. */
  #find(name: string): number {
    let low = 0;
    // Most names come in order: then they are after the last.
    let high = this.size;
    if (high > 0) {
      const order = this.#compare(name, this.#at(high - 1));
      if (order > 0) return ~high;
      if (order === 0) return high - 1;
      high--;
    }
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = this.#compare(name, this.#at(middle));
      if (order === 0) return middle;
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    return ~low;
  }

  /** Compares a name with that of the row that begins at `at`. */
  #compare(name: string, at: number): number {
    const bytes = this.#bytes;
    const length = number(bytes, at);
    const start = numberEnd;
    for (let i = 0; ; i++) {
      if (i === length) return name.length === i ? 0 : 1;
      if (i === name.length) return -1;
      const code = name.charCodeAt(i);
      const byte = bytes[start + i] ?? 0;
      if (code >= 0x80) return compareNames(name, decodeName(bytes.subarray(start, start + length)));
      if (code !== byte) return code - byte;
    }
  }

  #at(row: number): number {
    return row === this.size ? this.#end : this.#rows + word(this.#bytes, this.#offsets + row * OFFSET);
  }

  #name(at: number): string {
    const length = number(this.#bytes, at);
    return text(this.#bytes, numberEnd, length);
  }

  #kindAt(row: number): number {
    return this.#kind(this.#at(row));
  }

  /** Where the kind of the row is that begins at `at`. */
  #kind(at: number): number {
    const length = number(this.#bytes, at);
    return numberEnd + length;
  }

  /** The place of a row's object; negative for a file. */
  #objectAt(row: number): number {
    const at = this.#kindAt(row);
    return this.#bytes[at] === OBJECT ? word(this.#bytes, at + 1) : -1;
  }

  #entry(kind: number): Leaf | D {
    const bytes = this.#bytes;
    if (bytes[kind] === OBJECT) {
      const entry = this.#objects[word(bytes, kind + 1)];
      if (entry === undefined) throw new RangeError("a directory lost one of its entries");
      return entry;
    }
    const mode = number(bytes, kind + 1);
    const uid = number(bytes, numberEnd);
    const gid = number(bytes, numberEnd);
    const time = number(bytes, numberEnd);
    const size = number(bytes, numberEnd);
    const mtime = time % 2 === 0 ? time / 2 : -(time + 1) / 2;
    return { type: "file", mode, uid, gid, mtime, content: `sha256:${toHex(bytes, numberEnd, SHA256_SIZE)}`, size };
  }
}

/** Makes sure that so many bytes can be written there. */
function reserve(at: number, count: number): void {
  if (at + count <= draft.byteLength) return;
  const larger = new Uint8Array(Math.max(2 * draft.byteLength, at + count));
  larger.set(draft.subarray(0, at));
  draft = larger;
}

/** Puts rows where they stay. */
function keep(
  offsets: Uint32Array,
  size: number,
  length: number,
): { readonly bytes: Uint8Array; readonly start: number; readonly end: number } {
  const whole = size * OFFSET + length;
  let start = 0;
  let bytes: Uint8Array;
  if (whole > SHARED) {
    bytes = new Uint8Array(whole);
  } else {
    if (slab.byteLength - slabUsed < whole) {
      slab = new Uint8Array(SLAB);
      slabUsed = 0;
    }
    bytes = slab;
    start = slabUsed;
    slabUsed += whole;
  }
  for (let row = 0; row < size; row++) writeWord(bytes, start + row * OFFSET, offsets[row] ?? 0);
  bytes.set(draft.subarray(0, length), start + size * OFFSET);
  // What one large directory needed is not kept for all that follow.
  if (draft.byteLength > 4 * SLAB) draft = new Uint8Array(SLAB);
  return { bytes, start, end: start + whole };
}

function writeName(name: string, at: number): number {
  reserve(at, 3 * name.length + 10);
  let length = 0;
  const start = at + (name.length < 0x80 ? 1 : 2);
  for (; length < name.length; length++) {
    const code = name.charCodeAt(length);
    if (code >= 0x80) break;
    draft[start + length] = code;
  }
  if (length === name.length && length < 0x4000) {
    writeNumber(length, at);
    return start + length;
  }
  const bytes = encodeName(name);
  const from = writeNumber(bytes.byteLength, at);
  draft.set(bytes, from);
  return from + bytes.byteLength;
}

/** Writes a plain file. @returns 0 if it is none, and nothing was written */
function writeFile(entry: Leaf | Directory, at: number): number {
  if (entry.type !== "file" || entry.inode !== undefined || entry.xattrs !== undefined) return 0;
  const { mode, uid, gid, mtime, size, content } = entry;
  if (Math.abs(mtime) >= 2 ** 52) return 0;
  reserve(at, 1 + 5 * 8 + SHA256_SIZE);
  draft[at] = FILE;
  let end = writeNumber(mode, at + 1);
  end = writeNumber(uid, end);
  end = writeNumber(gid, end);
  end = writeNumber(mtime < 0 ? -2 * mtime - 1 : 2 * mtime, end);
  end = writeNumber(size, end);
  return writeSha256(content, draft, end) ? end + SHA256_SIZE : 0;
}

function writeObject(place: number, at: number): number {
  reserve(at, 5);
  draft[at] = OBJECT;
  writeWord(draft, at + 1, place);
  return at + 5;
}

/** @returns where it ends */
function writeNumber(value: number, at: number): number {
  let rest = value;
  let end = at;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) draft[end++] = 0x80 | (rest % 0x80);
  draft[end++] = rest;
  return end;
}

/** Where the number ended that was read last. */
let numberEnd = 0;

function number(bytes: Uint8Array, at: number): number {
  let value = 0;
  let scale = 1;
  let end = at;
  for (;;) {
    const byte = bytes[end++] ?? 0;
    if (byte < 0x80) {
      numberEnd = end;
      return value + byte * scale;
    }
    value += (byte - 0x80) * scale;
    scale *= 0x80;
  }
}

function word(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) + 0x100 * (bytes[at + 1] ?? 0);
  return low + 0x10000 * (bytes[at + 2] ?? 0) + 0x1000000 * (bytes[at + 3] ?? 0);
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function text(bytes: Uint8Array, at: number, length: number): string {
  const codes = codesOf(length);
  for (let i = 0; i < length; i++) {
    const byte = bytes[at + i] ?? 0;
    if (byte >= 0x80) return decodeName(bytes.subarray(at, at + length));
    codes[i] = byte;
  }
  return String.fromCharCode.apply(null, codes);
}
