import { execFileSync } from "node:child_process";
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { TarHeader } from "../../../src/tar/entry.ts";
import type { TarInput } from "../../../src/tar/index.ts";
import { decodeName, encodeName } from "../../../src/tar/names.ts";

/** A file as the system tells it. Times of directories and what has no meaning for a type are left out. */
export interface FileOnDisk {
  readonly type: string;
  readonly mode: number;
  readonly mtime: string;
  readonly target?: string;
  readonly device?: string;
  readonly content?: string;
  /** Names that are the same file. */
  readonly links?: readonly string[];
}

/** All files under a directory, by their name in it. */
export function filesOnDisk(root: string): Map<string, FileOnDisk> {
  const stats = new Map<string, BigIntStats>();
  const walk = (name: string): void => {
    const entries = readdirSync(pathOf(root, name), { encoding: "buffer" });
    for (const entry of entries) {
      const path = name === "" ? decodeName(entry) : `${name}/${decodeName(entry)}`;
      const stat = lstatSync(pathOf(root, path), { bigint: true });
      stats.set(path, stat);
      if (stat.isDirectory()) walk(path);
    }
  };
  walk("");
  const files = new Map<string, FileOnDisk>();
  for (const [name, stat] of stats) {
    const same = [...stats].filter(([, other]) => other.ino === stat.ino && stat.nlink > 1n && stat.isFile());
    files.set(name, describeFile(pathOf(root, name), stat, same.map(([other]) => other).sort()));
  }
  return files;
}

/** The same of entries that are unpacked. */
export function asOnDisk(entries: readonly TarInput[]): Map<string, FileOnDisk> {
  const files = new Map<string, FileOnDisk>();
  for (const { header } of entries) {
    const original = header.type === "link" ? header.linkName : header.name;
    const names = entries
      .filter(({ header: other }) => other.linkName === original && other.type === "link")
      .map((other) => other.header.name);
    const carrier = entries.find((other) => other.header.name === original) ?? { header };
    files.set(header.name, {
      type: header.type === "link" ? "file" : header.type,
      mode: header.mode,
      mtime: header.type === "directory" ? "" : timeOf(header),
      ...(header.type === "symlink" ? { target: header.linkName ?? "" } : {}),
      ...(header.deviceMajor === undefined ? {} : { device: `${header.deviceMajor}:${header.deviceMinor}` }),
      ...(carrier.header.type === "file" ? { content: contentOf(carrier) } : {}),
      ...(names.length > 0 ? { links: [original ?? "", ...names].sort() } : {}),
    });
  }
  return files;
}

/** Seconds and nanoseconds, as one number of nanoseconds. */
export function timeOf({ mtime, mtimeNanoseconds = 0 }: TarHeader): string {
  return String(BigInt(mtime) * 1_000_000_000n + BigInt(mtimeNanoseconds));
}

function contentOf({ content }: TarInput): string {
  return content instanceof Uint8Array ? Buffer.from(content).toString("latin1") : "";
}

function describeFile(path: Buffer, stat: BigIntStats, links: readonly string[]): FileOnDisk {
  const type = typeOf(stat);
  return {
    type,
    mode: Number(stat.mode & 0o7777n),
    mtime: type === "directory" ? "" : String(stat.mtimeNs),
    ...(type === "symlink" ? { target: decodeName(readlinkSync(path, { encoding: "buffer" })) } : {}),
    ...(type === "char" || type === "block" ? { device: deviceOf(path) } : {}),
    ...(type === "file" ? { content: readFileSync(path).toString("latin1") } : {}),
    ...(links.length > 0 ? { links } : {}),
  };
}

function typeOf(stat: BigIntStats): string {
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isFIFO()) return "fifo";
  if (stat.isCharacterDevice()) return "char";
  return stat.isBlockDevice() ? "block" : "file";
}

function deviceOf(path: Buffer): string {
  const [major = "", minor = ""] = execFileSync("stat", ["-c", "%t %T", path.toString()]).toString().split(" ");
  return `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`;
}

function pathOf(root: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), encodeName(name)]);
}
