import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TarHeader } from "../../../src/tar/entry.ts";
import type { TarInput } from "../../../src/tar/index.ts";
import { decodeName } from "../../../src/tar/names.ts";
import { bytes } from "./raw.ts";

const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** An entry of ours, owned by who runs the tests, so that anybody can unpack it. */
export function sample(name: string, change: Partial<TarHeader> = {}, content = ""): TarInput {
  const type = change.type ?? "file";
  const data = new TextEncoder().encode(content);
  const mode = type === "directory" ? 0o755 : type === "symlink" ? 0o777 : 0o644;
  return {
    header: { name, type, mode, ...own, size: type === "file" ? data.byteLength : 0, mtime: 1700000000, ...change },
    content: data,
  };
}

const long = (letter: string, size: number): string => letter.repeat(size);

/** What every format can say. */
export const plainSamples: readonly TarInput[] = [
  sample("dir", { type: "directory", mode: 0o751 }),
  sample("dir/empty"),
  sample("dir/file", { mode: 0o640, mtime: 1 }, "content\n"),
  sample("dir/block", {}, "b".repeat(512)),
  sample("dir/large", {}, "large\n".repeat(20_000)),
  sample("dir/name with space and 'signs' %", {}, "x"),
  sample("dir/link", { type: "link", linkName: "dir/file", mode: 0o640, mtime: 1 }),
  sample("dir/symlink", { type: "symlink", linkName: "../dir/file" }),
  sample("dir/dangling", { type: "symlink", linkName: "/nowhere" }),
  sample("setuid", { mode: 0o4755 }, "x"),
  sample("sticky", { type: "directory", mode: 0o1777 }),
];

/** What ustar can say besides. */
export const ustarSamples: readonly TarInput[] = [
  sample("fifo", { type: "fifo", mode: 0o600 }),
  sample(long("p", 90), { type: "directory" }),
  sample(`${long("p", 90)}/${long("f", 100)}`, {}, "long"),
  sample(`${long("p", 90)}/${long("s", 90)}`, { type: "symlink", linkName: long("t", 100) }),
];

/** What takes GNU's or PAX's headers: long names, bytes beyond ASCII (which GNU tar writes as they are). */
export const longSamples: readonly TarInput[] = [
  sample(`${long("p", 90)}/${long("f", 101)}`, {}, "longer"),
  sample(`${long("p", 90)}/${long("q", 200)}`, { type: "directory" }),
  sample(`${long("p", 90)}/${long("q", 200)}/${long("r", 200)}`, {}, "longest"),
  sample(`${long("p", 90)}/${long("l", 101)}`, {
    type: "link",
    linkName: `${long("p", 90)}/${long("q", 200)}/${long("r", 200)}`,
  }),
  sample(`${long("p", 90)}/${long("s", 101)}`, { type: "symlink", linkName: long("t", 300) }),
  sample("café ☕ 日本語 😀", {}, "text"),
  sample("symlink to é", { type: "symlink", linkName: "é/ö" }),
];

/** Bytes that are not UTF-8. */
export const byteSamples: readonly TarInput[] = [
  sample(decodeName(Uint8Array.of(0x63, 0x61, 0x66, 0xe9)), {}, "latin"),
  sample("to latin", { type: "symlink", linkName: "caf\udce9" }),
];

/** Times before 1970: base-256 in GNU's format, records in PAX. */
export const oldSamples: readonly TarInput[] = [
  sample("before", { mtime: -1 }),
  sample("long before", { mtime: -86400 * 365 * 20 }),
];

/** What only PAX can say. */
export const paxSamples: readonly TarInput[] = [
  sample("fraction", { mtime: 1700000000, mtimeNanoseconds: 123456789 }),
  sample("tenth", { mtime: 5, mtimeNanoseconds: 100000000 }),
  sample("fraction before", { mtime: -2, mtimeNanoseconds: 250000000 }),
];

/** Needs root, or the right to make devices. */
export const deviceSamples: readonly TarInput[] = canMakeDevices()
  ? [
      sample("null", { type: "char", mode: 0o666, deviceMajor: 1, deviceMinor: 3 }),
      sample("disk", { type: "block", mode: 0o660, deviceMajor: 259, deviceMinor: 70000 }),
    ]
  : [];

/** Extended attributes, where the file system of the temporary directory has them. */
export const xattrSamples: readonly TarInput[] = hasXattrs()
  ? [
      sample("attributes", {
        xattrs: new Map([
          ["user.binary", Uint8Array.of(0, 1, 10, 61, 255)],
          ["user.text", bytes("text")],
        ]),
      }),
    ]
  : [];

function canMakeDevices(): boolean {
  return inScratch((path) => execFileSync("mknod", [path, "c", "1", "3"], { stdio: "ignore" }));
}

function hasXattrs(): boolean {
  return inScratch((path) => {
    writeFileSync(path, "");
    execFileSync("setfattr", ["-n", "user.a", "-v", "b", path], { stdio: "ignore" });
  });
}

function inScratch(work: (path: string) => void): boolean {
  const directory = mkdtempSync(join(tmpdir(), "slipway-tar-"));
  try {
    work(join(directory, "scratch"));
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
