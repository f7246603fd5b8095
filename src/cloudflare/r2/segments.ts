import { SlipwayError } from "../../errors.ts";
import { isWorthAnotherTry, type R2Calls, r2Error } from "./calls.ts";
import { isCount } from "./document.ts";

/** The first `size` bytes of the object `data/ID`: blobs and ingests are made of such. */
export interface Segment {
  readonly id: string;
  readonly size: number;
}

/** After so many bytes (1 MiB) a read that was interrupted may be interrupted as often again. */
const PROGRESS = 1024 * 1024;

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
    for (const { id, size } of segments) {
      const key = this.keyOf(id);
      const object = await this.#calls.run(`look for ${key}`, () => this.#calls.bucket.head(key));
      if (object === null || object.size < size) return false;
    }
    return true;
  }

  async delete(segments: readonly Segment[]): Promise<void> {
    for (const { id } of segments) {
      const key = this.keyOf(id);
      await this.#calls.run(`delete ${key}`, () => this.#calls.bucket.delete(key));
    }
  }

  /** A read that is cut short, fails or stalls goes on where it stopped. */
  async *#readObject(key: string, start: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
    let offset = start;
    for (let failures = 0; offset < end; ) {
      const before = offset;
      try {
        for await (const chunk of this.#chunks(key, offset, end - offset)) {
          offset += chunk.byteLength;
          yield chunk;
        }
        if (offset < end) throw new Error(`R2 gave only ${offset - before} of ${end - before} bytes`);
      } catch (error) {
        if (error instanceof SlipwayError) throw error;
        failures = offset - before >= PROGRESS ? 1 : failures + 1;
        if (failures >= this.#calls.attempts || !isWorthAnotherTry(error)) throw r2Error(`read ${key}`, error);
        await this.#calls.backOff(failures);
      }
    }
  }

  async *#chunks(key: string, offset: number, length: number): AsyncGenerator<Uint8Array, void, undefined> {
    const object = await this.#calls.inTime(() => this.#calls.bucket.get(key, { range: { offset, length } }));
    if (object === null) throw new Error("R2 does not have that object");
    const reader = object.body.getReader();
    let rest = length;
    try {
      for (;;) {
        const { done, value } = await this.#calls.inTime(() => reader.read());
        if (done) return;
        if (value.byteLength > rest) throw new Error(`R2 gave more than ${length} bytes`);
        rest -= value.byteLength;
        yield value;
      }
    } finally {
      // A stalled stream is not waited for.
      reader.cancel().catch(() => undefined);
    }
  }
}
