import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { encodeHeader, writeTar } from "../../src/tar/index.ts";
import { fromJson, type JsonHeader } from "./support/json-header.ts";
import { collect, readAllEntries } from "./support/raw.ts";

const golden = (name: string): Buffer => readFileSync(new URL(`../golden/tar/${name}`, import.meta.url));
const headersOf = (name: string): JsonHeader[] => JSON.parse(golden(name).toString());

describe("the bytes that Go's archive/tar writes (test/golden/tar/generate.go.txt)", () => {
  const expected = golden("headers.bin");
  let at = 0;
  for (const json of headersOf("entries.json")) {
    const start = at;
    const size = encodeHeader(fromJson(json)).byteLength;
    at += size;
    it(`are ours for ${json.type} ${json.name.slice(0, 60)} (${json.name.length})`, () => {
      const ours = Buffer.from(encodeHeader(fromJson(json)));
      expect(ours.toString("latin1")).toBe(expected.subarray(start, start + size).toString("latin1"));
    });
  }

  it("are all there", () => {
    expect(at).toBe(expected.byteLength);
  });

  const archive = headersOf("archive.json").map(fromJson);
  const contentOf = (size: number): Uint8Array => new Uint8Array(size).fill(0x78);

  it("are ours for a whole archive", async () => {
    const entries = archive.map((header) => ({ header, content: contentOf(header.size) }));
    expect(Buffer.compare(await collect(writeTar(entries)), golden("archive.tar"))).toBe(0);
  });

  it("are read back as what they were made from", async () => {
    const read = await readAllEntries(golden("archive.tar"));
    expect(read.map(({ header }) => header)).toEqual(archive);
    expect(read.map(({ content }) => content.byteLength)).toEqual(archive.map(({ size }) => size));
  });
});
