import { isSlipwayError } from "../errors.ts";
import { DEFAULT_ATTRIBUTES, sameAttributes } from "../snapshots/attributes.ts";
import type { WritableSnapshot } from "../snapshots/snapshotter.ts";
import type { TreeNode } from "../snapshots/tree.ts";

/** Directories that every distribution has with other attributes than those of a directory that is made on the way. */
const WELL_KNOWN: Readonly<Record<string, number>> = { "/tmp": 0o1777, "/var/tmp": 0o1777, "/root": 0o700 };

/** What distributions with a merged `/usr` have as symlinks, and where these lead. */
const MERGED: Readonly<Record<string, string>> = {
  "/bin": "/usr/bin",
  "/sbin": "/usr/sbin",
  "/lib": "/usr/lib",
  "/lib32": "/usr/lib32",
  "/lib64": "/usr/lib64",
  "/libx32": "/usr/libx32",
  "/var/run": "/run",
  "/var/lock": "/run/lock",
};

/**
 * Keeps a layer that was made without a look at its base from damaging it, as far as that can be known: directories that were only
 * made for what is in them get the modes that bases have there, and what would replace a base's symlink is told.
 */
export async function fitToAnyBase(work: WritableSnapshot, warn: (message: string) => void): Promise<void> {
  for (const [path, mode] of Object.entries(WELL_KNOWN)) {
    const node = await nodeAt(work, path);
    if (node?.type === "directory" && sameAttributes({ ...node, mtime: 0 }, DEFAULT_ATTRIBUTES.directory)) {
      await work.chmod(path, mode);
    }
  }
  for (const [path, target] of Object.entries(MERGED)) {
    if ((await nodeAt(work, path))?.type !== "directory") continue;
    warn(
      `${path} becomes a directory: where the base has a symlink to ${target} there, it is replaced; ` +
        `put the files under ${target}, or build with link=false, which reads the base's layers`,
    );
  }
}

async function nodeAt(work: WritableSnapshot, path: string): Promise<TreeNode | undefined> {
  try {
    return (await work.lstat(path)).node;
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND") || isSlipwayError(error, "NOT_A_DIRECTORY")) return undefined;
    if (isSlipwayError(error, "SYMLINK_LOOP")) return undefined;
    throw error;
  }
}
