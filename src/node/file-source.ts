import type { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { ByteRange } from "../bytes.ts";
import { resolveRange } from "../content/range.ts";
import type { NamedSource } from "../content/references.ts";
import { SlipwayError } from "../errors.ts";
import { hostError } from "./host-error.ts";

/** Large enough that the calls cost nothing beside the bytes, small enough for many files at once. */
const CHUNK = 256 * 1024;

/** Up to here a file is read at one go: three short calls that block cost less than three trips through the thread pool. */
const SMALL = 64 * 1024;

/** How a {@link fileSource} reads. */
export interface FileSourceOptions {
  /** Bytes that the file has, where the caller knows them from `stat` (of the same file). */
  readonly size?: number | undefined;
  /** Default true. False: a symlink in the last place is an error, so that nobody can swap the file for a link to another. */
  readonly followSymlinks?: boolean | undefined;
}

/**
 * A regular file as a source that can be opened any number of times; its `name` is the path. Reading fails with
 * `SIZE_MISMATCH` if the file has meanwhile become longer or shorter than it was.
 * @throws SlipwayError `NOT_FOUND`, `PERMISSION_DENIED`, `IS_A_DIRECTORY`, `UNSUPPORTED` if it is no regular file, `IO`
 */
export async function fileSource(path: string | Buffer, options: FileSourceOptions = {}): Promise<NamedSource> {
  if (options.size !== undefined) return fileSourceOfSize(path, options.size, options);
  const name = path.toString();
  const stats = await stat(path).catch((error: unknown) => {
    throw hostError(error, `read ${name}`);
  });
  mustBeFile(stats, name);
  return fileSourceOfSize(path, stats.size, options);
}

/** As {@link fileSource} for a file whose size in bytes is known, without touching it before it is opened. */
export function fileSourceOfSize(
  path: string | Buffer,
  size: number,
  options: Pick<FileSourceOptions, "followSymlinks"> = {},
): NamedSource {
  const name = path.toString();
  // A FIFO that took the file's place must not block the opening.
  const flags =
    constants.O_RDONLY |
    (constants.O_NONBLOCK ?? 0) |
    (options.followSymlinks === false ? (constants.O_NOFOLLOW ?? 0) : 0);
  return {
    size,
    name,
    open: (range) => (size <= SMALL ? readSmall(path, name, flags, size, range) : read(path, name, flags, size, range)),
  };
}

async function* readSmall(
  path: string | Buffer,
  name: string,
  flags: number,
  size: number,
  range: ByteRange | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { start, end } = resolveRange(size, range, name);
  const bytes = new Uint8Array(end - start);
  try {
    const file = openSync(path, flags);
    try {
      mustBeUnchanged(fstatSync(file), size, name);
      let filled = 0;
      while (filled < bytes.byteLength) {
        const count = readSync(file, bytes, filled, bytes.byteLength - filled, start + filled);
        if (count === 0) throw changed(name);
        filled += count;
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw hostError(error, `read ${name}`);
  }
  if (bytes.byteLength > 0) yield bytes;
}

async function* read(
  path: string | Buffer,
  name: string,
  flags: number,
  size: number,
  range: ByteRange | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { start, end } = resolveRange(size, range, name);
  const attempt = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      throw hostError(error, `read ${name}`);
    }
  };
  const file = await attempt(open(path, flags));
  try {
    mustBeUnchanged(await attempt(file.stat()), size, name);
    let position = start;
    while (position < end) {
      const bytes = new Uint8Array(Math.min(CHUNK, end - position));
      const { bytesRead } = await attempt(file.read(bytes, 0, bytes.byteLength, position));
      if (bytesRead === 0) throw changed(name);
      position += bytesRead;
      yield bytes.subarray(0, bytesRead);
    }
    mustBeUnchanged(await attempt(file.stat()), size, name);
  } finally {
    await file.close();
  }
}

function mustBeFile(stats: Stats, name: string): void {
  if (stats.isFile()) return;
  throw stats.isDirectory()
    ? new SlipwayError("IS_A_DIRECTORY", `Cannot read ${name}: it is a directory`)
    : new SlipwayError("UNSUPPORTED", `Cannot read ${name}: it is not a regular file`);
}

function mustBeUnchanged(stats: Stats, size: number, name: string): void {
  mustBeFile(stats, name);
  if (stats.size !== size) throw changed(name);
}

const changed = (name: string): SlipwayError =>
  new SlipwayError("SIZE_MISMATCH", `Cannot read ${name}: it changed while it was used; try again when it is at rest`);
