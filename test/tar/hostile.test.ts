import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { isSlipwayError } from "../../src/errors.ts";
import { type ReadTarOptions, writeTar } from "../../src/tar/index.ts";
import { tarHeader } from "./support/arbitrary.ts";
import { block, bytes, collect, end, entry, long, pax, type RawFields, readAllEntries, record } from "./support/raw.ts";

const file = entry({ name: "plain" }, "content");
const reading = (parts: readonly Uint8Array[], options?: ReadTarOptions): Promise<unknown> =>
  readAllEntries(concatBytes([...parts, end]), options);
const refused = async (parts: readonly Uint8Array[], message: RegExp, options?: ReadTarOptions): Promise<void> => {
  await expect(reading(parts, options)).rejects.toMatchObject({ code: "INVALID_TAR", message });
};

describe("an archive that is cut off", () => {
  it("is refused, with the entry and where it begins", async () => {
    const tar = concatBytes([file, entry({ name: "second" }, "x".repeat(600))]);
    await expect(readAllEntries(tar.subarray(0, 1700))).rejects.toMatchObject({
      code: "INVALID_TAR",
      message: 'Cannot read tar: entry "second" at byte 1024: its content is truncated: 436 bytes are missing',
    });
  });

  it("is refused at every byte that is not between two entries or in padding", async () => {
    const tar = concatBytes([
      pax({ path: "long", uid: "1" }),
      entry({ name: "a" }, "content"),
      long("L", "name"),
      file,
      end,
    ]);
    const headerAndContent = 1024 + 512 + 7;
    const ends = new Set<number>();
    const collectEnds = (from: number, to: number): void => {
      for (let at = from; at <= to; at++) ends.add(at);
    };
    ends.add(0);
    // The padding of the first file and the block boundary behind it; then those of the second, and the zero blocks.
    collectEnds(headerAndContent, 2048);
    collectEnds(2048 + 1024 + 512 + 7, 4096);
    ends.add(4096 + 512);
    ends.add(4096 + 1024);
    for (let size = 0; size <= tar.byteLength; size++) {
      const read = readAllEntries(tar.subarray(0, size));
      if (ends.has(size)) await read;
      else await expect(read, `cut at ${size}`).rejects.toMatchObject({ code: "INVALID_TAR" });
    }
  });

  it("is refused also if contents are not read", async () => {
    const tar = concatBytes([block({ size: 5000 }), new Uint8Array(3000)]);
    await expect(readAllEntries(tar)).rejects.toMatchObject({ code: "INVALID_TAR" });
  });

  it("is refused if it ends after a header about the next entry", async () => {
    for (const header of [pax({ uid: "1" }), long("L", "name"), long("K", "name")]) {
      await refused([header], /next entry/);
      await expect(readAllEntries(header)).rejects.toMatchObject({ code: "INVALID_TAR" });
    }
  });
});

describe("a header", () => {
  it("with a wrong checksum is refused", async () => {
    await refused([block({ checksum: "0000000\0" })], /at byte 0: its checksum is wrong/);
    await refused([block({ checksum: "xxxxxxxx" })], /checksum/);
    await refused([file, bytes("garbage".repeat(100))], /at byte 1024.*checksum/);
    const flipped = block();
    flipped[0] = 0x20;
    await refused([flipped], /checksum/);
  });

  it("after a single zero block is refused, as in Go", async () => {
    await refused([file, new Uint8Array(512), file], /single zero block/);
  });

  it.each<[string, RawFields]>([
    ["uid", { uid: "12x4567\0" }],
    ["uid", { uid: "12 4567\0" }],
    ["uid", { uid: "-000001\0" }],
    ["uid", { uid: "0000009\0" }],
    ["mode", { mode: "0x00644\0" }],
    ["gid", { gid: "abc" }],
    ["mtime", { mtime: "12345678901x" }],
    ["size", { size: "0x1" }],
    ["device major", { deviceMajor: "x" }],
    ["device minor", { deviceMinor: "x" }],
    ["size", { size: Uint8Array.of(0x80, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0) }],
    ["size", { size: new Uint8Array(12).fill(0x7f).fill(0x80, 0, 1) }],
    ["mtime", { mtime: Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }],
  ])("whose %s is no number, or an absurd one, is refused", async (field, fields) => {
    await refused([block({ name: "victim", ...fields })], new RegExp(`its ${field} field`));
  });

  it("with a negative size is refused", async () => {
    await refused([block({ name: "victim", size: new Uint8Array(12).fill(0xff) })], /"victim".*size is -1/);
    await refused([pax({ size: "-512" }), file], /size is -512/);
    await refused([pax({ size: "7" }), block({ size: new Uint8Array(12).fill(0xff) })], /size is -1/);
    await refused(
      [block({ name: "dir/", type: "\0", magic: "v7", size: new Uint8Array(12).fill(0xff) })],
      /size is -1/,
    );
    await reading([block({ name: "dir/", type: "5", size: new Uint8Array(12).fill(0xff) })]);
    await refused([block({ type: "x", size: new Uint8Array(12).fill(0xff) })], /size is -1/);
  });

  it("without a name is refused, unless it is a directory", async () => {
    await refused([entry({ name: "" })], /name is empty/);
  });

  it.each(["D", "M", "N", "A", "I", "X", "8", "Z", "\xff", " "])(
    "of the type %j is not taken for a file",
    async (type) => {
      await expect(reading([entry({ type, magic: "gnu" }, "content")])).rejects.toMatchObject({
        code: "UNSUPPORTED",
        message: /"file" at byte 0: its type/,
      });
    },
  );

  it("of a device with negative numbers is refused", async () => {
    await refused([entry({ type: "3", deviceMajor: new Uint8Array(8).fill(0xff) })], /device numbers/);
  });
});

describe("PAX records", () => {
  const raw = (text: string): readonly Uint8Array[] => [entry({ type: "x", name: "pax" }, text), file];

  it.each([
    ["no length", "path=a\n"],
    ["a length that is no number", "1x path=a\n"],
    ["a length with a sign", "+10 path=a\n"],
    ["a length that is too short", "4 =\n"],
    ["a length that is too long", "12 path=a\n"],
    ["a length beyond all bounds", `${"9".repeat(30)} path=a\n`],
    ["a length that ends before the newline", "8 path=a\n"],
    ["nothing but a length", "10"],
    ["no equals sign", "10 pathxa\n"],
    ["no keyword", "6 =ab\n"],
    ["a NUL in the keyword", "11 pa\0th=a\n"],
    ["a NUL in the path", "12 path=a\0b\n"],
    ["a NUL in the link path", "16 linkpath=a\0b\n"],
    ["a NUL in the user name", "13 uname=a\0b\n"],
    ["zeros behind the last one", "10 path=a\n\0\0\0"],
  ])("with %s are refused", async (_, text) => {
    await refused(raw(text), /PAX header/);
  });

  it.each([
    ["uid", "1.5"],
    ["uid", "0x10"],
    ["uid", " 1"],
    ["gid", "99999999999999999999"],
    ["size", "1e3"],
    ["size", "9007199254740992"],
    ["mtime", "soon"],
    ["mtime", "1.5x"],
    ["mtime", ".5"],
    ["mtime", "-.5"],
    ["mtime", "1.-5"],
    ["mtime", "1.5.5"],
    ["atime", "soon"],
    ["ctime", "1.x"],
    ["SCHILY.devmajor", "x"],
  ])("with %s=%s are refused", async (keyword, value) => {
    await refused([pax({ [keyword]: value }), file], /"plain"|"pax"/);
  });

  it("with base64 that is none are refused", async () => {
    await refused([pax({ "LIBARCHIVE.xattr.user.a": "a*b" }), file], /not base64/);
  });

  it("are not believed to be longer than the archive", async () => {
    await expect(readAllEntries(block({ type: "x", size: 1000 }))).rejects.toMatchObject({ code: "INVALID_TAR" });
  });

  it("of a file do not come before a global header", async () => {
    await refused([pax({ uid: "1" }), pax({ gid: "1" }, "g"), file], /global header/);
  });

  it.each([5, 6, 7, 8, 95, 96, 97, 98, 99, 100, 101, 995, 996, 997, 998])(
    "of %i bytes and their length are told apart",
    async (size) => {
      const [read] = await readAllEntries(concatBytes([pax({ V: "v".repeat(size) }), file, end]));
      expect(read?.header.pax?.get("V")?.byteLength).toBe(size);
      expect(record("V", "v".repeat(size)).byteLength).toBeGreaterThan(size);
    },
  );
});

describe("the limits", () => {
  it("hold for PAX headers and long names, before they are read", async () => {
    for (const type of ["x", "g", "L", "K"]) {
      // The size alone is enough: there is no content.
      await expect(readAllEntries(block({ type, size: 1024 * 1024 + 1 }))).rejects.toMatchObject({
        code: "INVALID_TAR",
        message: /longer than 1048576 bytes/,
      });
    }
    await refused([pax({ V: "v".repeat(200) }), file], /longer than 100 bytes/, { limits: { metadata: 100 } });
    await reading([pax({ V: "v".repeat(1_000_000) }), file]);
  });

  it("hold for all global headers together", async () => {
    const some = (i: number): Uint8Array => pax({ [`V.${i}`]: "v".repeat(100) }, "g");
    await refused([some(1), some(2), some(3), some(4), file], /global/, { limits: { metadata: 400 } });
    await reading([some(1), some(1), some(1), some(1), pax({ "V.1": "" }, "g"), some(2), some(3), file], {
      limits: { metadata: 400 },
    });
  });

  it("hold for the number of entries", async () => {
    await reading([file, file], { limits: { entries: 2 } });
    await refused([file, file, file], /more than 2 entries/, { limits: { entries: 2 } });
  });
});

describe("whatever comes", () => {
  it("is read or refused, never anything else", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(tarHeader, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (headers, changes) => {
          const tar = await collect(
            writeTar(headers.map((header) => ({ header, content: new Uint8Array(header.size) }))),
          );
          for (const [at, byte] of changes) tar[at % tar.byteLength] = byte;
          try {
            await readAllEntries(tar);
          } catch (error) {
            expect(isSlipwayError(error, "INVALID_TAR") || isSlipwayError(error, "UNSUPPORTED")).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  }, 60_000);
});
