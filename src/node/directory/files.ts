import {
  closeSync,
  type Dirent,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { bytesEqual } from "../../bytes.ts";
import { isSlipwayError } from "../../errors.ts";
import { errnoOf, hostError } from "../host-error.ts";
import { readDocument } from "../read-document.ts";
import { flush, syncDirectory } from "../write-file.ts";

/** A directory with those above it. (The host's recursive `mkdir` takes the errno of a read-only filesystem for ENOENT.) */
export function makeDirectories(directory: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      mkdirSync(directory);
      return;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EEXIST" && statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== false) return;
      if (errno !== "ENOENT" || attempt === 10 || dirname(directory) === directory) throw error;
    }
    makeDirectories(dirname(directory));
  }
}

/**
 * Makes something in a directory that is made when it is needed and removed when it is empty, perhaps by another process
 * between our two calls.
 */
export function makeDirectory<T>(directory: string, make: () => T): T {
  for (let attempt = 0; ; attempt++) {
    try {
      return make();
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || attempt === 10) throw error;
    }
    makeDirectories(directory);
  }
}

/**
 * Replaces a small file as a whole. `temporary` is on the same filesystem and used by nobody else: the caller holds a lock. What
 * a killed process left there is written over. Calls that wait for no disk are the synchronous ones.
 * @param durable whether it must be on the disk before this returns
 */
export async function replaceFile(
  path: { readonly directory: string; readonly name: string },
  temporary: { readonly directory: string; readonly name: string },
  bytes: Uint8Array,
  durable: boolean,
): Promise<void> {
  const from = join(temporary.directory, temporary.name);
  const to = join(path.directory, path.name);
  try {
    if (durable && (await isThereAlready(to, bytes))) {
      // Whoever wrote it flushed it before it got its name, but may have been killed before that was on the disk.
      await syncDirectory(path.directory);
      return;
    }
    const file = makeDirectory(temporary.directory, () => openSync(from, "w", 0o644));
    try {
      for (let written = 0; written < bytes.byteLength; ) written += writeSync(file, bytes, written);
      if (durable) await flush(file);
    } finally {
      closeSync(file);
    }
    makeDirectory(path.directory, () => renameSync(from, to));
    if (durable) await syncDirectory(path.directory);
  } catch (error) {
    ignoring(() => unlinkSync(from));
    throw hostError(error, `write ${to}`);
  }
}

/** Whether a file has these bytes. What cannot be read is written anew. */
async function isThereAlready(path: string, bytes: Uint8Array): Promise<boolean> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() !== true || stats.size !== bytes.byteLength) return false;
  const there = await readIfThere(path).catch(() => undefined);
  return there !== undefined && bytesEqual(there, bytes);
}

/** The file's bytes, or undefined if there is none. */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readDocument(path, Number.POSITIVE_INFINITY);
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND")) return undefined;
    throw error;
  }
}

/** @returns whether it was there */
export async function removeIfThere(path: string): Promise<boolean> {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw hostError(error, `remove ${path}`);
  }
}

/** Removes a directory if it is there, empty and may be removed. */
export async function removeIfEmpty(path: string): Promise<void> {
  ignoring(() => rmdirSync(path));
}

/** The entries of a directory, none if there is none. */
export function entriesOf(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw hostError(error, `list ${directory}`);
  }
}

function ignoring(call: () => void): void {
  try {
    call();
  } catch {
    // It is not there, or is to stay.
  }
}
