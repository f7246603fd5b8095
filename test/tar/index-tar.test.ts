import { describe, expect, it } from "vitest";
import { bytesSource, concatBytes, type ReopenableSource, readAll } from "../../src/bytes.ts";
import { indexTar, readTar } from "../../src/tar/index.ts";
import { sampleTar } from "../support/sample-image.ts";
import { end, entry, pax } from "./support/raw.ts";

const BIG = 300 * 1024;
const LIMIT = 4 * BIG;

const archive = () =>
  sampleTar([
    ["small", "hi\n"],
    ["big", new Uint8Array(BIG).fill(7)],
    ["directory", { type: "directory" }],
    [`${"long/".repeat(60)}name`, new Uint8Array(BIG + 1).fill(8)],
    ["link", { type: "symlink", linkName: "big" }],
    ["empty", ""],
    ["last", "end\n"],
  ]);

/** The bytes in chunks of 4 KiB, and how many of them were read. */
function counted(bytes: Uint8Array): { readonly source: ReopenableSource; readonly read: () => number } {
  let read = 0;
  const { size, open } = bytesSource(bytes);
  const source: ReopenableSource = {
    size,
    async *open(range) {
      for await (const chunk of open(range)) {
        for (let at = 0; at < chunk.byteLength; at += 4096) {
          const part = chunk.subarray(at, at + 4096);
          read += part.byteLength;
          yield part;
        }
      }
    },
  };
  return { source, read: () => read };
}

describe("indexTar", () => {
  it("finds the same entries as readTar, and where their contents lie", async () => {
    const bytes = await archive();
    const expected: (readonly [string, Uint8Array])[] = [];
    for await (const entry of readTar(bytes)) expected.push([entry.name, await readAll(entry.content(), LIMIT)]);
    const found: (readonly [string, Uint8Array])[] = [];
    for await (const { name, size, offset = 0 } of indexTar(bytesSource(bytes))) {
      found.push([name, bytes.subarray(offset, offset + size)]);
    }
    expect(found.map(([name]) => name)).toEqual(expected.map(([name]) => name));
    for (const [at, [, content]] of found.entries())
      expect(Buffer.compare(content, expected[at]?.[1] ?? bytes)).toBe(0);
  });

  it("does not read the contents that it passes over", async () => {
    const { source, read } = counted(await archive());
    let entries = 0;
    for await (const _ of indexTar(source)) entries++;
    expect(entries).toBe(7);
    expect(source.size).toBeGreaterThan(2 * BIG);
    expect(read()).toBeLessThan(64 * 1024);
  });

  it("reads a content when it is asked for", async () => {
    const bytes = await archive();
    for await (const entry of indexTar(bytesSource(bytes))) {
      expect(await readAll(entry.content(), LIMIT)).toHaveLength(entry.size);
    }
  });

  it.each([
    ["in a content", -600 * 1024 + 512],
    ["in the last content", -1024 - 509],
  ])("notices that the archive is cut off %s", async (_, end) => {
    const bytes = await archive();
    let size = 0;
    const reading = (async () => {
      for await (const entry of indexTar(bytesSource(bytes.subarray(0, end)))) size += entry.size;
    })();
    await expect(reading).rejects.toMatchObject({ code: "INVALID_TAR", message: expect.stringContaining("truncated") });
    expect(size).toBeGreaterThan(0);
  });

  it("gives no place for a sparse file, whose content does not lie there as it is", async () => {
    const records = {
      "GNU.sparse.size": "515",
      "GNU.sparse.numblocks": "1",
      "GNU.sparse.name": "holes",
      "GNU.sparse.map": "512,3",
    };
    const bytes = concatBytes([pax(records), entry({ name: "stored" }, "abc"), entry({ name: "plain" }, "x"), end]);
    const found: [string, number, boolean][] = [];
    for await (const { name, size, offset } of indexTar(bytesSource(bytes)))
      found.push([name, size, offset !== undefined]);
    expect(found).toEqual([
      ["holes", 515, false],
      ["plain", 1, true],
    ]);
  });

  it("stops when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    const reading = indexTar(bytesSource(await archive()), { signal }).next();
    await expect(reading).rejects.toThrow("enough");
  });
});
