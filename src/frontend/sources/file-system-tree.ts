import { SlipwayError } from "../../errors.ts";
import type { WritableSnapshot } from "../../snapshots/snapshotter.ts";
import { compareNames } from "../../tar/names.ts";
import { shown } from "./entry-name.ts";
import { type ModeOptions, plainAttributes } from "./modes.ts";
import type { AddedEntries, SourceOptions } from "./options.ts";
import { addTree, type TreeAdder } from "./tree-adder.ts";

/** Files as an object, in the form of WebContainer's `FileSystemTree`: https://webcontainers.io/guides/working-with-the-file-system */
export interface FileSystemTree {
  /** What is under a name, which is no path. */
  readonly [name: string]: FileSystemTreeDirectory | FileSystemTreeFile | FileSystemTreeSymlink;
}

/** A directory of a {@link FileSystemTree}. */
export interface FileSystemTreeDirectory {
  /** What is in it, by name. */
  readonly directory: FileSystemTree;
}

/** A file of a {@link FileSystemTree}. */
export interface FileSystemTreeFile {
  /** Its content; a string is written as UTF-8. */
  readonly file: { readonly contents: string | Uint8Array };
}

/** A symlink of a {@link FileSystemTree}. */
export interface FileSystemTreeSymlink {
  /** Its target. */
  readonly file: { readonly symlink: string };
}

/** How a {@link FileSystemTree} is added. It has neither owners nor mtimes. */
export interface AddFileSystemTreeOptions
  extends Pick<SourceOptions, "dest" | "filter" | "signal" | "onProgress">,
    ModeOptions {}

/**
 * Adds files that are given as an object, in the form of WebContainer's `FileSystemTree`. A directory that the snapshot has already,
 * also as a symlink to one, takes in the entries and stays as it is otherwise; anything else is replaced, except that nothing but a
 * directory comes in a directory's place. The result does not depend on the order of the names.
 * @throws SlipwayError `INVALID_ARGUMENT` for what is no file, symlink or directory, naming its path; `INVALID_PATH` for a name that
 *   is none; `IS_A_DIRECTORY`
 */
export async function addFileSystemTree(
  work: WritableSnapshot,
  tree: FileSystemTree,
  options: AddFileSystemTreeOptions = {},
): Promise<AddedEntries> {
  return await addTree(work, options, { name: "reading file system tree" }, async (adder) => {
    await addEntries(adder, tree, "", options, new Set());
  });
}

/** @param above the directories on the way: one that is in itself has no end */
async function addEntries(
  adder: TreeAdder,
  tree: FileSystemTree,
  parent: string,
  options: ModeOptions,
  above: ReadonlySet<unknown>,
): Promise<void> {
  if (!isObject(tree)) throw wrong(parent, "a directory is an object with names as keys");
  if (above.has(tree)) throw wrong(parent, "the directory is in itself");
  const within = new Set(above).add(tree);
  for (const name of Object.keys(tree).sort(compareNames)) {
    if (name === "" || name === "." || name === ".." || name.includes("/")) {
      throw new SlipwayError(
        "INVALID_PATH",
        `Cannot add ${shown(`${parent}${name}`)}: ${shown(name)} is no name of a file`,
      );
    }
    const path = `${parent}${name}`;
    const entry: unknown = tree[name];
    if (isObject(entry) && "directory" in entry && !("file" in entry)) {
      await adder.add(path, { type: "directory", attributes: plainAttributes(options, path, true) }, shown(path));
      if (adder.enters(path)) {
        await addEntries(adder, entry.directory as FileSystemTree, `${path}/`, options, within);
      }
    } else if (isObject(entry) && "file" in entry && !("directory" in entry) && isObject(entry.file)) {
      await addFile(adder, path, entry.file, options);
    } else {
      throw wrong(path, "it has neither `file` nor `directory`, or both");
    }
  }
}

async function addFile(adder: TreeAdder, path: string, file: object, options: ModeOptions): Promise<void> {
  const { contents, symlink } = file as { readonly contents?: unknown; readonly symlink?: unknown };
  const attributes = plainAttributes(options, path, false);
  if (typeof symlink === "string" && contents === undefined) {
    await adder.add(
      path,
      { type: "symlink", attributes: { ...attributes, mode: 0o777 }, target: symlink },
      shown(path),
    );
  } else if (symlink === undefined && (typeof contents === "string" || contents instanceof Uint8Array)) {
    const content = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
    await adder.add(path, { type: "file", attributes, content, size: content.byteLength }, shown(path));
  } else {
    throw wrong(path, "a file has either `contents`, a string or a Uint8Array, or `symlink`, a string");
  }
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** @param path may end in a slash */
const wrong = (path: string, reason: string): SlipwayError =>
  new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot add ${path === "" ? "the file system tree" : shown(path.replace(/\/$/, ""))}: ${reason}`,
  );
