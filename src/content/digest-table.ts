import { SHA256_SIZE, toHex, writeSha256 } from "../hash/digest.ts";
import type { Digest } from "../oci/digest.ts";

/** Rows of a block: their memory is had together, and never moved. */
const BLOCK = 1024;

/** A number for each row of a {@link DigestTable}. */
export class Column {
  readonly #blocks: Float64Array[] = [];

  get(row: number): number {
    return this.#blocks[Math.floor(row / BLOCK)]?.[row % BLOCK] ?? 0;
  }

  set(row: number, value: number): void {
    while (this.#blocks.length * BLOCK <= row) this.#blocks.push(new Float64Array(BLOCK));
    const block = this.#blocks[Math.floor(row / BLOCK)];
    if (block !== undefined) block[row % BLOCK] = value;
  }
}

/**
 * Numbers for digests, from 0 on, for columns of what is known of blobs. A digest takes some 45 bytes, a quarter of what an entry of a
 * `Map` and its string take. The number of a deleted digest is given to the next new one.
 */
export class DigestTable {
  readonly #blocks: Uint8Array[] = [];
  /** By the first bytes of the digest: row + 1, 0 where nothing is, or `GONE`. Their number is a power of two. */
  #slots = new Uint32Array(64);
  #used = 0;
  /** Rows that are free. */
  readonly #free: number[] = [];
  #rows = 0;
  /** Digests of other algorithms than SHA-256: hardly ever any. */
  readonly #others = new Map<Digest, number>();
  readonly #otherRows = new Map<number, Digest>();

  /** Number of digests. */
  get size(): number {
    return this.#rows - this.#free.length;
  }

  /** The number of a digest; -1 if it has none. */
  find(digest: Digest): number {
    if (!writeSha256(digest, key, 0)) return this.#others.get(digest) ?? -1;
    const slot = this.#slotOf();
    return slot < 0 ? -1 : (this.#slots[slot] ?? 0) - 1;
  }

  /** The number of a digest, which is given one if it has none. */
  add(digest: Digest): number {
    const found = this.find(digest);
    if (found >= 0) return found;
    const row = this.#free.pop() ?? this.#rows++;
    if (row % BLOCK === 0 && row / BLOCK === this.#blocks.length)
      this.#blocks.push(new Uint8Array(BLOCK * SHA256_SIZE));
    if (!writeSha256(digest, key, 0)) {
      this.#others.set(digest, row);
      this.#otherRows.set(row, digest);
      return row;
    }
    this.#blocks[Math.floor(row / BLOCK)]?.set(key, (row % BLOCK) * SHA256_SIZE);
    if (3 * this.#used >= 2 * this.#slots.length) this.#grow();
    this.#enter(row);
    return row;
  }

  /** Takes a digest's number away. */
  delete(digest: Digest): void {
    const row = this.find(digest);
    if (row < 0) return;
    this.#free.push(row);
    if (this.#others.delete(digest)) this.#otherRows.delete(row);
    else this.#slots[this.#slotOf()] = GONE;
  }

  /** The digest of this number. */
  digest(row: number): Digest {
    const block = this.#blocks[Math.floor(row / BLOCK)] ?? key;
    return this.#otherRows.get(row) ?? `sha256:${toHex(block, (row % BLOCK) * SHA256_SIZE, SHA256_SIZE)}`;
  }

  /** All numbers with their digests, as they are now. */
  *entries(): Generator<readonly [row: number, digest: Digest], void, undefined> {
    const free = new Set(this.#free);
    const rows = this.#rows;
    for (let row = 0; row < rows; row++) if (!free.has(row)) yield [row, this.digest(row)];
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#slots = new Uint32Array(64);
    this.#used = 0;
    this.#free.length = 0;
    this.#rows = 0;
    this.#others.clear();
    this.#otherRows.clear();
  }

  /** The slot of the digest that is in `key`; -1 if there is none. */
  #slotOf(): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(key, 0) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot] ?? 0;
      if (row === 0) return -1;
      if (row !== GONE && this.#isKey(row - 1)) return slot;
    }
  }

  #isKey(row: number): boolean {
    const block = this.#blocks[Math.floor(row / BLOCK)] ?? key;
    const at = (row % BLOCK) * SHA256_SIZE;
    for (let i = 0; i < SHA256_SIZE; i++) if (block[at + i] !== key[i]) return false;
    return true;
  }

  #enter(row: number): void {
    const block = this.#blocks[Math.floor(row / BLOCK)] ?? key;
    const mask = this.#slots.length - 1;
    let slot = hashOf(block, (row % BLOCK) * SHA256_SIZE) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row + 1;
    this.#used++;
  }

  /** Makes slots for twice as many digests as there are, without what is gone. */
  #grow(): void {
    const rows = this.#slots.filter((row) => row !== 0 && row !== GONE);
    let length = 64;
    while (length < 3 * rows.length) length *= 2;
    this.#slots = new Uint32Array(length);
    this.#used = 0;
    for (const row of rows) this.#enter(row - 1);
  }
}

/** A digest was there: those that came after it are still found. */
const GONE = 0xffffffff;

/** The bytes of the digest that is asked for. */
const key = new Uint8Array(SHA256_SIZE);

const hashOf = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
