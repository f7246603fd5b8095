/**
 * Where deflate data is put together, lowest bit first (RFC 1951, section 3.1.1).
 *
 * Numbers of 32 bits are the widest that engines for JavaScript keep in a register, so up to 7 bits wait in {@link bits},
 * and each step adds at most 24 to them, writes four bytes at once whatever they are, and goes on by the whole ones: there
 * is no branch to be mispredicted. The long loop over symbols does the same with the fields in local variables.
 */
export class BitWriter {
  /** Room has to be reserved before anything is written; four bytes more than needed are touched. */
  view: DataView;
  bytes: Uint8Array;
  /** Whole bytes that have been written, */
  size = 0;
  /** the bits after them, */
  bits = 0;
  /** and how many these are, up to 7. */
  count = 0;

  constructor(capacity = 0) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Begins anew, with room for so many bytes. */
  reset(capacity: number): void {
    if (this.bytes.byteLength < capacity) {
      this.bytes = new Uint8Array(capacity);
      this.view = new DataView(this.bytes.buffer);
    }
    this.size = 0;
    this.bits = 0;
    this.count = 0;
  }

  /**
   * @param bits without any above the count
   * @param count up to 24
   */
  write(bits: number, count: number): void {
    const all = this.bits | (bits << this.count);
    const total = this.count + count;
    this.view.setInt32(this.size, all, true);
    this.size += total >>> 3;
    this.bits = all >>> (total & 24);
    this.count = total & 7;
  }

  /** Goes to the next whole byte. */
  align(): void {
    if (this.count > 0) this.write(0, 8 - this.count);
  }

  /**
   * A stored block (section 3.2.4), not the last one.
   * @param bytes up to 65535
   */
  writeStored(bytes: Uint8Array): void {
    this.write(0, 3);
    this.align();
    const size = bytes.byteLength;
    this.view.setUint16(this.size, size, true);
    this.view.setUint16(this.size + 2, ~size, true);
    this.bytes.set(bytes, this.size + 4);
    this.size += 4 + size;
  }
}
