import { lstat, mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { SlipwayError } from "../index.ts";
import {
  type DirectoryStore,
  errnoOf,
  hostError,
  openDirectoryStore,
  readDocument,
  writeFileAtomically,
} from "../node/index.ts";
import { exists } from "./host-paths.ts";

/** Where builds leave what makes the next one quick. */
export interface CachePlace {
  readonly directory: string;
  /** It was named with a flag: that it cannot be used is an error. */
  readonly asked: boolean;
  /** It was named with a flag or a variable: it may be anybody's. */
  readonly named: boolean;
}

/** The directory that the flag names, or `$SLIPWAY_CACHE_DIR`, or `slipway` in the user's directory for caches. */
export function cachePlace(flag: string | undefined, env: Readonly<Record<string, string | undefined>>): CachePlace {
  const named = flag ?? (env.SLIPWAY_CACHE_DIR || undefined);
  const directory = named ?? join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "slipway");
  return { directory: resolve(directory), asked: flag !== undefined, named: named !== undefined };
}

/** By which backup programs know what need not be kept (bford.info/cachedir). */
const TAG = `Signature: 8a477f597d28d172789f06886806bc55
# What slipway build keeps from one build for the next. It may be removed at any time: slipway cache prune
`;

/**
 * Opens the cache as a store, made readable by its owner only. What is in it need not survive a power failure: all of it is verified
 * when it is used. A directory is a cache if it has our tag: an image layout, which a cache would empty, is none.
 * @throws SlipwayError `FAILED_PRECONDITION` for an image layout with something in it, `INVALID_ARCHIVE` for anything else,
 *   `PERMISSION_DENIED`, `NO_SPACE`, `IO`, …
 */
export async function openCache({ directory, named }: CachePlace): Promise<DirectoryStore> {
  const tag = join(directory, "CACHEDIR.TAG");
  if (!(await isOurTag(tag))) {
    if (!(await exists(join(directory, "oci-layout")))) {
      if (!named) await mustBeOurs(directory);
      await makePrivate(directory);
    }
    const store = await openDirectoryStore(directory);
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

/** Other programs tag their caches by the same name. */
async function isOurTag(path: string): Promise<boolean> {
  const bytes = await readDocument(path).catch(() => new Uint8Array());
  return new TextDecoder().decode(bytes).includes("slipway build");
}

async function makePrivate(directory: string): Promise<void> {
  try {
    await mkdir(dirname(directory), { recursive: true });
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return;
    throw hostError(error, `make the directory ${directory}`);
  }
}

/**
 * Refuses a home that is somebody else's, as under `sudo`: what root made in it, its owner could not use.
 * @throws SlipwayError `PERMISSION_DENIED`
 */
async function mustBeOurs(directory: string): Promise<void> {
  const uid = process.getuid?.();
  for (let path = directory; uid !== undefined; path = dirname(path)) {
    const stats = await lstat(path).catch(() => undefined);
    if (stats === undefined && path !== dirname(path)) continue;
    if (stats === undefined || stats.uid === uid) return;
    throw new SlipwayError("PERMISSION_DENIED", `Cannot use ${directory}: ${path} belongs to another user`);
  }
}
