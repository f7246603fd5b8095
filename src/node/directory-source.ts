import { lstatSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { SlipwayError } from "../errors.ts";
import type { AddedEntries, SourceOptions } from "../frontend/sources/options.ts";
import { addTree } from "../frontend/sources/tree-adder.ts";
import { isPortableXattr } from "../frontend/sources/xattrs.ts";
import type { MetadataStore } from "../snapshots/metadata.ts";
import type { WritableSnapshot } from "../snapshots/snapshotter.ts";
import { DirectoryAdder } from "./directory-adder.ts";
import { type HostEntry, walkDirectory } from "./directory-walk.ts";
import { hostError } from "./host-error.ts";
import { StatCache } from "./stat-cache/stat-cache.ts";
import { type ProgramRunner, readXattrs, type XattrsByPath } from "./xattrs.ts";

/** How a directory is read. */
export interface AddDirectoryOptions extends SourceOptions {
  /** Default true. False: a symlink to a directory is refused. */
  readonly followRoot?: boolean | undefined;
  /** Which extended attributes are read: `true` (default) the portable ones, `false` none, or by name. Needs `getfattr`. */
  readonly xattrs?: boolean | ((name: string) => boolean) | undefined;
  /**
   * Where the digests of files are kept by their stat (device, inode, size, mtime, ctime), for example the `metadata` of a directory
   * store, under `stat-cache/`. A file that is unchanged since is then not read for its digest. Default: nowhere, and all are read.
   */
  readonly statCache?: MetadataStore | undefined;
}

/** What a directory gave. */
export interface AddedDirectory extends AddedEntries {
  /** Number of regular files, each hard linked one once. */
  readonly files: number;
  /** How many of them were not read, as they are unchanged since their digests were kept. */
  readonly unread: number;
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
  const { filter, onWarning } = options;
  const statCache = await openStatCache(root, options);
  let counts = { files: 0, unread: 0 };
  const added = await addTree(work, options, { name, ordered: true, filtered: true }, async (adder) => {
    const walk = walkDirectory(root, filter, (path, names) => statCache?.list(path, names));
    const directory = new DirectoryAdder(adder, statCache);
    const xattrs = xattrsOf(root, options, adder.signal, run);
    for await (const entry of withXattrs(walk, xattrs, (found) => directory.setXattrs(found))) {
      await directory.add(entry);
    }
    counts = { files: directory.files, unread: directory.unread };
  });
  await statCache?.save().catch((error: unknown) => onWarning?.(`the next build reads all files again: ${why(error)}`));
  return { ...added, ...counts };
}

/** What cannot be read there is no reason not to read the directory. */
async function openStatCache(
  root: string,
  { statCache, onWarning }: AddDirectoryOptions,
): Promise<StatCache | undefined> {
  if (statCache === undefined) return undefined;
  try {
    return await StatCache.open(statCache, root);
  } catch (error) {
    onWarning?.(`all files are read: ${why(error)}`);
    return undefined;
  }
}

const why = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function xattrsOf(
  root: string,
  { xattrs: wanted = true, onWarning }: AddDirectoryOptions,
  signal: AbortSignal,
  run: ProgramRunner | undefined,
): Promise<XattrsByPath> {
  if (wanted === false) return new Map();
  return await readXattrs(root, { filter: wanted === true ? isPortableXattr : wanted, onWarning, signal, run });
}

/** Entries that are held, some 20 MB of them, while another program still reads their attributes. */
const AHEAD = 32 * 1024;

/** The entries, once the extended attributes are known: the directory is walked while they are read. */
async function* withXattrs(
  walk: AsyncIterable<HostEntry>,
  reading: Promise<XattrsByPath>,
  known: (xattrs: XattrsByPath) => void,
): AsyncGenerator<HostEntry, void, undefined> {
  let isRead = false;
  // Who waits for it hears of its failure; if the walk fails first, nobody waits.
  reading.then(
    () => {
      isRead = true;
    },
    () => {
      isRead = true;
    },
  );
  let ahead: HostEntry[] | undefined = [];
  const release = async (held: readonly HostEntry[]): Promise<readonly HostEntry[]> => {
    known(await reading);
    return held;
  };
  for await (const entry of walk) {
    if (ahead === undefined) {
      yield entry;
      continue;
    }
    ahead.push(entry);
    if (!isRead && ahead.length < AHEAD) continue;
    yield* await release(ahead);
    ahead = undefined;
  }
  if (ahead !== undefined) yield* await release(ahead);
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
