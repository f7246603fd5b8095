import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { writeTar } from "../../src/tar/index.ts";
import { tarHeader } from "./support/arbitrary.ts";
import { collect, readAllEntries, split } from "./support/raw.ts";

describe("what is written", () => {
  it("is read again field by field, however the archive is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(tarHeader, { maxLength: 5 }),
        fc.constantFrom(1, 7, 512, 65536),
        async (headers, size) => {
          const entries = headers.map((header, i) => ({ header, content: new Uint8Array(header.size).fill(i + 1) }));
          const tar = await collect(writeTar(entries));
          const read = await readAllEntries(split(tar, size));
          expect(read.map(({ header }) => header)).toEqual(headers);
          for (const [i, { content }] of read.entries()) {
            expect(Buffer.compare(content, entries[i]?.content ?? new Uint8Array(0))).toBe(0);
          }
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);

  it("is the same when it is written again as it was read", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(tarHeader, { maxLength: 4 }), async (headers) => {
        const tar = await collect(
          writeTar(headers.map((header) => ({ header, content: new Uint8Array(header.size).fill(9) }))),
        );
        expect(Buffer.compare(await collect(writeTar(await readAllEntries(tar))), tar)).toBe(0);
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  it("keeps device numbers beyond the range of ustar", async () => {
    const header = {
      name: "dev",
      type: "char",
      mode: 0o600,
      uid: 0,
      gid: 0,
      size: 0,
      mtime: 0,
      deviceMajor: 0o10000000,
      deviceMinor: 2 ** 40 + 5,
    } as const;
    const [read] = await readAllEntries(writeTar([{ header }]));
    expect(read?.header).toEqual(header);
  });
});
