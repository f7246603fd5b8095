import { deleteObjects, forEach, type R2Calls } from "./calls.ts";
import { isCount } from "./document.ts";

/** The first `size` bytes of the object `data/ID`: blobs and ingests are made of such. */
export interface Segment {
  readonly id: string;
  readonly size: number;
}

/** Bytes that are read by one call: with larger ones more memory waits for the garbage collector. */
const PIECE = 1024 * 1024;

export function sizeOf(segments: readonly Segment[]): number {
  return segments.reduce((size, segment) => size + segment.size, 0);
}

export function isSegments(value: unknown): value is readonly Segment[] {
  return (
    Array.isArray(value) &&
    value.every((each) => typeof each?.id === "string" && /^[0-9a-f]{32}$/.test(each.id) && isCount(each.size))
  );
}

/** The objects under `data/`. */
export class R2Data {
  readonly #calls: R2Calls;
  readonly #prefix: string;

  constructor(calls: R2Calls, prefix: string) {
    this.#calls = calls;
    this.#prefix = prefix;
  }

  keyOf(id: string): string {
    return this.#prefix + id;
  }

  /**
   * Bytes `start` to `end` of all segments together.
   * @throws SlipwayError `IO` if they cannot be had whole
   */
  async *read(segments: readonly Segment[], start: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
    let offset = 0;
    for (const { id, size } of segments) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, size);
      if (from < to) yield* this.#readObject(this.keyOf(id), from, to);
      offset += size;
    }
  }

  /** Whether each segment's object is there and long enough. */
  async has(segments: readonly Segment[]): Promise<boolean> {
    let has = true;
    await forEach(segments, async ({ id, size }) => {
      const key = this.keyOf(id);
      const object = await this.#calls.run(`look for ${key}`, () => this.#calls.bucket.head(key));
      if (object === null || object.size < size) has = false;
    });
    return has;
  }

  async delete(segments: readonly Segment[]): Promise<void> {
    const keys = segments.map(({ id }) => this.keyOf(id));
    await deleteObjects(this.#calls, [...new Set(keys)]);
  }

  /**
   * Piece by piece: Workers give a stream in chunks of 4 KiB, each of which costs more than its bytes, and of a stream that is read
   * slowly R2's other end keeps more and more in memory.
   */
  async *#readObject(key: string, start: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let offset = start; offset < end; offset += PIECE) {
      const length = Math.min(PIECE, end - offset);
      yield await this.#calls.run(`read ${key}`, async () => {
        const object = await this.#calls.bucket.get(key, { range: { offset, length } });
        if (object === null) throw new Error("R2 does not have that object");
        const bytes = new Uint8Array(await object.arrayBuffer());
        if (bytes.byteLength !== length) throw new Error(`R2 gave ${bytes.byteLength} instead of ${length} bytes`);
        return bytes;
      });
    }
  }
}
