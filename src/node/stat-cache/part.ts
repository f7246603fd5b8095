import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { STAT_WORDS } from "./file-stat.ts";

/** What is recorded of an entry besides its stat. */
export interface RecordedMore {
  /** Of a symlink. */
  readonly target?: string;
  /** Of a device. */
  readonly device?: readonly [major: number, minor: number];
  /** Extended attributes, their values in base64. */
  readonly xattrs?: readonly (readonly [name: string, value: string])[];
}

/** What is recorded of an entry of a directory. */
export interface RecordedFile {
  /** Has the words of its stat from `at` on. */
  readonly words: Int32Array;
  readonly at: number;
  /** SHA-256 of its content, in hex. Of anything but a regular file nothing. */
  readonly sha256: string;
  readonly more?: RecordedMore;
}

/** Entries of one directory, in the order of their names. */
export interface RecordedFiles {
  /** Path within the tree, empty for its root. */
  readonly directory: string;
  readonly names: readonly string[];
  readonly files: readonly RecordedFile[];
  /** Digest of the directory with exactly these entries, as a snapshot has it. */
  readonly whole?: string | undefined;
}

type NamesForm = readonly [directory: string, names: readonly string[], whole: string, more: readonly MoreForm[]];
type MoreForm = readonly [index: number, more: RecordedMore];

const CHECKSUM = 32;
const STAT_BYTES = STAT_WORDS * 4;
const DIGEST_BYTES = 32;
const NO_DIGEST = "00".repeat(DIGEST_BYTES);

/**
 * A part of a tree's records as bytes: a checksum, the length of the names, the names as JSON, the stats, the digests. It must not be
 * damaged unnoticed: a wrong digest would make each build fail that believes it.
 */
export function encodePart(directories: readonly RecordedFiles[]): Uint8Array {
  const listed = directories.map(({ directory, names, files, whole }): NamesForm => {
    const more = files.flatMap((file, index): MoreForm[] => (file.more === undefined ? [] : [[index, file.more]]));
    return [directory, names, whole ?? "", more];
  });
  const names = Buffer.from(JSON.stringify(listed), "utf8");
  const count = directories.reduce((sum, { files }) => sum + files.length, 0);
  const words = new Int32Array(count * STAT_WORDS);
  const digests: string[] = [];
  let filled = 0;
  for (const { files } of directories) {
    for (const { words: from, at, sha256 } of files) {
      words.set(from.subarray(at, at + STAT_WORDS), filled);
      filled += STAT_WORDS;
      digests.push(sha256 === "" ? NO_DIGEST : sha256);
    }
  }
  const length = Buffer.alloc(4);
  length.writeUInt32LE(names.byteLength);
  const body = Buffer.concat([length, names, Buffer.from(words.buffer), Buffer.from(digests.join(""), "hex")]);
  return Buffer.concat([checksumOf(body), body]);
}

/** What is in a part, or nothing if it is damaged or of another kind. */
export function decodePart(bytes: Uint8Array): readonly RecordedFiles[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = buffer.subarray(CHECKSUM);
  if (body.byteLength < 4 || !checksumOf(body).equals(buffer.subarray(0, CHECKSUM))) return [];
  try {
    const end = 4 + body.readUInt32LE();
    const listed = JSON.parse(body.toString("utf8", 4, end)) as readonly NamesForm[];
    const count = listed.reduce((sum, [, names]) => sum + names.length, 0);
    if (body.byteLength !== end + count * (STAT_BYTES + DIGEST_BYTES)) return [];
    const stats = body.subarray(end, end + count * STAT_BYTES);
    const words = new Int32Array(stats.buffer.slice(stats.byteOffset, stats.byteOffset + stats.byteLength));
    const digests = body.toString("hex", end + stats.byteLength);
    let file = 0;
    return listed.map(([directory, names, whole, odd]) => {
      const mores = odd.length === 0 ? undefined : new Map(odd);
      const files = names.map((_, index): RecordedFile => {
        const at = file++;
        const digest = digests.slice(at * 2 * DIGEST_BYTES, (at + 1) * 2 * DIGEST_BYTES);
        const sha256 = digest === NO_DIGEST ? "" : digest;
        const more = mores?.get(index);
        const recorded = { words, at: at * STAT_WORDS, sha256 };
        return more === undefined ? recorded : { ...recorded, more };
      });
      return { directory, names, files, whole: whole === "" ? undefined : whole };
    });
  } catch {
    // It has the right checksum, but another form: of another version.
    return [];
  }
}

/** The name of a part: the same records have the same. */
export const nameOfPart = (part: Uint8Array): string => Buffer.from(part.subarray(0, 16)).toString("hex");

const checksumOf = (body: Uint8Array): Buffer => createHash("sha256").update(body).digest();

/** Files in a part at least, and at most: some hundred KiB. */
const SMALLEST = 2048;
const LARGEST = 8192;
/** Files beyond the smallest number after which a part ends on average. */
const SPREAD = 1024;

/**
 * Cuts records into parts at places that depend on names alone, so that a file that comes or goes changes the part that it is in and
 * perhaps the next one, and leaves the others as they are.
 */
export function* cutParts(directories: Iterable<RecordedFiles>): Generator<readonly RecordedFiles[], void, undefined> {
  let part: RecordedFiles[] = [];
  let count = 0;
  for (const { directory, names, files, whole } of directories) {
    let first = 0;
    for (const [at, name] of names.entries()) {
      if (count >= LARGEST || (count >= SMALLEST && hashOf(name) % SPREAD === 0)) {
        if (at > first) part.push({ directory, names: names.slice(first, at), files: files.slice(first, at), whole });
        yield part;
        part = [];
        count = 0;
        first = at;
      }
      count++;
    }
    part.push({ directory, names: names.slice(first), files: files.slice(first), whole });
  }
  if (part.length > 0) yield part;
}

/** FNV-1a over the code units. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
