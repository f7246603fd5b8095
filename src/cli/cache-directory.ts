import { mkdir, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { isSlipwayError, SlipwayError } from "../index.ts";
import {
  type DirectoryStore,
  errnoOf,
  hostError,
  openDirectoryStore,
  readDocument,
  writeFileAtomically,
} from "../node/index.ts";
import { distrust, makePrivate, realDirectory } from "./cache-trust.ts";

/** Where builds leave what makes the next one quick. */
export interface CachePlace {
  readonly directory: string;
  /** It was named with a flag: that it cannot be used is an error. */
  readonly asked: boolean;
}

/** The directory that the flag names, or `$SLIPWAY_CACHE_DIR`, or `slipway` in the user's directory for caches. */
export function cachePlace(flag: string | undefined, env: Readonly<Record<string, string | undefined>>): CachePlace {
  const named = flag ?? (env.SLIPWAY_CACHE_DIR || undefined);
  const directory = named ?? join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "slipway");
  return { directory: resolve(directory), asked: flag !== undefined };
}

/** By which backup programs know what need not be kept (bford.info/cachedir). */
const TAG = `Signature: 8a477f597d28d172789f06886806bc55
# What slipway build keeps from one build for the next. It may be removed at any time: slipway cache prune
`;

/**
 * Opens the cache as a store that only its owner can read or write. What is in it need not survive a power failure: all of it is verified
 * when it is used. A directory is a cache if it has our tag: an image layout, which a cache would empty, is none.
 * @throws SlipwayError `FAILED_PRECONDITION` for an image layout with something in it, `INVALID_ARCHIVE` for anything else,
 *   `PERMISSION_DENIED` for one that others have a say in, `NO_SPACE`, `IO`, …
 */
export async function openCache(place: CachePlace): Promise<DirectoryStore> {
  const opened = await openTrusted(await realDirectory(place.directory));
  if (typeof opened !== "string") return opened;
  throw new SlipwayError("PERMISSION_DENIED", `Cannot use ${place.directory} as a cache: ${opened}`);
}

/**
 * The same for who can go on without a cache.
 * @param directory a real path
 * @returns the store, or why others have a say in what is there
 */
export async function openTrusted(directory: string): Promise<DirectoryStore | string> {
  const tag = join(directory, "CACHEDIR.TAG");
  let why = await distrust(directory);
  // What was open to others until now is looked at again when it is not.
  if (why === undefined && (await closeToOthers(directory, tag))) why = await distrust(directory);
  if (why !== undefined) return why;
  if (!(await isOurTag(tag))) {
    const store = await openDirectoryStore(directory).catch((error: unknown) => {
      if (!isSlipwayError(error, "INVALID_ARCHIVE")) throw error;
      const reason = "it has other files in it; name another directory with --cache-dir or $SLIPWAY_CACHE_DIR";
      throw new SlipwayError(error.code, `Cannot use ${directory} as a cache: ${reason}`, { cause: error });
    });
    const empty = await store.isEmpty();
    await store.close();
    // Another process that makes it a cache tags it before it puts anything into it: looked at last.
    if (!empty && !(await isOurTag(tag))) {
      const reason =
        "it is an image layout with something in it, which a cache would throw away; name another directory";
      throw new SlipwayError("FAILED_PRECONDITION", `Cannot use ${directory} as a cache: ${reason}`);
    }
    await writeFileAtomically(tag, new TextEncoder().encode(TAG));
  }
  return await openDirectoryStore(directory, { durable: false });
}

/** Makes the directory if it is absent, and an empty one or a cache its owner's alone. @returns whether anything was changed */
async function closeToOthers(directory: string, tag: string): Promise<boolean> {
  try {
    const made = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (made !== undefined) return true;
    if ((await readdir(directory)).length > 0 && !(await isOurTag(tag))) return false;
    return await makePrivate(directory);
  } catch (error) {
    // What is there in its place is told by opening it.
    if (errnoOf(error) === "EEXIST") return false;
    throw hostError(error, `make the directory ${directory}`);
  }
}

/** Other programs tag their caches by the same name. */
async function isOurTag(path: string): Promise<boolean> {
  const bytes = await readDocument(path).catch(() => new Uint8Array());
  return new TextDecoder().decode(bytes).includes("slipway build");
}
