import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, realpathSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { type Zippable, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { blobSource, bytesSource, type ReopenableSource } from "../../../src/bytes.ts";
import { crc32 } from "../../../src/compress/index.ts";
import { createMemoryContentStore, withReferences } from "../../../src/content/index.ts";
import { type AddZipOptions, addZip } from "../../../src/frontend/index.ts";
import { readCentralDirectory } from "../../../src/frontend/sources/zip/central-directory.ts";
import { addDirectory } from "../../../src/node/directory-source.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../../src/snapshots/index.ts";
import { lines, nodes, workbench } from "../../diff/support.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { itWith } from "../../support/tools.ts";
import { extra, type RawEnd, type RawEntry, rawZip } from "./raw-zip.ts";
import { entriesOf, failureOf, type RandomDirectory, randomDirectory, treeAfter, writeRandom } from "./support.ts";

const added = (zip: Uint8Array, options?: AddZipOptions, before?: Parameters<typeof treeAfter>[1]) =>
  treeAfter((work) => addZip(work, zip, options), before);
const refused = (entries: readonly RawEntry[], end?: RawEnd, options?: AddZipOptions) =>
  failureOf((work) => addZip(work, rawZip(entries, end), options));
const REGULAR = 0o100000;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const python = (script: string, ...args: string[]): Buffer =>
  execFileSync("python3", ["-c", script, ...args], { maxBuffer: 2 ** 30 });

describe("a zip", () => {
  it("brings files, directories, symlinks and FIFOs, with the modes of a Unix", async () => {
    const zip = rawZip([
      { name: "bin/", unixMode: 0o040750 },
      { name: "bin/tool", packed: "#!/bin/sh\n", unixMode: REGULAR | 0o4755 },
      { name: "bin/link", packed: "../data", unixMode: 0o120777 },
      {
        name: "data",
        method: 8,
        packed: deflateRawSync("x".repeat(1000)),
        size: 1000,
        crc: crc32(text("x".repeat(1000))),
      },
      { name: "pipe", unixMode: 0o010600 },
      { name: "implied/f", packed: "1" },
    ]);
    const tree = await added(zip);
    expect(lines(undefined, tree)).toEqual([
      ...["bin/", "bin/link -> ../data", "bin/tool", "data", "implied/", "implied/f", "pipe"],
    ]);
    const found = nodes(tree);
    for (const node of found.values()) expect(node).toMatchObject({ uid: 0, gid: 0, mtime: 0 });
    expect(found.get("/bin")).toMatchObject({ mode: 0o750 });
    expect(found.get("/bin/tool")).toMatchObject({ mode: 0o4755, size: 10 });
    expect(found.get("/data")).toMatchObject({ mode: 0o644, size: 1000 });
    expect(found.get("/pipe")).toMatchObject({ type: "fifo", mode: 0o600 });
  });

  it("gets its modes from the caller where it has none", async () => {
    const zip = rawZip([
      { name: "d/", host: 0 },
      { name: "d/run.sh", host: 0, unixMode: REGULAR | 0o600 },
    ]);
    expect(nodes(await added(zip)).get("/d/run.sh")).toMatchObject({ mode: 0o644 });
    const mode = (path: string, isDirectory: boolean) =>
      isDirectory ? 0o700 : path.endsWith(".sh") ? 0o755 : undefined;
    const found = nodes(await added(zip, { mode }));
    expect(found.get("/d")).toMatchObject({ mode: 0o700 });
    expect(found.get("/d/run.sh")).toMatchObject({ mode: 0o755 });
  });

  it("counts entries and bytes", async () => {
    const work = await workbench().snapshots.prepare("work");
    const zip = rawZip([{ name: "d/" }, { name: "d/f", packed: "12345" }, { name: "g", packed: "678" }]);
    expect(await addZip(work, new Blob([zip]))).toEqual({ entries: 3, size: 8 });
  });

  it("may be empty, and may have a comment", async () => {
    expect(nodes(await added(rawZip([]))).size).toBe(0);
    expect(nodes(await added(rawZip([{ name: "f" }], { comment: text("hello".repeat(10_000)) }))).size).toBe(1);
  });

  it("may have something before it, if its offsets say so", async () => {
    const zip = rawZip([{ name: "f", packed: "x" }], { prefix: text("#!/usr/bin/env python3\n") });
    expect([...nodes(await added(zip)).keys()]).toEqual(["/f"]);
  });

  it("has names in UTF-8, in code page 437 or as the bytes of a Unix", async () => {
    const names = async (entry: RawEntry) => [...nodes(await added(rawZip([entry]))).keys()];
    expect(await names({ name: "Ünï" })).toEqual(["/Ünï"]);
    expect(await names({ name: Uint8Array.of(0x81, 0x6e, 0x8b), flags: 0, host: 0 })).toEqual(["/ünï"]);
    expect(await names({ name: "Ünï", flags: 0, host: 3 })).toEqual(["/Ünï"]);
    expect(await names({ name: Uint8Array.of(0x6e, 0xff), flags: 0, host: 3 })).toEqual(["/n\udcff"]);
    expect(await names({ name: "a\\b", flags: 0, host: 3 })).toEqual(["/a\\b"]);
    const raw = Uint8Array.of(0x81);
    const unicode = new Uint8Array([...extra(0x7075, [2, 1]).subarray(0, 4), 1, 0, 0, 0, 0, ...text("ü")]);
    unicode[2] = unicode.byteLength - 4;
    new DataView(unicode.buffer).setUint32(5, crc32(raw), true);
    expect(await names({ name: raw, flags: 0, host: 0, extra: unicode })).toEqual(["/ü"]);
    unicode[5] = 99;
    expect(await names({ name: raw, flags: 0, host: 3, extra: unicode })).toEqual(["/\udc81"]);
  });

  it("has owners and times on request: of Info-ZIP's fields, or DOS times as UTC", async () => {
    const owner = new Uint8Array([...extra(0x7875, [4, 0], [4, 0], [2, 0]), 0]);
    owner[2] = 11;
    owner.set([1, 4, 0xe8, 3, 0, 0, 4, 0x40, 0x42, 0x0f, 0], 4);
    const time = new Uint8Array([...extra(0x5455), 1, 0xff, 0xff, 0xff, 0xff]);
    time[2] = 5;
    const zip = rawZip([{ name: "f", extra: new Uint8Array([...owner, ...time]) }, { name: "g" }]);
    const found = nodes(await added(zip, { preserveMtime: true, preserveOwner: true }));
    expect(found.get("/f")).toMatchObject({ uid: 1000, gid: 1_000_000, mtime: -1 });
    expect(found.get("/g")).toMatchObject({ uid: 0, gid: 0, mtime: Date.UTC(1980, 0, 1) / 1000 });
    const clamped = await added(zip, { preserveMtime: true, sourceDateEpoch: 10 });
    expect(nodes(clamped).get("/g")).toMatchObject({ mtime: 10 });
  });

  it("is read by parts, and only where something is wanted", async () => {
    const zip = rawZip([
      { name: "skipped", packed: new Uint8Array(500_000) },
      { name: "taken", packed: "x" },
    ]);
    let bytes = 0;
    const source: ReopenableSource = {
      size: zip.byteLength,
      async *open(range) {
        for await (const chunk of bytesSource(zip).open(range)) {
          bytes += chunk.byteLength;
          yield chunk;
        }
      },
    };
    await treeAfter((work) => addZip(work, source, { filter: (path) => path !== "skipped" }));
    expect(bytes).toBeLessThan(70_000);
  });

  it("is not copied where the snapshot takes sources by reference, and is read by parts then too", async () => {
    const stored = createMemoryContentStore();
    const content = withReferences(stored);
    const snapshots = createSnapshotter({ content, metadata: createMemoryMetadataStore(), sources: "reference" });
    const work = await snapshots.prepare("work");
    const long = "0123456789".repeat(100_000);
    await addZip(work, blobSource(new Blob([zipSync({ long: text(long), short: text("abc") })])));
    for (const path of ["/long", "/short"]) {
      const { node } = await work.stat(path);
      if (node.type !== "file") throw new Error("no file");
      await expect(stored.info(node.content)).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
    expect(await work.readTextFile("/long")).toBe(long);
    const parts: Uint8Array[] = [];
    for await (const chunk of work.read("/long", { offset: 500_003, length: 4 })) parts.push(chunk);
    expect(Buffer.concat(parts).toString()).toBe("3456");
  });
});

describe("a zip that cannot be trusted", () => {
  const packed = deflateRawSync("hello ".repeat(100));
  const hello: RawEntry = {
    name: "f",
    method: 8,
    packed,
    packedSize: packed.byteLength,
    size: 600,
    crc: crc32(text("hello ".repeat(100))),
  };
  const cases: readonly (readonly [string, readonly RawEntry[], string, RawEnd?])[] = [
    ["a path that climbs", [{ name: "../f" }], "INVALID_PATH"],
    ["a path that climbs later on", [{ name: "a/../../f" }], "INVALID_PATH"],
    ["an absolute path", [{ name: "/etc/passwd" }], "INVALID_PATH"],
    ["a backslash of Windows", [{ name: "..\\f", host: 0 }], "INVALID_PATH"],
    ["a NUL in a name", [{ name: "f\0.txt" }], "INVALID_PATH"],
    ["a whiteout", [{ name: "d/.wh.f" }], "INVALID_PATH"],
    ["a file without a name", [{ name: "./", unixMode: REGULAR }], "INVALID_ZIP"],
    [
      "a path through its own symlink",
      [{ name: "l", packed: "/etc", unixMode: 0o120777 }, { name: "l/f" }],
      "INVALID_PATH",
    ],
    [
      "two files of one name",
      [
        { name: "f", packed: "1" },
        { name: "./f", packed: "2" },
      ],
      "ALREADY_EXISTS",
    ],
    ["a file and a directory of one name", [{ name: "f" }, { name: "f/" }], "ALREADY_EXISTS"],
    ["a file under a file", [{ name: "f" }, { name: "f/g" }], "NOT_A_DIRECTORY"],
    ["an encrypted entry", [{ name: "f", flags: 1 }], "UNSUPPORTED"],
    ["strong encryption", [{ name: "f", flags: 1 << 6 }], "UNSUPPORTED"],
    ["another method", [{ name: "f", method: 93 }], "UNSUPPORTED"],
    ["a device", [{ name: "f", unixMode: 0o020600 }], "UNSUPPORTED"],
    ["one of several parts", [{ name: "f" }], "UNSUPPORTED", { part: 1 }],
    ["a split directory", [{ name: "f" }], "UNSUPPORTED", { onThisPart: 0 }],
    ["a directory with a content", [{ name: "d/", packed: "x" }], "INVALID_ZIP"],
    ["a directory by mode only", [{ name: "d", unixMode: 0o040755 }], "INVALID_ZIP"],
    ["a directory by name only", [{ name: "d/", unixMode: REGULAR | 0o644 }], "INVALID_ZIP"],
    ["a long symlink", [{ name: "l", packed: "x".repeat(4096), unixMode: 0o120777 }], "INVALID_ZIP"],
    ["a wrong checksum", [{ ...hello, crc: 1 }], "INVALID_ZIP"],
    ["a content that is longer than it says", [{ ...hello, size: 599 }], "INVALID_ZIP"],
    ["a content that is shorter than it says", [{ ...hello, size: 601 }], "INVALID_ZIP"],
    ["stored sizes that differ", [{ name: "f", packed: "abc", size: 4 }], "INVALID_ZIP"],
    ["damaged deflate data", [{ ...hello, packed: new Uint8Array(20).fill(0xff), packedSize: 20 }], "INVALID_ZIP"],
    [
      "truncated deflate data",
      [{ ...hello, packed: packed.subarray(0, -3), packedSize: packed.byteLength - 3 }],
      "INVALID_ZIP",
    ],
    [
      "deflate data with more behind it",
      [{ ...hello, packed: Buffer.concat([packed, Buffer.alloc(9)]), packedSize: packed.byteLength + 9 }],
      "INVALID_ZIP",
    ],
    ["another name in the local header", [{ ...hello, local: { name: "g" } }], "INVALID_ZIP"],
    ["another method in the local header", [{ ...hello, local: { method: 0 } }], "INVALID_ZIP"],
    ["another size in the local header", [{ ...hello, local: { size: 601 } }], "INVALID_ZIP"],
    ["another packed size in the local header", [{ ...hello, local: { packedSize: 5 } }], "INVALID_ZIP"],
    ["another checksum in the local header", [{ ...hello, local: { crc: 5 } }], "INVALID_ZIP"],
    ["encryption in the local header only", [{ ...hello, local: { flags: (1 << 11) | 1 } }], "INVALID_ZIP"],
    ["no name in the local header", [{ ...hello, local: { name: "" } }], "INVALID_ZIP"],
    ["an entry that is not where it should be", [{ ...hello, offset: 3 }], "INVALID_ZIP"],
    ["an entry far away", [{ ...hello, offset: 1_000_000 }], "INVALID_ZIP"],
    ["entries on one another", [hello, { ...hello, name: "g", offset: 0 }], "INVALID_ZIP"],
    [
      "entries that overlap by a local extra field",
      [
        { ...hello, local: { extra: extra(9, [8, 0]) } },
        { ...hello, name: "g", offset: 31 + packed.byteLength + 5 },
      ],
      "INVALID_ZIP",
    ],
    ["more entries than it says", [hello, { name: "g" }], "INVALID_ZIP", { entries: 1 }],
    ["fewer entries than it says", [hello], "INVALID_ZIP", { entries: 2 }],
    ["a directory elsewhere", [hello], "INVALID_ZIP", { offset: 0 }],
    ["a directory that is too long", [hello], "INVALID_ZIP", { size: 5000 }],
    ["something before it that its offsets do not know", [hello], "INVALID_ZIP", { prefix: text("MZ"), offset: 30 }],
    ["an end in its comment", [hello], "INVALID_ZIP", { comment: rawZip([]) }],
    ["an extra field beyond its room", [{ ...hello, extra: Uint8Array.of(9, 0, 200, 0) }], "INVALID_ZIP"],
    ["two ZIP64 fields", [{ ...hello, extra: Buffer.concat([extra(1, [8, 0]), extra(1, [8, 1])]) }], "INVALID_ZIP"],
    ["a ZIP64 field that is too short", [{ ...hello, size: 0xffffffff, extra: extra(1, [4, 0]) }], "INVALID_ZIP"],
    [
      "a number beyond all files",
      [{ ...hello, size: 0xffffffff, extra: extra(1, [4, 0xffffffff], [4, 0xffffffff]) }],
      "INVALID_ZIP",
    ],
  ];
  for (const [what, entries, code, end] of cases) {
    it(`is refused for ${what}`, async () => {
      expect(await refused(entries, end)).toMatchObject({ name: "SlipwayError", code });
    });
  }

  it("names the entry", async () => {
    for (const entry of [
      { ...hello, crc: 1 },
      { name: "f", flags: 1 },
      { name: "f", method: 93 },
      { ...hello, size: 5 },
    ]) {
      expect(await refused([entry])).toMatchObject({ message: expect.stringContaining('entry "f"') });
    }
  });

  it("cannot grow beyond its declared size, or what is allowed", async () => {
    const zeros = deflateRawSync(Buffer.alloc(50_000_000));
    expect(zeros.byteLength).toBeLessThan(60_000);
    let produced = 0;
    const work = await workbench().snapshots.prepare("work");
    const lying = rawZip([{ name: "bomb", method: 8, packed: zeros, size: 10, crc: 0 }]);
    const onProgress = ({ current = 0 }: { readonly current?: number }): void => {
      produced = Math.max(produced, current);
    };
    await expect(addZip(work, lying, { onProgress })).rejects.toMatchObject({ code: "INVALID_ZIP" });
    expect(produced).toBe(0);
    const honest = rawZip([{ name: "bomb", method: 8, packed: zeros, size: 50_000_000, crc: 0 }]);
    await expect(addZip(work, honest, { sizeLimit: 1_000_000 })).rejects.toMatchObject({ code: "INVALID_ZIP" });
    await expect(addZip(work, rawZip([{ name: "a/b/c" }]), { entryLimit: 2 })).rejects.toMatchObject({
      code: "INVALID_ZIP",
    });
    await expect(addZip(work, rawZip([{ name: "a" }, { name: "b" }]), { entryLimit: 1 })).rejects.toMatchObject({
      code: "INVALID_ZIP",
    });
  });

  it("is refused wherever it is cut off, and never ends in another way than an error of ours", async () => {
    const zip = rawZip([hello, { name: "d/" }, { name: "l", packed: "f", unixMode: 0o120777 }]);
    for (let size = 0; size < zip.byteLength; size++) {
      const cut = zip.subarray(0, size);
      expect(await failureOf((work) => addZip(work, cut))).toMatchObject({ code: "INVALID_ZIP" });
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(zip.byteLength - 1), fc.nat(255), async (at, value) => {
        const damaged = zip.slice();
        damaged[at] = value;
        const failure = await failureOf((work) => addZip(work, damaged));
        if (failure !== undefined) expect(failure).toMatchObject({ name: "SlipwayError" });
      }),
      { numRuns: 400 },
    );
  });
});

/** What the other tools have to make a zip of. */
function sample(): string {
  const home = realpathSync(temporaryDirectory());
  for (const [name, content, mode] of [
    ["bin/run.sh", "#!/bin/sh\n", 0o755],
    ["deep/er/still/file", "x".repeat(100_000), 0o640],
    ["empty", "", 0o600],
    ["Ünï/cödé \u{1f600}", "text", 0o644],
  ] as const) {
    const path = join(home, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    chmodSync(path, mode);
    utimesSync(path, 1_700_000_001, 1_700_000_001);
  }
  mkdirSync(join(home, "nothing"), { mode: 0o700 });
  symlinkSync("../bin/run.sh", join(home, "deep/link"));
  return home;
}

const MAKE = `
import os, stat, sys, zipfile
home, out, method, wide = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "wide"
with zipfile.ZipFile(out, "w", method) as zip:
  for top, directories, files in os.walk(home):
    for name in directories + files:
      path = os.path.join(top, name)
      status = os.lstat(path)
      link = stat.S_ISLNK(status.st_mode)
      info = zipfile.ZipInfo(os.path.relpath(path, home) + ("/" if stat.S_ISDIR(status.st_mode) else ""))
      info.create_system = 3
      info.external_attr = status.st_mode << 16
      info.compress_type = zipfile.ZIP_STORED if info.is_dir() else method
      data = b"" if info.is_dir() else os.readlink(path).encode() if link else open(path, "rb").read()
      with zip.open(info, "w", force_zip64=wide) as entry: entry.write(data)
`;

describe("a zip that others made", () => {
  for (const [what, method, wide] of [
    ["stored", "0", "narrow"],
    ["deflated", "8", "narrow"],
    ["with ZIP64 fields", "8", "wide"],
  ] as const) {
    itWith(["python3"], `by Python's zipfile, ${what}, is the directory that it was made of`, async () => {
      const home = sample();
      const out = join(temporaryDirectory(), "python.zip");
      python(MAKE, home, out, method, wide);
      const expected = await treeAfter((work) => addDirectory(work, home, { xattrs: false }));
      expect((await added(execFileSync("cat", [out]))).root.digest).toBe(expected.root.digest);
    });
  }

  itWith(["python3"], "by Python's zipfile on a pipe, with sizes behind the contents, is read as well", async () => {
    const zip = python(`
import sys, zipfile
with zipfile.ZipFile(sys.stdout.buffer, "w", zipfile.ZIP_DEFLATED) as zip:
  zip.writestr("a/b", "x" * 1000)
  zip.writestr("c", "")
`);
    expect([...nodes(await added(zip)).keys()]).toEqual(["/a", "/a/b", "/c"]);
  });

  for (const count of [65_534, 65_535, 65_536]) {
    itWith(["python3"], `by Python's zipfile has all its ${count} entries`, async () => {
      const zip = python(`
import io, sys, zipfile
data = io.BytesIO()
with zipfile.ZipFile(data, "w") as zip:
  for i in range(${count}): zip.writestr(zipfile.ZipInfo(str(i)), "")
sys.stdout.buffer.write(data.getvalue())
`);
      const entries = await readCentralDirectory(bytesSource(zip), Number.POSITIVE_INFINITY, undefined);
      expect(new Set(entries.map(({ name }) => name)).size).toBe(count);
    });
  }

  for (const args of [["-qry"], ["-qry0"], ["-qryX"], ["-qry", "-fz"], ["-qryD"]]) {
    itWith(["zip"], `by Info-ZIP's zip ${args.join(" ")} is the directory that it was made of`, async () => {
      const home = sample();
      const out = join(temporaryDirectory(), "info.zip");
      execFileSync("zip", [...args, out, "."], { cwd: home });
      // Directories are only in the zip without -D, and times only without -X.
      const filter = args.includes("-qryD") ? (_: string, isDirectory: boolean) => !isDirectory : undefined;
      const preserveMtime = !args.includes("-qryX") && !args.includes("-qryD");
      const expected = await treeAfter((work) => addDirectory(work, home, { xattrs: false, preserveMtime, filter }));
      const tree = await added(execFileSync("cat", [out]), { preserveMtime });
      if (filter === undefined) expect(tree.root.digest).toBe(expected.root.digest);
      else expect([...nodes(tree).keys()]).toEqual([...nodes(expected).keys()]);
    });
  }

  itWith(["zip"], "by Info-ZIP on a pipe is read as well", async () => {
    const home = sample();
    const zip = execFileSync("zip", ["-qrD", "-", "bin", "deep/er", "Ünï"], { cwd: home });
    const files = ["/bin/run.sh", "/deep/er/still/file", "/Ünï/cödé \u{1f600}"];
    const found = nodes(await added(zip));
    const expected = nodes(await treeAfter((work) => addDirectory(work, home, { xattrs: false })));
    expect([...found].filter(([, { type }]) => type === "file")).toEqual(
      files.map((path) => [path, expected.get(path)]),
    );
  });

  it("by fflate is the tree that it was made of", async () => {
    const zippable = (directory: RandomDirectory): Zippable => {
      const made: Zippable = {};
      for (const { path, node } of entriesOf(directory)) {
        if (node === "directory") made[`${path}/`] = [new Uint8Array(0), { os: 3, attrs: 0o040755 * 65536 }];
        else if ("target" in node) made[path] = [text(node.target), { os: 3, attrs: 0o120777 * 65536 }];
        else made[path] = [text(node.content), { os: 3, attrs: (REGULAR | node.mode) * 65536 }];
      }
      return made;
    };
    await fc.assert(
      fc.asyncProperty(randomDirectory, fc.constantFrom(0, 1, 6, 9), async (directory, level) => {
        const expected = await treeAfter((work) => writeRandom(work, directory));
        const tree = await added(zipSync(zippable(directory), { level: level as 0 }));
        expect(tree.root.digest).toBe(expected.root.digest);
      }),
      { numRuns: 100 },
    );
  });
});
