import type { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { type FileReadResult, open, stat } from "node:fs/promises";
import { type ReadRange, readAll, SMALL_SIZE } from "../bytes.ts";
import { resolveRange } from "../content/range.ts";
import type { NamedSource } from "../content/references.ts";
import { SlipwayError } from "../errors.ts";
import { hostError } from "./host-error.ts";

/** Large enough that the calls cost nothing beside the bytes, small enough for many files at once. */
const CHUNK = 128 * 1024;

/** The same where two arrays are enough for a whole file. */
const REUSED_CHUNK = 256 * 1024;

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
  return new FileSource(path, size, options);
}

/**
 * A file as a source. There is one for each file of a tree: a few fields, and no closures. A small one is read at one go: four short
 * calls that block cost less than as many trips through the thread pool.
 */
export class FileSource implements NamedSource {
  readonly size: number;
  readonly #path: string | Buffer;
  readonly #followSymlinks: boolean;

  constructor(path: string | Buffer, size: number, options: Pick<FileSourceOptions, "followSymlinks">) {
    this.#path = path;
    this.size = size;
    this.#followSymlinks = options.followSymlinks ?? true;
  }

  get name(): string {
    return this.#path.toString();
  }

  open(range?: ReadRange): AsyncIterable<Uint8Array> {
    const whole = range?.offset === undefined && range?.length === undefined;
    if (whole && this.size <= SMALL_SIZE) return this.#openSmall();
    return read(this.#path, this.name, this.#flags, this.size, range);
  }

  readWhole(): Uint8Array | Promise<Uint8Array> {
    if (this.size > SMALL_SIZE) return readAll(this.open(), this.size, this.name);
    return readSmall(this.#path, this.#flags, this.size);
  }

  async *#openSmall(): AsyncGenerator<Uint8Array, void, undefined> {
    const bytes = readSmall(this.#path, this.#flags, this.size);
    if (bytes.byteLength > 0) yield bytes;
  }

  get #flags(): number {
    // A FIFO that took the file's place must not block the opening.
    const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
    return this.#followSymlinks ? flags : flags | (constants.O_NOFOLLOW ?? 0);
  }
}

/** Memory for so many bytes of small files is had at a time. */
const SLAB = 256 * 1024;

let slab = new Uint8Array(0);
let slabUsed = 0;

/**
 * Room for a small file. Memory of its own for each of many small files would cost as much as reading them. What was handed out is
 * never handed out again; the slab lives for as long as one of its files.
 */
function room(size: number): Uint8Array {
  if (slab.byteLength - slabUsed < size) {
    slab = new Uint8Array(SLAB);
    slabUsed = 0;
  }
  const bytes = slab.subarray(slabUsed, slabUsed + size);
  slabUsed += size;
  return bytes;
}

/** Asks for a byte more than the file has: that it comes to its end where it should says as much as a stat, and costs nothing. */
function readSmall(path: string | Buffer, flags: number, size: number): Uint8Array {
  const bytes = room(size + 1);
  let filled = 0;
  try {
    const file = openSync(path, flags);
    try {
      do {
        const count = readSync(file, bytes, filled, bytes.byteLength - filled, filled);
        filled += count;
        if (count === 0) break;
      } while (filled < size);
    } catch (error) {
      // Perhaps it is none any more.
      mustBeFile(fstatSync(file), path);
      throw error;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw hostError(error, `read ${path}`);
  }
  if (filled !== size) throw changed(path);
  return bytes.subarray(0, size);
}

async function* read(
  path: string | Buffer,
  name: string,
  flags: number,
  size: number,
  range: ReadRange | undefined,
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
  let ahead: Promise<FileReadResult<Uint8Array>> | undefined;
  try {
    mustBeUnchanged(await attempt(file.stat()), size, name);
    // The next chunk is read while the last one is worked on, so two arrays are enough where they may be filled again.
    const done: Uint8Array[] = [];
    const readFrom = (position: number): Promise<FileReadResult<Uint8Array>> => {
      const size = Math.min(range?.reuse === true ? REUSED_CHUNK : CHUNK, end - position);
      const bytes = (done.length === 2 ? done.shift()?.subarray(0, size) : undefined) ?? new Uint8Array(size);
      if (range?.reuse === true) done.push(bytes);
      return attempt(file.read(bytes, 0, bytes.byteLength, position));
    };
    if (start < end) ahead = readFrom(start);
    for (let position = start; ahead !== undefined; ) {
      const { bytesRead, buffer } = await ahead;
      if (bytesRead === 0) throw changed(name);
      position += bytesRead;
      ahead = position < end ? readFrom(position) : undefined;
      // Nobody waits for it until the reader comes back.
      ahead?.catch(() => undefined);
      yield buffer.subarray(0, bytesRead);
    }
    mustBeUnchanged(await attempt(file.stat()), size, name);
  } finally {
    await ahead?.catch(() => undefined);
    await file.close();
  }
}

function mustBeFile(stats: Stats, name: string | Buffer): void {
  if (stats.isFile()) return;
  throw stats.isDirectory()
    ? new SlipwayError("IS_A_DIRECTORY", `Cannot read ${name}: it is a directory`)
    : new SlipwayError("UNSUPPORTED", `Cannot read ${name}: it is not a regular file`);
}

function mustBeUnchanged(stats: Stats, size: number, name: string | Buffer): void {
  mustBeFile(stats, name);
  if (stats.size !== size) throw changed(name);
}

const changed = (name: string | Buffer): SlipwayError =>
  new SlipwayError("SIZE_MISMATCH", `Cannot read ${name}: it changed while it was used; try again when it is at rest`);
