import { constants, type Stats } from "node:fs";
import { lstat, open, readdir, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { errnoOf } from "../node/index.ts";

/** What a layout directory has; whatever else lies beside it is never looked at. */
const NAMES = ["CACHEDIR.TAG", "blobs", "index.json", "oci-layout", ".slipway"] as const;

/**
 * Looks whether anybody but its owner could have a say in a cache, as what is in it decides what is in an image: records say which layer
 * belongs to which files. It must be the caller's own with all directories in it, others may write neither to it nor to the directory that
 * it lies in, and it holds nothing but files and directories: no symlink. What is not there yet is judged by the nearest directory above.
 * Where the host has no users, only symlinks are looked for.
 * @param directory a real path, see {@link realDirectory}
 * @returns why it is not to be used, and what to do; undefined if it may be
 */
export async function distrust(directory: string): Promise<string | undefined> {
  const users = usersHere();
  const stats = await statsOf(directory);
  if (users !== undefined) {
    const why = (stats && (await openToOthers(directory, stats, users))) ?? (await distrustAbove(directory, users));
    if (why !== undefined) return `${why}; name a directory of your own with --cache-dir or $SLIPWAY_CACHE_DIR`;
  }
  if (stats?.isDirectory() !== true) return undefined;
  // Where nobody else can enter, it is no matter what modes a lax umask has given.
  const own = users === undefined ? undefined : { ...users, closed: (stats.mode & 0o077) === 0 };
  const names = (await namesIn(directory)).filter((name) => NAMES.some((known) => known === name));
  for (const name of names) {
    const why = await distrustBelow(join(directory, name), own);
    if (why !== undefined) return `${why}; remove ${directory}, or name another directory with --cache-dir`;
  }
  return undefined;
}

/** Makes a directory of the caller its owner's alone. @returns whether others had any right before */
export async function makePrivate(directory: string): Promise<boolean> {
  if (process.geteuid === undefined) return false;
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const { mode } = await handle.stat();
    if ((mode & 0o077) === 0) return false;
    await handle.chmod(0o700);
    return true;
  } finally {
    await handle.close();
  }
}

/** The path without symlinks, as far as it exists. */
export async function realDirectory(directory: string): Promise<string> {
  try {
    return await realpath(directory);
  } catch (error) {
    const parent = dirname(directory);
    if (errnoOf(error) !== "ENOENT" || parent === directory) return directory;
    return join(await realDirectory(parent), directory.slice(parent.length));
  }
}

interface Users {
  readonly uid: number;
  readonly gid: number;
}

function usersHere(): Users | undefined {
  const uid = process.geteuid?.();
  const gid = process.getegid?.();
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** The directory itself. An empty one has nothing in it that could be wrong, and is closed before it is used. */
async function openToOthers(directory: string, stats: Stats, users: Users): Promise<string | undefined> {
  if (stats.uid !== users.uid) return `${directory} belongs to another user`;
  if (!othersMayWrite(stats, users) || (await namesIn(directory)).length === 0) return undefined;
  return `others may write to ${directory} (mode ${octal(stats)})`;
}

/** What leads to it, up to a directory of the caller's or root's in which nobody else can exchange anything. */
async function distrustAbove(directory: string, users: Users): Promise<string | undefined> {
  for (let path = dirname(directory); ; path = dirname(path)) {
    const stats = await statsOf(path);
    if (stats === undefined && path !== dirname(path)) continue;
    if (stats === undefined || !stats.isDirectory()) return undefined;
    if (stats.uid !== users.uid && stats.uid !== 0) return `${path} belongs to another user`;
    const sticky = (stats.mode & 0o1000) !== 0;
    return sticky || !othersMayWrite(stats, users) ? undefined : `others may write to ${path} (mode ${octal(stats)})`;
  }
}

/** A name of the layout, and all that is below it. */
async function distrustBelow(
  path: string,
  users: (Users & { readonly closed: boolean }) | undefined,
): Promise<string | undefined> {
  const stats = await statsOf(path);
  // Another build may have just removed it.
  if (stats === undefined || stats.isFile()) return undefined;
  if (!stats.isDirectory()) return `${path} is ${kindOf(stats)}`;
  if (users !== undefined) {
    if (stats.uid !== users.uid) return `${path} belongs to another user`;
    if (!users.closed && othersMayWrite(stats, users)) return `others may write to ${path} (mode ${octal(stats)})`;
  }
  for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
    if (entry.isFile()) continue;
    const why = await distrustBelow(join(path, entry.name), users);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** A group of the same number as its user is that user's alone, on systems that let it write by default (umask 002). */
function othersMayWrite({ mode, gid }: Stats, users: Users): boolean {
  const isOwnGroup = gid === users.gid && gid === users.uid;
  return (mode & (isOwnGroup ? 0o002 : 0o022)) !== 0;
}

const kindOf = (stats: Stats): string => (stats.isSymbolicLink() ? "a symlink" : "neither file nor directory");

const octal = ({ mode }: Stats): string => (mode & 0o7777).toString(8);

const statsOf = (path: string): Promise<Stats | undefined> => lstat(path).catch(() => undefined);

const namesIn = (directory: string): Promise<readonly string[]> => readdir(directory).catch(() => []);
