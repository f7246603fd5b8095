import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import type { TarHeader } from "../../src/tar/index.ts";
import { bytes, end, entry, long, pax, readAllEntries } from "./support/raw.ts";

const headers = async (...parts: Uint8Array[]): Promise<TarHeader[]> =>
  (await readAllEntries(concatBytes([...parts, end]))).map(({ header }) => header);
const file = entry({ name: "plain", userName: "user" }, "content");

describe("a PAX header", () => {
  it("stands for the fields of the entry that follows, and of no other", async () => {
    const records = {
      path: "dir/ñame",
      uid: "4294967294",
      gid: "-2",
      uname: "üser",
      gname: "gröup",
      mtime: "1700000000.5",
      comment: "kept",
      atime: "12.5",
      "VENDOR.key": Uint8Array.of(0, 255, 10),
    };
    expect(await headers(pax(records), file, file)).toEqual([
      {
        name: "dir/ñame",
        type: "file",
        mode: 0o644,
        uid: 4294967294,
        gid: -2,
        size: 7,
        mtime: 1700000000,
        mtimeNanoseconds: 500_000_000,
        userName: "üser",
        groupName: "gröup",
        pax: new Map([
          ["comment", bytes("kept")],
          ["atime", bytes("12.5")],
          ["VENDOR.key", Uint8Array.of(0, 255, 10)],
        ]),
      },
      { name: "plain", type: "file", mode: 0o644, uid: 0, gid: 0, size: 7, mtime: 0, userName: "user" },
    ]);
  });

  it("tells the size, whatever the header says (CVE-2025-62518)", async () => {
    // Who believes the header's 0 finds an entry inside of the content.
    const hidden = concatBytes([entry({ name: "hidden" }, "attack"), new Uint8Array(100)]);
    const tar = concatBytes([
      pax({ size: String(hidden.byteLength) }),
      entry({ name: "outer", size: 0 }, hidden),
      file,
      end,
    ]);
    const entries = await readAllEntries(tar);
    expect(entries.map(({ header }) => [header.name, header.size])).toEqual([
      ["outer", hidden.byteLength],
      ["plain", 7],
    ]);
    expect(entries[0]?.content).toEqual(hidden);
  });

  it("tells the size of the file, not of a GNU header in between", async () => {
    const name = "n".repeat(150);
    const tar = [pax({ size: "7" }), long("L", name), entry({ name: "x", size: 0 }, "content"), file];
    expect((await headers(...tar)).map((header) => [header.name, header.size])).toEqual([
      [name, 7],
      ["plain", 7],
    ]);
  });

  it("tells no size for what has no content", async () => {
    const tar = [pax({ size: "600" }), entry({ name: "dir/", type: "5" }), file];
    expect((await headers(...tar)).map((header) => [header.name, header.size])).toEqual([
      ["dir", 0],
      ["plain", 7],
    ]);
  });

  it("counts less than a GNU long name, before or after it, as in Go", async () => {
    const name = "n".repeat(150);
    expect((await headers(pax({ path: "pax" }), long("L", name), file))[0]?.name).toBe(name);
    expect((await headers(long("L", name), pax({ path: "pax" }), file))[0]?.name).toBe(name);
    expect((await headers(long("L", name), pax({ uid: "7" }), file))[0]).toMatchObject({ name, uid: 7 });
  });

  it("is replaced by a second one, as in Go", async () => {
    const [first] = await headers(pax({ path: "one", uid: "1" }), pax({ path: "two" }), file);
    expect(first).toMatchObject({ name: "two", uid: 0 });
  });

  it("may have a keyword twice: the last one counts", async () => {
    const twice = pax([
      ["path", "one"],
      ["path", "two"],
    ]);
    expect((await headers(twice, file))[0]?.name).toBe("two");
  });

  it("leaves a field as it is where the value is empty, as in Go", async () => {
    expect((await headers(pax({ path: "", uname: "", mtime: "" }), file))[0]).toMatchObject({
      name: "plain",
      userName: "user",
    });
  });

  it.each([
    ["1700000000", 1700000000, undefined],
    ["1.000000001", 1, 1],
    ["1.0000000019", 1, 1],
    ["1.", 1, undefined],
    ["-1", -1, undefined],
    ["-0.5", -1, 500_000_000],
    ["-1.25", -2, 750_000_000],
    ["-1.0", -1, undefined],
    ["+5.5", 5, 500_000_000],
  ])("has the time %s", async (mtime, seconds, nanoseconds) => {
    const [header] = await headers(pax({ mtime }), file);
    expect([header?.mtime, header?.mtimeNanoseconds]).toEqual([seconds, nanoseconds]);
  });

  it("has extended attributes of any bytes, empty ones too", async () => {
    const [header] = await headers(
      pax({ "SCHILY.xattr.user.a": Uint8Array.of(0, 10, 61, 255), "SCHILY.xattr.user.empty": "" }),
      file,
    );
    expect(header?.xattrs).toEqual(
      new Map([
        ["user.a", Uint8Array.of(0, 10, 61, 255)],
        ["user.empty", new Uint8Array(0)],
      ]),
    );
    expect(header?.pax).toBeUndefined();
  });

  it("has extended attributes as libarchive writes them, where the other form is not there", async () => {
    const [header] = await headers(
      pax({
        "LIBARCHIVE.xattr.user.both": "b25l",
        "SCHILY.xattr.user.both": "two",
        "LIBARCHIVE.xattr.user.a%3Db%C3%A9": "AAH/",
        "LIBARCHIVE.xattr.user.unpadded": "YQ",
      }),
      file,
    );
    expect(header?.xattrs).toEqual(
      new Map([
        ["user.both", bytes("two")],
        ["user.a=bé", Uint8Array.of(0, 1, 255)],
        ["user.unpadded", bytes("a")],
      ]),
    );
  });

  it("has the device numbers that ustar cannot say", async () => {
    const records = { "SCHILY.devmajor": "3000000", "SCHILY.devminor": "4000000" };
    const [header] = await headers(pax(records), entry({ name: "dev", type: "4" }));
    expect(header).toMatchObject({ deviceMajor: 3000000, deviceMinor: 4000000 });
    expect(header?.pax).toBeUndefined();
  });

  it("has names whose bytes are not UTF-8", async () => {
    expect((await headers(pax({ path: Uint8Array.of(0x61, 0xff) }), file))[0]?.name).toBe("a\udcff");
  });
});

describe("a global PAX header", () => {
  it("stands for the fields of all that follow, until they or another one say otherwise", async () => {
    const read = await headers(
      file,
      pax({ uid: "7", gname: "all", mtime: "5.5", "SCHILY.xattr.user.a": "1" }, "g"),
      file,
      pax({ uid: "8", gname: "", "SCHILY.xattr.user.a": "2" }),
      file,
      pax({ uid: "", gname: "new", "SCHILY.xattr.user.a": "" }, "g"),
      file,
    );
    expect(read.map(({ uid, groupName, mtime, xattrs }) => [uid, groupName, mtime, xattrs?.get("user.a")])).toEqual([
      [0, undefined, 0, undefined],
      [7, "all", 5, bytes("1")],
      [8, undefined, 5, bytes("2")],
      [0, "new", 5, undefined],
    ]);
  });

  it("may say something about the archive, which no entry has then", async () => {
    expect((await headers(pax({ comment: "0123456789abcdef" }, "g"), file))[0]?.pax).toBeUndefined();
  });

  it.each(["path", "linkpath", "size", "GNU.sparse.major"])(
    "is refused with %s, which readers differ on",
    async (key) => {
      await expect(headers(pax({ [key]: "1" }, "g"), file)).rejects.toMatchObject({ code: "UNSUPPORTED" });
    },
  );
});
