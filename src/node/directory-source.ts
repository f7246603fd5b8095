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
import { type TreeForm, treeForm } from "./stat-cache/whole.ts";
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
  const form = formOf(options);
  const statCache = await openStatCache(root, options, form);
  let counts = { files: 0, unread: 0 };
  let complete = true;
  // What is taken by its record comes last.
  const ordered = statCache?.isEmpty ?? true;
  const added = await addTree(work, options, { name, ordered, filtered: true }, async (adder) => {
    const directory = new DirectoryAdder(adder, statCache && { cache: statCache, form });
    const xattrs = new XattrReading(root, options, adder.signal, statCache?.knowsAll === true, run);
    const held = new HeldEntries(directory, xattrs);
    await walkDirectory(root, filter, statCache, (entry) => held.add(entry));
    await held.release();
    await directory.finish();
    complete = xattrs.complete;
    counts = { files: directory.files, unread: directory.unread };
  });
  await statCache
    ?.save(complete)
    .catch((error: unknown) => onWarning?.(`the next build reads all files again: ${why(error)}`));
  return { ...added, ...counts };
}

/** How entries are taken, where that can be told from the options. */
function formOf(options: AddDirectoryOptions): TreeForm | undefined {
  const { xattrs = true } = options;
  return typeof xattrs === "boolean" ? treeForm(options, xattrs) : undefined;
}

/** What cannot be read there is no reason not to read the directory. */
async function openStatCache(
  root: string,
  { statCache, onWarning }: AddDirectoryOptions,
  form: TreeForm | undefined,
): Promise<StatCache | undefined> {
  if (statCache === undefined) return undefined;
  try {
    return await StatCache.open(statCache, root, form);
  } catch (error) {
    onWarning?.(`all files are read: ${why(error)}`);
    return undefined;
  }
}

const why = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Entries of which the attributes are asked for by name; for more of them the whole tree is read. */
const ASKED_BY_NAME = 256;

/** Reads extended attributes: of all entries at once beside the walk, or, where most are recorded, of the others in the end. */
class XattrReading {
  readonly #root: string;
  readonly #options: AddDirectoryOptions;
  readonly #signal: AbortSignal;
  readonly #run: ProgramRunner | undefined;
  readonly #areRecorded: boolean;
  readonly #unknown: string[] = [];
  #all: Promise<XattrsByPath> | undefined;
  /** None could not be read so far. */
  complete = true;
  /** What there is to know is known. */
  isOver = false;

  constructor(
    root: string,
    options: AddDirectoryOptions,
    signal: AbortSignal,
    areRecorded: boolean,
    run: ProgramRunner | undefined,
  ) {
    this.#root = root;
    this.#options = options;
    this.#signal = signal;
    this.#areRecorded = areRecorded;
    this.#run = run;
    if (options.xattrs === false) this.isOver = true;
    else if (!areRecorded) this.#readAll();
  }

  /** Notes an entry. @returns whether its attributes are known without reading them */
  note({ path, recorded, whole }: HostEntry): boolean {
    if (this.#options.xattrs === false) return true;
    if (whole !== undefined || (this.#areRecorded && recorded !== undefined)) return true;
    if (this.#all === undefined && this.#unknown.push(path) > ASKED_BY_NAME) this.#readAll();
    return false;
  }

  /** The attributes of what was noted and is not recorded. */
  async found(): Promise<XattrsByPath> {
    if (this.#options.xattrs === false) return new Map();
    if (this.#all !== undefined) return await this.#all;
    return this.#unknown.length === 0 ? new Map() : await this.#read(this.#unknown);
  }

  /** Entries that come later are to be known, too. */
  readRest(): void {
    if (this.#all === undefined) this.#readAll();
  }

  #readAll(): void {
    const end = (): void => {
      this.isOver = true;
    };
    this.#all = this.#read(undefined);
    // Who waits for it hears of its failure; if the walk fails first, nobody waits.
    this.#all.then(end, end);
  }

  async #read(paths: readonly string[] | undefined): Promise<XattrsByPath> {
    const { xattrs = true, onWarning } = this.#options;
    return await readXattrs(this.#root, {
      filter: typeof xattrs === "boolean" ? isPortableXattr : xattrs,
      paths,
      onWarning: (message) => {
        this.complete = false;
        onWarning?.(message);
      },
      signal: this.#signal,
      run: this.#run,
    });
  }
}

/** Entries that are held, some 20 MB of them, while another program still reads their attributes. */
const AHEAD = 32 * 1024;

/** Hands entries on, from the first one whose extended attributes are not known on when they are. */
class HeldEntries {
  readonly #directory: DirectoryAdder;
  readonly #xattrs: XattrReading;
  #held: HostEntry[] = [];
  #isReleased = false;

  constructor(directory: DirectoryAdder, xattrs: XattrReading) {
    this.#directory = directory;
    this.#xattrs = xattrs;
  }

  add(entry: HostEntry): Promise<void> | void {
    if (this.#isReleased || (this.#xattrs.note(entry) && this.#held.length === 0)) return this.#directory.add(entry);
    this.#held.push(entry);
    if (this.#held.length >= AHEAD) this.#xattrs.readRest();
    if (this.#xattrs.isOver || this.#held.length >= AHEAD) return this.release();
  }

  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#directory.setXattrs(await this.#xattrs.found());
    this.#isReleased = true;
    for (const entry of this.#held) await this.#directory.add(entry);
    this.#held = [];
  }
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
