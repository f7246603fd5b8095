import { describe, expect, it } from "vitest";
import { type ByteRange, concatBytes, type ReopenableSource } from "../../../src/bytes.ts";
import { digestOf } from "../../../src/hash/index.ts";
import { SourceCursor } from "../../../src/registry/upload/source-cursor.ts";

const BYTES = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);
const DIGEST = digestOf(BYTES);

/** A source in pieces of 64 bytes that notes from where it was opened, and how often it was let go of before its end. */
function sourceOf(bytes: Uint8Array, size = bytes.byteLength) {
  const opened: (ByteRange | undefined)[] = [];
  const left = { count: 0 };
  const source: ReopenableSource = {
    size,
    async *open(range) {
      opened.push(range);
      let ended = false;
      try {
        for (let at = range?.offset ?? 0; at < bytes.byteLength; at += 64) yield bytes.subarray(at, at + 64);
        ended = true;
      } finally {
        if (!ended) left.count++;
      }
    },
  };
  return { source, opened, left };
}

async function read(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk.slice());
  return concatBytes(chunks);
}

describe("parts of a source", () => {
  it("that follow each other come from one reading of it, from its beginning", async () => {
    const { source, opened } = sourceOf(BYTES);
    const positions: number[] = [];
    const cursor = new SourceCursor(source, DIGEST, (position) => positions.push(position));
    for (const [offset, length] of [
      [0, 300],
      [300, 300],
      [600, 400],
    ] as const) {
      expect(cursor.part(offset, length).size).toBe(length);
      expect(await read(cursor.part(offset, length).open())).toEqual(BYTES.subarray(offset, offset + length));
    }
    expect(opened).toEqual([undefined]);
    expect(positions.at(-1)).toBe(1000);
    expect([...positions].sort((a, b) => a - b)).toEqual(positions);
  });

  it("can be read again, and from anywhere: then the source is opened there", async () => {
    const { source, opened, left } = sourceOf(BYTES);
    const cursor = new SourceCursor(source, DIGEST, () => undefined);
    const part = cursor.part(300, 300);
    expect(await read(part.open())).toEqual(BYTES.subarray(300, 600));
    expect(await read(part.open())).toEqual(BYTES.subarray(300, 600));
    expect(await read(part.open({ offset: 10, length: 20 }))).toEqual(BYTES.subarray(310, 330));
    expect(opened).toEqual([{ offset: 300 }, { offset: 300 }, { offset: 310 }]);
    await cursor.close();
    expect(left.count).toBe(3);
  });

  it("are given up by who reads the next one", async () => {
    const { source } = sourceOf(BYTES);
    const cursor = new SourceCursor(source, DIGEST, () => undefined);
    const first = cursor.part(0, 500).open()[Symbol.asyncIterator]();
    await first.next();
    expect(await read(cursor.part(0, 1000).open())).toEqual(BYTES);
    expect((await first.next()).done).toBe(true);
    expect(cursor.failure).toBeUndefined();
  });

  it("end before their last bytes if the source is longer or shorter than it should be", async () => {
    for (const size of [999, 1001, 960, 1024]) {
      const { source } = sourceOf(BYTES, size);
      const cursor = new SourceCursor(source, DIGEST, () => undefined);
      let count = 0;
      const reading = (async () => {
        for await (const chunk of cursor.part(0, size).open()) count += chunk.byteLength;
      })();
      await expect(reading).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
      expect(count).toBeLessThan(size);
      expect(cursor.failure?.error).toMatchObject({ code: "SIZE_MISMATCH" });
    }
  });

  it("do not give their last bytes before the source has confirmed its end", async () => {
    const corrupt = new Error("corrupt");
    const source: ReopenableSource = {
      size: 1000,
      async *open() {
        yield BYTES;
        throw corrupt;
      },
    };
    const cursor = new SourceCursor(source, DIGEST, () => undefined);
    await expect(read(cursor.part(0, 1000).open())).rejects.toBe(corrupt);
    expect(cursor.failure).toEqual({ error: corrupt });
  });
});
