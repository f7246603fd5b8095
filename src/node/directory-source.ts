import { lstatSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { SlipwayError } from "../errors.ts";
import type { AddedEntries, SourceOptions } from "../frontend/sources/options.ts";
import { addTree } from "../frontend/sources/tree-adder.ts";
import { isPortableXattr } from "../frontend/sources/xattrs.ts";
import type { WritableSnapshot } from "../snapshots/snapshotter.ts";
import { DirectoryAdder } from "./directory-adder.ts";
import { walkDirectory } from "./directory-walk.ts";
import { hostError } from "./host-error.ts";
import { readXattrs, type XattrsByPath } from "./xattrs.ts";

/** How a directory is read. */
export interface AddDirectoryOptions extends SourceOptions {
  /** Default true. False: a symlink to a directory is refused. */
  readonly followRoot?: boolean | undefined;
  /** Which extended attributes are read: `true` (default) the portable ones, `false` none, or by name. Needs `getfattr`. */
  readonly xattrs?: boolean | ((name: string) => boolean) | undefined;
}

/**
 * Adds what is in a real directory to a snapshot: files (by reference, where the snapshot's sources are: nothing is copied),
 * directories, symlinks, hard links, FIFOs and device nodes, with their modes and extended attributes. Sockets are left out
 * with a warning. The directory's own attributes are not taken.
 *
 * A directory that the snapshot has already, also as a symlink to one, takes in the entries and stays as it is otherwise; anything
 * else is replaced, except that nothing but a directory comes in a directory's place. The result does not depend on the order
 * in which the host lists names.
 * @throws SlipwayError `NOT_FOUND`, `NOT_A_DIRECTORY`, `PERMISSION_DENIED`, `INVALID_PATH` for a name that is not UTF-8, `SIZE_MISMATCH`
 *   for a file that changed while it was read, `IS_A_DIRECTORY` if a directory of the snapshot would be replaced; all name the file
 */
export async function addDirectory(
  work: WritableSnapshot,
  hostDirectory: string,
  options: AddDirectoryOptions = {},
): Promise<AddedEntries> {
  options.signal?.throwIfAborted();
  const root = await rootOf(hostDirectory, options.followRoot ?? true);
  const name = `reading ${hostDirectory}`;
  return await addTree(work, options, { name, filtered: true }, async (adder) => {
    const { xattrs: wanted = true, onWarning, signal } = options;
    const xattrs: XattrsByPath =
      wanted === false
        ? new Map()
        : await readXattrs(root, { filter: wanted === true ? isPortableXattr : wanted, onWarning, signal });
    const directory = new DirectoryAdder(adder, xattrs);
    for await (const entry of walkDirectory(root, options.filter)) await directory.add(entry);
  });
}

async function rootOf(directory: string, follow: boolean): Promise<string> {
  const doing = `read the directory ${directory}`;
  try {
    if (!follow && lstatSync(directory).isSymbolicLink()) {
      throw new SlipwayError("NOT_A_DIRECTORY", `Cannot ${doing}: it is a symlink`);
    }
    if (!(await stat(directory)).isDirectory()) {
      throw new SlipwayError("NOT_A_DIRECTORY", `Cannot ${doing}: it is not a directory`);
    }
    return await realpath(directory);
  } catch (error) {
    throw hostError(error, doing);
  }
}
