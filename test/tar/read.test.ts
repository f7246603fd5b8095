import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { readTar, type TarHeader } from "../../src/tar/index.ts";
import { block, bytes, collect, end, entry, long, type RawFields, readAllEntries } from "./support/raw.ts";

/** The header of the only entry of an archive. */
const read = async (...parts: Uint8Array[]): Promise<TarHeader | undefined> => {
  const entries = await readAllEntries(concatBytes([...parts, end]));
  expect(entries).toHaveLength(1);
  return entries[0]?.header;
};
const text = (content: Uint8Array | undefined): string => new TextDecoder().decode(content);

describe("an archive of any age", () => {
  it("of version 7 has neither owner names nor a magic, and a directory is what ends in /", async () => {
    const fields = { magic: "v7", type: "\0" } as const;
    const tar = concatBytes([
      entry({ ...fields, name: "dir/" }),
      entry({ ...fields, name: "dir/file", uid: "   144 \0" }, "content"),
      entry({ ...fields, name: "dir/link", type: "1", linkName: "dir/file" }),
      entry({ ...fields, name: "dir/sym", type: "2", linkName: "file" }),
      end,
    ]);
    const entries = await readAllEntries(tar);
    expect(entries.map(({ header }) => [header.name, header.type, header.linkName, header.uid])).toEqual([
      ["dir", "directory", undefined, 0],
      ["dir/file", "file", undefined, 100],
      ["dir/link", "link", "dir/file", 0],
      ["dir/sym", "symlink", "file", 0],
    ]);
    expect(text(entries[1]?.content)).toBe("content");
  });

  it("of ustar has a prefix, owner names and device numbers", async () => {
    const header = await read(
      entry({
        name: "null",
        prefix: "some/dev",
        type: "3",
        userName: "root",
        groupName: "wheel",
        deviceMajor: "0000001\0",
        deviceMinor: "0000003\0",
      }),
    );
    expect(header).toEqual({
      name: "some/dev/null",
      type: "char",
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: 0,
      mtime: 0,
      userName: "root",
      groupName: "wheel",
      deviceMajor: 1,
      deviceMinor: 3,
    });
  });

  it("of GNU has no prefix: times are in its place", async () => {
    const at = { 345: "14524012345\0", 357: "14524012345\0" };
    expect(await read(entry({ name: "file", magic: "gnu", at }))).toMatchObject({ name: "file" });
  });

  it("of Go before 1.8 has a prefix all the same", async () => {
    expect(await read(entry({ name: "file", magic: "gnu", prefix: "a/prefix" }))).toMatchObject({
      name: "a/prefix/file",
    });
    expect(await read(entry({ name: "file", magic: "gnu", prefix: "caf\xe9" }))).toMatchObject({ name: "file" });
  });

  it("of star has a shorter prefix, with times behind it", async () => {
    const at = { 476: "00000000000 ", 488: "00000000000 ", 508: "tar\0" };
    expect(await read(entry({ name: "file", prefix: "a/prefix", at }))).toMatchObject({ name: "a/prefix/file" });
  });

  it("has its checksum as the sum of signed bytes", async () => {
    expect(await read(entry({ name: "caf\xe9", signed: true }))).toMatchObject({ name: "caf\udce9" });
  });

  it("has names of full length without a NUL", async () => {
    const name = "n".repeat(100);
    expect(await read(entry({ name, prefix: "p".repeat(155) }))).toMatchObject({ name: `${"p".repeat(155)}/${name}` });
    expect(await read(entry({ type: "2", linkName: name }))).toMatchObject({ linkName: name });
  });

  it("has names whose bytes are not UTF-8", async () => {
    expect(await read(entry({ name: Uint8Array.of(0xc3, 0xa9, 0xff) }))).toMatchObject({ name: "é\udcff" });
  });

  it.each<[string, RawFields["uid"], number]>([
    ["digits and a NUL", "0001750\0", 1000],
    ["digits and a space", "0001750 ", 1000],
    ["leading spaces", "  1750 \0", 1000],
    ["a NUL first", "\x000001750", 1000],
    ["all eight digits", "77777777", 0o77777777],
    ["nothing", "\0\0\0\0\0\0\0\0", 0],
    ["spaces", "        ", 0],
    ["something behind a NUL", "0001750\x00", 1000],
    ["base-256", Uint8Array.of(0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe), 0xfffffffe],
    ["base-256 of 6 bytes", Uint8Array.of(0x80, 0, 1, 0, 0, 0, 0, 0), 2 ** 40],
    ["negative base-256", Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe), -2],
  ])("has numbers as %s", async (_, uid, expected) => {
    expect(await read(entry({ uid: uid ?? "" }))).toMatchObject({ uid: expected });
  });

  it("has times before 1970 in base-256", async () => {
    const mtime = new Uint8Array(12).fill(0xff);
    mtime[11] = 0xfb;
    expect(await read(entry({ mtime }))).toMatchObject({ mtime: -5 });
  });

  it("has bits of the file type in its mode", async () => {
    expect(await read(entry({ mode: "0104755\0" }))).toMatchObject({ mode: 0o4755 });
  });

  it("has contiguous files, which are files", async () => {
    const [only] = await readAllEntries(concatBytes([entry({ type: "7" }, "content"), end]));
    expect(only?.header.type).toBe("file");
    expect(text(only?.content)).toBe("content");
  });

  it("has GNU long names and long link names, in any order", async () => {
    const [name, target] = ["n".repeat(300), "t".repeat(200)];
    const file = entry({ type: "2", magic: "gnu", name: name.slice(0, 100), linkName: target.slice(0, 100) });
    for (const headers of [
      [long("L", name), long("K", target)],
      [long("K", target), long("L", name)],
    ]) {
      expect(await read(...headers, file)).toMatchObject({ name, linkName: target });
    }
    expect(await read(entry({ type: "L", magic: "gnu" }, "no NUL at the end"), file)).toMatchObject({
      name: "no NUL at the end",
    });
  });

  it("has a volume label, which is no entry", async () => {
    const tar = concatBytes([entry({ type: "V", name: "label", magic: "gnu" }), entry({ name: "file" }), end]);
    expect((await readAllEntries(tar)).map(({ header }) => header.name)).toEqual(["file"]);
  });

  it("names the root in several ways", async () => {
    for (const name of [".", "./", "/", "//", ""]) {
      expect((await read(entry({ name, type: "5" })))?.name).toBe(name.startsWith("/") ? "/" : ".");
    }
  });

  it("has names that are not cleaned", async () => {
    for (const name of ["../up", "/abs", "a//b", "a/../b", "./x"])
      expect((await read(entry({ name })))?.name).toBe(name);
  });
});

describe("the content", () => {
  const three = concatBytes([
    entry({ name: "a" }, "first"),
    entry({ name: "b" }, "x".repeat(1000)),
    entry({ name: "c" }, "third"),
    end,
  ]);

  it("is skipped if it is not read, or not to its end", async () => {
    const names: string[] = [];
    for await (const { name, content } of readTar(three)) {
      names.push(name);
      if (name === "b") for await (const _ of content()) break;
    }
    expect(names).toEqual(["a", "b", "c"]);
  });

  it("is there once", async () => {
    for await (const { content } of readTar(three)) {
      await collect(content());
      expect(() => content()).toThrow(expect.objectContaining({ code: "FAILED_PRECONDITION" }));
    }
  });

  it("is there only until the next entry is asked for", async () => {
    const entries = readTar(three);
    const first = await entries.next();
    const late = first.value?.content()[Symbol.asyncIterator]();
    const second = await entries.next();
    await expect(late?.next()).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    expect(() => first.value?.content()).toThrow(expect.objectContaining({ code: "FAILED_PRECONDITION" }));
    if (second.done === true) throw new Error("no second entry");
    expect((await collect(second.value.content())).byteLength).toBe(1000);
  });

  it.each(["1", "2", "3", "4", "5", "6"])("of type %s is none, whatever its size says, as in Go", async (type) => {
    const tar = concatBytes([block({ type, name: "a", linkName: "x", size: 600 }), entry({ name: "b" }, "next"), end]);
    const entries = await readAllEntries(tar);
    expect(entries.map(({ header }) => [header.name, header.size])).toEqual([
      ["a", 0],
      ["b", 4],
    ]);
  });

  it("of a file whose name ends in / is a file's, as in Go", async () => {
    const [only] = await readAllEntries(concatBytes([entry({ name: "a/" }, "content"), end]));
    expect(only?.header).toMatchObject({ name: "a", type: "file", size: 7 });
  });

  it("of an old directory is none", async () => {
    const tar = concatBytes([block({ type: "\0", magic: "v7", name: "a/", size: 600 }), entry({ name: "b" }), end]);
    expect((await readAllEntries(tar)).map(({ header }) => header.name)).toEqual(["a", "b"]);
  });
});

describe("the end", () => {
  const file = entry({ name: "a" }, "content");
  const count = async (...parts: Uint8Array[]): Promise<number> => (await readAllEntries(concatBytes(parts))).length;

  it("is two zero blocks, and what follows is ignored", async () => {
    expect(await count(file, end, bytes("garbage"), file)).toBe(1);
    expect(await count(file, end, new Uint8Array(9000))).toBe(1);
  });

  it("may be one zero block, or none", async () => {
    expect(await count(file)).toBe(1);
    expect(await count(file, new Uint8Array(512))).toBe(1);
    expect(await count()).toBe(0);
  });

  it("may be in the padding of the last file", async () => {
    expect(await count(file.subarray(0, 519))).toBe(1);
    expect(await count(file.subarray(0, 700))).toBe(1);
  });

  it("is read to, so that a source can verify itself", async () => {
    let ended = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      yield concatBytes([file, end]);
      yield new Uint8Array(512);
      ended = true;
    }
    await readAllEntries(source());
    expect(ended).toBe(true);
  });

  it("is not read to when the loop is left, but the source is let go", async () => {
    let [ended, released] = [false, false];
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield concatBytes([file, file]);
        ended = true;
      } finally {
        released = true;
      }
    }
    for await (const _ of readTar(source())) break;
    expect([ended, released]).toEqual([false, true]);
  });
});

describe("reading", () => {
  it("ends with the signal's reason", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    async function* source(): AsyncGenerator<Uint8Array> {
      yield entry({ name: "a" }, "content");
      controller.abort(reason);
      yield entry({ name: "b" }, "content");
    }
    await expect(readAllEntries(source(), { signal: controller.signal })).rejects.toBe(reason);
    await expect(readAllEntries(end, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("passes on what goes wrong with the source", async () => {
    const reason = new Error("disk on fire");
    async function* source(): AsyncGenerator<Uint8Array> {
      yield block({ size: 1000 });
      throw reason;
    }
    await expect(readAllEntries(source())).rejects.toBe(reason);
  });

  it("takes a ReadableStream", async () => {
    expect(await readAllEntries(new Blob([entry({ name: "a" }, "content"), end]).stream())).toHaveLength(1);
  });

  it("takes no more of a large file into memory than the source's chunks", async () => {
    const chunk = new Uint8Array(1024 * 1024);
    let given = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      yield block({ size: 20 * chunk.byteLength });
      for (; given < 20; given++) yield chunk;
    }
    for await (const { content } of readTar(source())) {
      let seen = 0;
      for await (const part of content()) {
        expect(part.buffer).toBe(chunk.buffer);
        expect(given).toBe(seen++);
      }
    }
  });
});
