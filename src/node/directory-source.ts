import { lstatSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { SlipwayError } from "../errors.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import { joinPath, splitPath } from "../snapshots/path.ts";
import type { WritableSnapshot } from "../snapshots/snapshotter.ts";
import { DirectoryAdder } from "./directory-adder.ts";
import { type EntryFilter, walkDirectory } from "./directory-walk.ts";
import { hostError } from "./host-error.ts";
import { isPortableXattr, type ProgramRunner, readXattrs, type XattrsByPath } from "./xattrs.ts";

/** How a directory is read. */
export interface AddDirectoryOptions extends OperationOptions {
  /** Where it comes in the snapshot. Default `/`. Missing directories on the way are made (0755, owner 0:0). */
  readonly dest?: string | undefined;
  /** Keep user and group ids. Default: 0:0. */
  readonly preserveOwner?: boolean | undefined;
  /** Keep mtimes, in whole seconds rounded down. Default: the epoch. */
  readonly preserveMtime?: boolean | undefined;
  /** Seconds since 1970: later mtimes become this one. Only with `preserveMtime`. */
  readonly sourceDateEpoch?: number | undefined;
  /** What is taken. Default all. */
  readonly filter?: EntryFilter | undefined;
  /** Default true. False: a symlink to a directory is refused. */
  readonly followRoot?: boolean | undefined;
  /** Which extended attributes are read: `true` (default) the portable ones, `false` none, or by name. Needs `getfattr`. */
  readonly xattrs?: boolean | ((name: string) => boolean) | undefined;
  /** Called with what was left out, or could not be read. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** What was read. */
export interface AddedDirectory {
  /** Number of entries, the directory itself not among them. */
  readonly entries: number;
  /** Bytes of all files, each hard linked one once. */
  readonly size: number;
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
): Promise<AddedDirectory> {
  return await addDirectoryBy(work, hostDirectory, options);
}

/** {@link addDirectory} for a runtime that has its own way of running `getfattr`. */
export async function addDirectoryBy(
  work: WritableSnapshot,
  hostDirectory: string,
  options: AddDirectoryOptions,
  run?: ProgramRunner,
): Promise<AddedDirectory> {
  options.signal?.throwIfAborted();
  const root = await rootOf(hostDirectory, options.followRoot ?? true);
  const name = `reading ${hostDirectory}`;
  return await runStep(options.onProgress, { id: name, name }, async (report) => {
    const dest = joinPath(splitPath(options.dest ?? "/", "Cannot add a directory").names);
    const { xattrs: wanted = true, onWarning, signal } = options;
    const xattrs: XattrsByPath =
      wanted === false
        ? new Map()
        : await readXattrs(root, { filter: wanted === true ? isPortableXattr : wanted, onWarning, signal, run });
    if (dest !== "/") await work.mkdir(dest, { recursive: true });
    const adder = new DirectoryAdder(work, (await work.tree()).root, dest, xattrs, report, options);
    try {
      for await (const entry of walkDirectory(root, options.filter)) {
        signal?.throwIfAborted();
        await adder.add(entry);
      }
      return await adder.finish();
    } catch (error) {
      await adder.stop(error);
      signal?.throwIfAborted();
      throw error;
    }
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
