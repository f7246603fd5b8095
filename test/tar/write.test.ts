import { describe, expect, it } from "vitest";
import { encodeHeader, type TarHeader, type TarInput, writeTar } from "../../src/tar/index.ts";
import { collect, readAllEntries, split } from "./support/raw.ts";

const file = (name: string, size = 0): TarHeader => ({
  name,
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size,
  mtime: 0,
});
const random = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 7919) >> 3);
const chunksOfTar = async (entries: Iterable<TarInput> | AsyncIterable<TarInput>): Promise<Uint8Array[]> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(entries)) chunks.push(chunk);
  return chunks;
};

describe("a tar that is written", () => {
  it("ends in two zero blocks and is not padded further", async () => {
    expect(await collect(writeTar([]))).toEqual(new Uint8Array(1024));
    expect((await collect(writeTar([{ header: file("a", 1), content: random(1) }]))).byteLength).toBe(2048);
  });

  it("gathers many small entries in few chunks", async () => {
    const entries = Array.from({ length: 1000 }, (_, i) => ({ header: file(`f${i}`, 10), content: random(10) }));
    const chunks = await chunksOfTar(entries);
    expect(chunks.length).toBeLessThan(20);
    expect(Math.max(...chunks.map((chunk) => chunk.byteLength))).toBeLessThanOrEqual(256 * 1024);
  });

  it("passes large chunks of contents on without a copy", async () => {
    const content = random(100_000);
    const chunks = await chunksOfTar([{ header: file("a", 100_000), content }]);
    expect(chunks.some((chunk) => chunk.buffer === content.buffer)).toBe(true);
  });

  it("does not change a chunk that it has given out", async () => {
    const contents = [random(20_000), random(50), random(70_000), random(3)];
    const entries = contents.map((content, i) => ({ header: file(`f${i}`, content.byteLength), content }));
    const copies: Uint8Array[] = [];
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeTar(entries)) {
      chunks.push(chunk);
      copies.push(chunk.slice());
    }
    expect(chunks).toEqual(copies);
  });

  it.each([1, 7, 512, 20_000])("is the same when contents come in chunks of %i bytes", async (size) => {
    const contents = [random(3000), random(0), random(66_000)];
    const whole = contents.map((content, i) => ({ header: file(`f${i}`, content.byteLength), content }));
    const parts = whole.map(({ header, content }) => ({ header, content: split(content, size) }));
    expect(Buffer.compare(await collect(writeTar(parts)), await collect(writeTar(whole)))).toBe(0);
  });

  it("takes entries that come one after the other, and contents of any kind", async () => {
    async function* entries(): AsyncGenerator<TarInput> {
      yield { header: file("stream", 5), content: new Blob(["hello"]).stream() };
      yield { header: file("nothing") };
    }
    const read = await readAllEntries(writeTar(entries()));
    expect(read.map(({ header, content }) => [header.name, Buffer.from(content).toString()])).toEqual([
      ["stream", "hello"],
      ["nothing", ""],
    ]);
  });

  it("is given up when a content is longer or shorter than its header says", async () => {
    const write = (size: number, content?: Uint8Array): Promise<Uint8Array> =>
      collect(writeTar([{ header: file("some/file", size), content }]));
    await expect(write(4, random(5))).rejects.toMatchObject({
      code: "SIZE_MISMATCH",
      message: /some\/file.*more.*4 bytes/,
    });
    await expect(write(6, random(5))).rejects.toMatchObject({
      code: "SIZE_MISMATCH",
      message: /some\/file.*1 bytes less/,
    });
    await expect(write(6)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    await expect(write(60_000, random(61_000))).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  });

  it("lets go of a content that it gives up, and of the entries", async () => {
    const released: string[] = [];
    function* content(): Generator<Uint8Array> {
      try {
        yield random(10);
        yield random(10);
      } finally {
        released.push("content");
      }
    }
    function* entries(): Generator<TarInput> {
      try {
        yield { header: file("a", 15), content: content() };
      } finally {
        released.push("entries");
      }
    }
    await expect(collect(writeTar(entries()))).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    expect(released).toEqual(["content", "entries"]);
  });
});

describe("a header that no tar can say", () => {
  const refused = (change: Partial<TarHeader>): unknown => {
    try {
      return encodeHeader({ ...file("some/name"), ...change });
    } catch (error) {
      return error;
    }
  };

  it.each<[string, Partial<TarHeader>]>([
    ["an empty name", { name: "" }],
    ["a NUL in the name", { name: "a\0b" }],
    ["a NUL in the link name", { type: "symlink", linkName: "a\0b" }],
    ["a NUL in the user name", { userName: "a\0b" }],
    ["a file that ends in /", { name: "a/" }],
    ["a surrogate that stands for no byte", { name: "a\ud800" }],
  ])("is refused as a path: %s", (_, change) => {
    expect(refused(change)).toMatchObject({ code: "INVALID_PATH" });
  });

  it.each<[string, Partial<TarHeader>]>([
    ["a mode with type bits", { mode: 0o100644 }],
    ["a negative size", { size: -1 }],
    ["half a byte", { size: 0.5 }],
    ["a size beyond 2^53", { size: 2 ** 53 }],
    ["a directory with a size", { type: "directory", size: 1 }],
    ["a uid that is no number", { uid: Number.NaN }],
    ["a time with a fraction", { mtime: 0.5 }],
    ["nanoseconds of more than a second", { mtimeNanoseconds: 1e9 }],
    ["a link without a target", { type: "symlink" }],
    ["a file with a target", { linkName: "a" }],
    ["a file with device numbers", { deviceMajor: 1 }],
    ["a negative device number", { type: "char", deviceMajor: -1 }],
    ["an attribute with = in its name", { xattrs: new Map([["user.a=b", new Uint8Array(1)]]) }],
    ["an attribute without a name", { xattrs: new Map([["", new Uint8Array(1)]]) }],
    ["a PAX record that is a field", { pax: new Map([["path", new Uint8Array(1)]]) }],
    ["a PAX record that is an attribute", { pax: new Map([["SCHILY.xattr.user.a", new Uint8Array(1)]]) }],
    ["a PAX record that makes it sparse", { pax: new Map([["GNU.sparse.major", new Uint8Array(1)]]) }],
    ["more PAX records than any reader takes", { pax: new Map([["V.a", new Uint8Array(1024 * 1024)]]) }],
  ])("is refused by its field: %s", (_, change) => {
    expect(refused(change)).toMatchObject({ code: "INVALID_ARGUMENT", message: /some\/name/ });
  });
});
