import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { bytesEqual, concatBytes } from "../../src/bytes.ts";
import { sampleBytes } from "../../src/content/conformance/support.ts";
import { SlipwayError } from "../../src/errors.ts";
import { digestOf, hostHasher, pureHasher } from "../../src/hash/index.ts";
import { fileSource, fileSourceOfSize, hostError, nodeHasher, writeFileAtomically } from "../../src/node/index.ts";
import { digestHex } from "../../src/oci/digest.ts";
import { arrayOf, bytesOf, readUntilError } from "../content/support.ts";
import { temporaryDirectory } from "../support/temporary.ts";

let home = "";
beforeEach(() => {
  home = temporaryDirectory();
});

const inHome = (name: string, bytes: Uint8Array | string = ""): string => {
  const path = join(home, name);
  writeFileSync(path, bytes);
  return path;
};

describe("nodeHasher", () => {
  it("hashes what is in memory at one go to the same digest", () => {
    for (const algorithm of ["sha256", "sha512"] as const) {
      for (const size of [0, 1, 63, 64, 65, 100_000]) {
        const bytes = sampleBytes(1, size);
        const digest = digestOf(bytes, pureHasher, algorithm);
        for (const hasher of [nodeHasher, hostHasher]) {
          expect(hasher.hexOf?.(algorithm, bytes)).toBe(digestHex(digest));
          expect(digestOf(bytes, hasher, algorithm)).toBe(digest);
        }
      }
    }
  });

  it("hashes as the pure one does, however the bytes are cut, and can be cloned and go on", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("sha256" as const, "sha512" as const),
        fc.array(fc.uint8Array({ maxLength: 300 })),
        (algorithm, chunks) => {
          const [one, other] = [nodeHasher(algorithm), pureHasher(algorithm)];
          for (const chunk of chunks) {
            one.update(chunk);
            other.update(chunk);
            expect(one.digest()).toEqual(other.digest());
          }
          const clone = one.clone();
          clone.update(bytesOf("more"));
          expect(one.digest()).toEqual(other.digest());
          other.update(bytesOf("more"));
          expect(clone.digest()).toEqual(other.digest());
        },
      ),
    );
  });
});

describe("fileSource", () => {
  it.each([0, 1, 65_536, 65_537, 700_000])(
    "reads a file of %d bytes, whole and in parts, again and again",
    async (size) => {
      const bytes = sampleBytes(size, size);
      const source = await fileSource(inHome("file", bytes));
      expect(source.size).toBe(size);
      expect(source.name).toBe(join(home, "file"));
      for (const range of [
        undefined,
        {},
        { offset: Math.floor(size / 2) },
        { length: Math.floor(size / 3) },
        { offset: size },
      ]) {
        const expected = bytes.subarray(range?.offset ?? 0, range?.length === undefined ? size : range.length);
        expect(bytesEqual(concatBytes(await arrayOf(source.open(range))), expected)).toBe(true);
      }
      await expect(arrayOf(source.open({ length: size + 1 }))).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
    },
  );

  it.each([1000, 500_000])("notices that a file of %d bytes grew or shrank", async (size) => {
    const path = inHome("file", sampleBytes(1, size));
    const source = await fileSource(path);
    for (const change of [() => appendFileSync(path, "x"), () => truncateSync(path, size - 1)]) {
      change();
      const { error } = await readUntilError(source.open());
      expect(error).toMatchObject({ code: "SIZE_MISMATCH", message: expect.stringContaining(path) });
    }
  });

  it("notices that the file grows or shrinks while it is read", async () => {
    for (const change of [(path: string) => appendFileSync(path, "x"), (path: string) => truncateSync(path, 300_000)]) {
      const path = inHome("file", new Uint8Array(800_000));
      const chunks = (await fileSource(path)).open()[Symbol.asyncIterator]();
      await chunks.next();
      change(path);
      const rest = { [Symbol.asyncIterator]: () => chunks };
      expect((await readUntilError(rest)).error).toMatchObject({ code: "SIZE_MISMATCH" });
    }
  });

  it("says what cannot be read, and why", async () => {
    await expect(fileSource(join(home, "none"))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `Cannot read ${home}/none: no such file or directory`,
    });
    await expect(fileSource(home)).rejects.toMatchObject({ code: "IS_A_DIRECTORY" });
    await expect(fileSource("/dev/null")).rejects.toMatchObject({ code: "UNSUPPORTED" });
    inHome("file");
    await expect(fileSource(join(home, "file", "inside"))).rejects.toMatchObject({ code: "NOT_A_DIRECTORY" });
    symlinkSync("loop", join(home, "loop"));
    await expect(fileSource(join(home, "loop"))).rejects.toMatchObject({ code: "SYMLINK_LOOP" });
  });

  it("does not follow a symlink, nor wait for a pipe, that took the place of the file", async () => {
    const path = inHome("file", "secret");
    for (const size of [6, 100_000]) {
      const strict = fileSourceOfSize(join(home, "link"), size, { followSymlinks: false });
      symlinkSync(path, join(home, "link"));
      await expect(arrayOf(strict.open())).rejects.toMatchObject({ code: "SYMLINK_LOOP" });
      renameSync(join(home, "link"), join(home, `old-${size}`));
      execFileSync("mkfifo", [join(home, "link")]);
      await expect(arrayOf(strict.open())).rejects.toMatchObject({ code: "UNSUPPORTED" });
      renameSync(join(home, "link"), join(home, `pipe-${size}`));
    }
    symlinkSync(path, join(home, "link"));
    expect(await arrayOf((await fileSource(join(home, "link"))).open())).toEqual([bytesOf("secret")]);
  });

  it("fills two arrays in turn where the reader is done with each, and else gives each away", async () => {
    const bytes = sampleBytes(1, 1_000_000);
    const source = await fileSource(inHome("file", bytes));
    for (const range of [{}, { offset: 70_000 }, { offset: 1, length: 900_000 }]) {
      for (const [reuse, expected] of [
        [true, 2],
        [false, Number.POSITIVE_INFINITY],
      ] as const) {
        const buffers = new Set<ArrayBufferLike>();
        const copies: Uint8Array[] = [];
        for await (const chunk of source.open({ ...range, reuse })) {
          buffers.add(chunk.buffer);
          copies.push(chunk.slice());
        }
        const { offset = 0, length = bytes.byteLength } = range as { offset?: number; length?: number };
        expect(bytesEqual(concatBytes(copies), bytes.subarray(offset, offset + length))).toBe(true);
        expect(buffers.size).toBe(Math.min(copies.length, expected));
      }
    }
  });

  it("reads a file whole, a small one at once", async () => {
    for (const size of [0, 1, 65_536, 65_537, 600_000]) {
      const bytes = randomBytes(size);
      const path = inHome(`whole-${size}`, bytes);
      const source = await fileSource(path);
      const read = source.readWhole?.();
      if (size <= 65_536) expect(read).toBeInstanceOf(Uint8Array);
      expect(Buffer.compare((await read) ?? Buffer.alloc(0), bytes)).toBe(0);
      for (const changed of [size + 1, size - 1]) {
        if (changed < 0) continue;
        writeFileSync(path, randomBytes(changed));
        await expect((async () => await source.readWhole?.())()).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
      }
      rmSync(path);
      await expect((async () => await source.readWhole?.())()).rejects.toMatchObject({ code: "NOT_FOUND" });
      mkdirSync(path);
      await expect((async () => await source.readWhole?.())()).rejects.toMatchObject({ code: "IS_A_DIRECTORY" });
    }
  });

  it("reads a file whose name is not UTF-8", async () => {
    const path = Buffer.concat([Buffer.from(`${home}/`), Buffer.from([0xff, 0xfe])]);
    writeFileSync(path, "odd");
    expect(await arrayOf((await fileSource(path)).open())).toEqual([bytesOf("odd")]);
  });
});

describe("writeFileAtomically", () => {
  const namesIn = (): string[] => readdirSync(home).sort();

  it("writes what it is given, and says how much", async () => {
    const path = join(home, "out.tar");
    expect(await writeFileAtomically(path, [bytesOf("one "), bytesOf("two")])).toBe(7);
    expect(readFileSync(path, "utf8")).toBe("one two");
    expect(await writeFileAtomically(path, new Uint8Array())).toBe(0);
    expect(readFileSync(path, "utf8")).toBe("");
    expect(namesIn()).toEqual(["out.tar"]);
  });

  it("gives the file the mode it is told, less the umask", async () => {
    const before = process.umask(0o027);
    try {
      await writeFileAtomically(join(home, "plain"), bytesOf("x"));
      await writeFileAtomically(join(home, "private"), bytesOf("x"), { mode: 0o600 });
    } finally {
      process.umask(before);
    }
    expect(lstatSync(join(home, "plain")).mode & 0o777).toBe(0o640);
    expect(lstatSync(join(home, "private")).mode & 0o777).toBe(0o600);
  });

  it("keeps the old file and leaves no other if the source fails or is aborted", async () => {
    const path = inHome("out.tar", "old");
    const failure = new Error("the source failed");
    const failing = async function* () {
      yield bytesOf("half");
      throw failure;
    };
    await expect(writeFileAtomically(path, failing())).rejects.toBe(failure);
    const controller = new AbortController();
    const reason = new Error("enough");
    const aborting = async function* () {
      yield bytesOf("half");
      controller.abort(reason);
      yield bytesOf("more");
    };
    await expect(writeFileAtomically(path, aborting(), { signal: controller.signal })).rejects.toBe(reason);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(namesIn()).toEqual(["out.tar"]);
  });

  it("follows a symlink to the file that is meant", async () => {
    const path = inHome("real", "old");
    symlinkSync("real", join(home, "link"));
    await writeFileAtomically(join(home, "link"), bytesOf("new"));
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(readlinkSync(join(home, "link"))).toBe("real");
  });

  it("writes into a device as it is", async () => {
    expect(await writeFileAtomically("/dev/null", bytesOf("gone"))).toBe(4);
    expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  it("says what cannot be written, and why", async () => {
    await expect(writeFileAtomically(home, bytesOf("x"))).rejects.toMatchObject({ code: "IS_A_DIRECTORY" });
    await expect(writeFileAtomically(join(home, "none", "file"), bytesOf("x"))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining(join(home, "none", "file")),
    });
    await expect(writeFileAtomically(join(home, "x".repeat(300)), bytesOf("x"))).rejects.toMatchObject({
      code: "INVALID_PATH",
    });
    expect(namesIn()).toEqual([]);
  });

  it("says that it may not write", async () => {
    mkdirSync(join(home, "closed"));
    chmodSync(join(home, "closed"), 0o555);
    const root = process.geteuid?.() === 0;
    // Root may write everywhere, so it becomes nobody for a moment.
    if (root) process.seteuid?.(65534);
    try {
      await expect(writeFileAtomically(join(home, "closed", "f"), bytesOf("x"))).rejects.toMatchObject({
        code: "PERMISSION_DENIED",
      });
    } finally {
      if (root) process.seteuid?.(0);
    }
    expect(existsSync(join(home, "closed", "f"))).toBe(false);
  });
});

describe("hostError", () => {
  const failing = (code: string): Error => Object.assign(new Error(`${code}: raw`), { code });

  it.each([
    ["ENOSPC", "NO_SPACE", "Cannot write f: no space left on the device"],
    ["EDQUOT", "NO_SPACE", "Cannot write f: the disk quota is used up"],
    ["EACCES", "PERMISSION_DENIED", "Cannot write f: permission denied"],
    ["EPERM", "PERMISSION_DENIED", "Cannot write f: operation not permitted"],
    ["EROFS", "PERMISSION_DENIED", "Cannot write f: the filesystem is read-only"],
    ["ENOENT", "NOT_FOUND", "Cannot write f: no such file or directory"],
    ["EIO", "IO", "Cannot write f: input/output error"],
    ["ERR_ACCESS_DENIED", "PERMISSION_DENIED", "Cannot write f: the runtime was not given permission"],
    ["EWHATEVER", "IO", "Cannot write f: EWHATEVER: raw"],
  ])("turns %s into %s", (errno, code, message) => {
    const cause = failing(errno);
    expect(hostError(cause, "write f")).toMatchObject({ code, message, cause });
  });

  it("leaves what is a Slipway error already, and takes anything else", () => {
    const own = new SlipwayError("OUT_OF_RANGE", "x");
    expect(hostError(own, "write f")).toBe(own);
    expect(hostError("text", "write f")).toMatchObject({ code: "IO", message: "Cannot write f: text" });
    const refusal = Object.assign(new Error("Requires write access"), { name: "NotCapable" });
    expect(hostError(refusal, "write f")).toMatchObject({
      code: "PERMISSION_DENIED",
      message: "Cannot write f: the runtime was not given permission (Requires write access)",
    });
  });
});
