import { randomBytes } from "node:crypto";
import { closeSync, fsync, openSync, type Stats } from "node:fs";
import { type FileHandle, lstat, open, realpath, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type ByteSource, chunksOf } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import { FlushBehind } from "./flush-behind.ts";
import { errnoOf, hostError } from "./host-error.ts";
import { isGranted } from "./permission.ts";

/** Options of {@link writeFileAtomically}. */
export interface WriteFileOptions {
  /** Aborting it makes the write reject with its `reason`; the old file stays. */
  readonly signal?: AbortSignal | undefined;
  /** Permission bits, default `0o666`; the process's umask applies to either. */
  readonly mode?: number | undefined;
}

/**
 * Writes a file so that its path holds the old file or the whole new one, never a part: into a temporary file beside it, which
 * is flushed to the disk and renamed, and removed again if anything fails or `signal` aborts. A symlink is followed. What is
 * no regular file (a pipe, `/dev/stdout`) is written to as it is.
 * @returns bytes written
 * @throws SlipwayError `NO_SPACE`, `PERMISSION_DENIED`, `NOT_FOUND` (the directory), `IS_A_DIRECTORY`, `IO`; what the source throws
 */
export async function writeFileAtomically(
  path: string,
  source: ByteSource,
  options: WriteFileOptions = {},
): Promise<number> {
  const { signal, mode = 0o666 } = options;
  signal?.throwIfAborted();
  const { target, stats } = await attempt(path, followed(path));
  if (stats?.isDirectory()) throw new SlipwayError("IS_A_DIRECTORY", `Cannot write ${path}: it is a directory`);
  if (stats !== undefined && !stats.isFile()) {
    const file = await attempt(path, open(target, "w"));
    return await fill(file, path, source, signal, false);
  }
  const temporary = join(dirname(target), `.slipway-${randomBytes(8).toString("hex")}.tmp`);
  const file = await attempt(path, open(temporary, "wx", mode));
  try {
    const size = await fill(file, path, source, signal, true);
    signal?.throwIfAborted();
    await attempt(path, rename(temporary, target));
    await syncDirectory(dirname(target));
    return size;
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

/** Writes all bytes and closes the file. */
async function fill(
  file: FileHandle,
  path: string,
  source: ByteSource,
  signal: AbortSignal | undefined,
  durable: boolean,
): Promise<number> {
  const flush = durable ? new FlushBehind(file) : undefined;
  let size = 0;
  try {
    for await (const chunk of chunksOf(source)) {
      signal?.throwIfAborted();
      await writeFully(file, chunk).catch((error: unknown) => {
        throw hostError(error, `write ${path}`);
      });
      size += chunk.byteLength;
      flush?.wrote(chunk.byteLength);
    }
    if (flush !== undefined) await attempt(path, flush.finish());
  } catch (error) {
    await flush?.settle();
    await file.close().catch(() => undefined);
    throw error;
  }
  await attempt(path, file.close());
  return size;
}

/** Writes all of `bytes`, at `position` or where the file stands: one call of the host may write less. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength) {
    const at = position === undefined ? null : position + written;
    written += (await file.write(bytes, written, bytes.byteLength - written, at)).bytesWritten;
  }
}

/** Flushes an open file to the disk. The call that waits for a disk, and so the one that others must not wait for. */
export const flush: (file: number) => Promise<void> = promisify(fsync);

/**
 * Makes the names in a directory durable. Where the host cannot do that (Windows) or Deno may not read the directory, renames
 * are as durable as the host makes them.
 */
export async function syncDirectory(path: string): Promise<void> {
  if (!isGranted({ name: "read", path })) return;
  try {
    const directory = openSync(path, "r");
    try {
      await flush(directory);
    } finally {
      closeSync(directory);
    }
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOSPC" || errno === "EDQUOT" || errno === "EIO" || errno === "ENOENT") {
      throw hostError(error, `write to ${path}`);
    }
  }
}

/** What the path leads to, through symlinks, and its stat if it exists. */
async function followed(path: string): Promise<{ readonly target: string; readonly stats: Stats | undefined }> {
  const stats = await lstat(path).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (!stats?.isSymbolicLink()) return { target: path, stats };
  const target = await realpath(path);
  return { target, stats: await lstat(target) };
}

async function attempt<T>(path: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw hostError(error, `write ${path}`);
  }
}
