import { SlipwayError } from "../errors.ts";
import { paddingOf } from "./block.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { Fail } from "./decode-field.ts";
import type { SparsePart } from "./sparse.ts";

/** Zeros of a sparse file come in chunks of so many bytes. */
const HOLE_CHUNK_SIZE = 64 * 1024;

/** The content of one entry while it is the current one. */
export class EntryContent {
  readonly #reader: ByteReader;
  readonly #fail: Fail;
  readonly #padding: number;
  #left: number;
  #state: "unread" | "reading" | "passed" = "unread";

  /** @param stored bytes in the archive, a sparse map of version 1.0 among them */
  constructor(reader: ByteReader, stored: number, fail: Fail) {
    this.#reader = reader;
    this.#fail = fail;
    this.#left = stored;
    this.#padding = paddingOf(stored);
  }

  /** Bytes in the archive that were not read yet. */
  get left(): number {
    return this.#left;
  }

  /** The next `size` bytes; fails where the content or the archive ends before. */
  async read(size: number): Promise<Uint8Array> {
    const bytes = size > this.#left ? undefined : await this.#reader.read(size);
    if (bytes === undefined || bytes.byteLength < size) throw this.#fail("its content is truncated");
    this.#left -= size;
    return bytes;
  }

  /** The content, once. */
  open(parts: readonly SparsePart[] | undefined, size: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#state !== "unread") throw this.#misuse("its content can be read only once, before the next entry");
    this.#state = "reading";
    return parts === undefined ? this.#stored(this.#left) : this.#expanded(parts, size);
  }

  /** Passes over what was not read, and the padding. The archive may end within the padding, as it may without end marker. */
  async finish(): Promise<void> {
    this.#state = "passed";
    if ((await this.#reader.skip(this.#left)) < this.#left) throw this.#fail("its content is truncated");
    this.#left = 0;
    await this.#reader.skip(this.#padding);
  }

  async *#stored(size: number): AsyncGenerator<Uint8Array, void, undefined> {
    let left = size;
    while (left > 0) {
      if (this.#state === "passed") throw this.#misuse("its content was read on after the next entry was asked for");
      const chunk = await this.#reader.readSome(left);
      if (chunk === undefined) throw this.#fail(`its content is truncated: ${this.#left} bytes are missing`);
      left -= chunk.byteLength;
      this.#left -= chunk.byteLength;
      yield chunk;
    }
  }

  async *#expanded(parts: readonly SparsePart[], size: number): AsyncGenerator<Uint8Array, void, undefined> {
    let at = 0;
    for (const part of parts) {
      yield* zeros(part.offset - at);
      yield* this.#stored(part.size);
      at = part.offset + part.size;
    }
    yield* zeros(size - at);
  }

  #misuse(reason: string): SlipwayError {
    return new SlipwayError("FAILED_PRECONDITION", `Cannot read a tar entry: ${reason}`);
  }
}

function* zeros(size: number): Generator<Uint8Array, void, undefined> {
  for (let left = size; left > 0; left -= HOLE_CHUNK_SIZE) yield new Uint8Array(Math.min(left, HOLE_CHUNK_SIZE));
}
