import { type ByteSource, chunksOf } from "../bytes.ts";
import { crc32 } from "./crc32.ts";
import { Inflater } from "./inflate.ts";
import { invalidGzip } from "./invalid.ts";

// Flags of a member's header (RFC 1952, section 2.3.1).
const HEADER_CRC = 2;
const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;
const RESERVED = 0xe0;

/**
 * Decompresses gzip (RFC 1952): one member or several, one after the other. Each is checked against its CRC-32 and size. Zeros
 * may follow the last one, as on tapes. Memory is bounded, whatever the data expands to.
 * @throws SlipwayError `INVALID_COMPRESSION`: not gzip, truncated, damaged, or followed by something else
 */
export async function* gunzip(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new GzipInput(source);
  try {
    for (let member = 1; member === 1 || (await anotherMember(input)); member++) {
      await readMemberHeader(input);
      const inflater = new Inflater();
      let crc = 0;
      let size = 0;
      while (!inflater.done) {
        for (const chunk of inflater.push(await input.chunk())) {
          crc = crc32(chunk, crc);
          size += chunk.byteLength;
          yield chunk;
        }
      }
      input.putBack(inflater.rest);
      const expected = await input.number(4);
      if (expected !== crc)
        throw invalidGzip(`the CRC-32 of member ${member} is ${hex(crc)} instead of ${hex(expected)}`);
      if ((await input.number(4)) !== size % 2 ** 32) throw invalidGzip(`the size of member ${member} is wrong`);
    }
  } finally {
    await input.close();
  }
}

async function readMemberHeader(input: GzipInput): Promise<void> {
  const start = input.startSum();
  if ((await input.byte()) !== 0x1f || (await input.byte()) !== 0x8b)
    throw invalidGzip("it does not begin as gzip does");
  const method = await input.byte();
  if (method !== 8) throw invalidGzip(`its method is ${method}, not deflate`);
  const flags = await input.byte();
  if ((flags & RESERVED) !== 0) throw invalidGzip("its header has flags that have no meaning");
  // Time, a hint about the level, operating system.
  for (let i = 0; i < 6; i++) await input.byte();
  if ((flags & EXTRA) !== 0) for (let left = await input.number(2); left > 0; left--) await input.byte();
  for (const flag of [NAME, COMMENT]) if ((flags & flag) !== 0) while ((await input.byte()) !== 0);
  const sum = start();
  if ((flags & HEADER_CRC) !== 0 && (await input.number(2)) !== (sum & 0xffff)) {
    throw invalidGzip("the checksum of its header is wrong");
  }
}

/** Whether another member follows. Only zeros may be there instead. */
async function anotherMember(input: GzipInput): Promise<boolean> {
  let zeros = false;
  while (await input.hasMore()) {
    const byte = input.peek();
    if (byte === 0x1f && !zeros) return true;
    if (byte !== 0) throw invalidGzip("something else follows its end");
    zeros = true;
    await input.byte();
  }
  return false;
}

/** Reads the source by bytes and by chunks. */
class GzipInput {
  readonly #chunks: AsyncIterator<Uint8Array, void, undefined>;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #sum: number | undefined;

  constructor(source: ByteSource) {
    this.#chunks = chunksOf(source);
  }

  async hasMore(): Promise<boolean> {
    while (this.#at === this.#chunk.byteLength) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return false;
      this.#chunk = value;
      this.#at = 0;
    }
    return true;
  }

  /** The next byte, which {@link hasMore} said is there. */
  peek(): number {
    return this.#chunk[this.#at] ?? 0;
  }

  async byte(): Promise<number> {
    if (this.#at === this.#chunk.byteLength && !(await this.hasMore())) throw invalidGzip("it is truncated");
    const byte = this.peek();
    if (this.#sum !== undefined) this.#sum = crc32(Uint8Array.of(byte), this.#sum);
    this.#at++;
    return byte;
  }

  /** A number of so many bytes, the lowest first. */
  async number(size: number): Promise<number> {
    let value = 0;
    for (let i = 0; i < size; i++) value += (await this.byte()) * 256 ** i;
    return value;
  }

  /** What is left of the current chunk, or the next one. */
  async chunk(): Promise<Uint8Array> {
    if (!(await this.hasMore())) throw invalidGzip("it is truncated");
    const chunk = this.#chunk.subarray(this.#at);
    this.#at = this.#chunk.byteLength;
    return chunk;
  }

  /** Gives back the end of what was read. */
  putBack(bytes: Uint8Array): void {
    this.#chunk = bytes;
    this.#at = 0;
  }

  /** Sums the bytes read from here on up; the function returned ends that and tells their CRC-32. */
  startSum(): () => number {
    this.#sum = 0;
    return () => {
      const sum = this.#sum ?? 0;
      this.#sum = undefined;
      return sum;
    };
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}
