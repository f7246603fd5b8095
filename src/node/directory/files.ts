import { type Dirent, mkdirSync, readdirSync, statSync } from "node:fs";
import { open, rename, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isSlipwayError } from "../../errors.ts";
import { errnoOf, hostError } from "../host-error.ts";
import { readDocument } from "../read-document.ts";
import { syncDirectory, writeFully } from "../write-file.ts";

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

/** As {@link makeDirectory} for what takes time. */
export async function makeDirectoryFor<T>(directory: string, make: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await make();
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || attempt === 10) throw error;
    }
    makeDirectories(directory);
  }
}

/**
 * Replaces a small file as a whole. `temporary` is on the same filesystem and used by nobody else: the caller holds a lock. What
 * a killed process left there is written over.
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
    const file = await makeDirectoryFor(temporary.directory, () => open(from, "w", 0o644));
    try {
      await writeFully(file, bytes);
      if (durable) await file.sync();
    } finally {
      await file.close();
    }
    await makeDirectoryFor(path.directory, () => rename(from, to));
    if (durable) await syncDirectory(path.directory);
  } catch (error) {
    await unlink(from).catch(() => undefined);
    throw hostError(error, `write ${to}`);
  }
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
    await unlink(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw hostError(error, `remove ${path}`);
  }
}

/** Removes a directory if it is there, empty and may be removed. */
export async function removeIfEmpty(path: string): Promise<void> {
  await rmdir(path).catch(() => undefined);
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
