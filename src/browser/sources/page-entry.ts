import { plainAttributes } from "../../frontend/sources/modes.ts";
import type { TreeAdder } from "../../frontend/sources/tree-adder.ts";
import { compareNames } from "../../tar/names.ts";
import type { PageSourceOptions } from "./options.ts";
import { pageError } from "./page-error.ts";
import { pageFileSource } from "./page-file.ts";

/** Files of one directory that are looked at together: each look is a trip to the browser's process. */
const BATCH = 64;

/** A file or a folder of a page, whichever of the browser's interfaces it came by. */
export type PageEntry = PageFile | PageDirectory;

/** A file that has not been looked at. */
export interface PageFile {
  readonly kind: "file";
  readonly name: string;
  file(): Promise<File>;
}

/** A folder that has not been looked into. */
export interface PageDirectory {
  readonly kind: "directory";
  readonly name: string;
  /** What is in it, in any order. */
  entries(): Promise<readonly PageEntry[]>;
}

/**
 * Adds files and folders with all that is in them, in bytewise order of their names.
 * @param parent where they are in the source: empty, or with a `/` at the end
 */
export async function addEntries(
  adder: TreeAdder,
  entries: readonly PageEntry[],
  parent: string,
  options: PageSourceOptions,
): Promise<void> {
  const sorted = [...entries].sort((a, b) => compareNames(a.name, b.name));
  for (let from = 0; from < sorted.length; from += BATCH) {
    const batch = sorted.slice(from, from + BATCH);
    options.signal?.throwIfAborted();
    const files = await Promise.all(
      batch.map((entry) => (entry.kind === "file" ? look(() => entry.file(), parent + entry.name) : undefined)),
    );
    for (const [i, entry] of batch.entries()) {
      const path = parent + entry.name;
      const file = files[i];
      if (file !== undefined) await addFile(adder, file, path, options);
      else if (entry.kind === "directory") await addDirectory(adder, entry, path, options);
    }
  }
}

/** Adds a file. */
export async function addFile(adder: TreeAdder, file: File, path: string, options: PageSourceOptions): Promise<void> {
  const mtime = Math.floor(file.lastModified / 1000);
  const attributes = { ...plainAttributes(options, path, false), mtime };
  await adder.add(path, { type: "file", attributes, content: pageFileSource(file, path), size: file.size });
}

async function addDirectory(
  adder: TreeAdder,
  directory: PageDirectory,
  path: string,
  options: PageSourceOptions,
): Promise<void> {
  await adder.add(path, { type: "directory", attributes: plainAttributes(options, path, true) });
  if (!adder.enters(path)) return;
  await addEntries(adder, await look(() => directory.entries(), path), `${path}/`, options);
}

/** What the browser says of a file or folder, or an error that names it. */
export async function look<T>(at: () => Promise<T>, path: string): Promise<T> {
  try {
    return await at();
  } catch (error) {
    throw pageError(error, path);
  }
}

/** The entry that a handle stands for. */
export function entryOfHandle(handle: FileSystemDirectoryHandle | FileSystemFileHandle): PageEntry {
  const { name } = handle;
  if (handle.kind === "file") return { kind: "file", name, file: () => handle.getFile() };
  return { kind: "directory", name, entries: () => entriesOfHandle(handle) };
}

/** What is in the directory that a handle stands for. */
export async function entriesOfHandle(handle: FileSystemDirectoryHandle): Promise<readonly PageEntry[]> {
  const entries: PageEntry[] = [];
  for await (const child of handle.values()) entries.push(entryOfHandle(child));
  return entries;
}
