import { bytesEqual } from "../bytes.ts";
import type { WritableSnapshot } from "../snapshots/snapshotter.ts";
import type { NodeAttributes } from "../snapshots/tree.ts";

/**
 * Gives what is at a path, a symlink itself, these attributes; what is so already is not touched.
 * @param options `replaceXattrs`: false keeps xattrs of names that are not given
 */
export async function setAttributes(
  work: WritableSnapshot,
  path: string,
  attributes: NodeAttributes,
  { replaceXattrs }: { readonly replaceXattrs: boolean },
): Promise<void> {
  const { mode, uid, gid, mtime, xattrs } = attributes;
  const { node } = await work.lstat(path);
  const itself = { followSymlinks: false };
  if (node.uid !== uid || node.gid !== gid) await work.chown(path, uid, gid, itself);
  // There is no way to change the mode of a symlink, and none has a meaning.
  if (node.type !== "symlink" && node.mode !== mode) await work.chmod(path, mode);
  if (replaceXattrs) {
    for (const name of node.xattrs?.keys() ?? []) {
      if (!xattrs?.has(name)) await work.removexattr(path, name, itself);
    }
  }
  for (const [name, value] of xattrs ?? []) {
    const current = node.xattrs?.get(name);
    if (current === undefined || !bytesEqual(current, value)) await work.setxattr(path, name, value, itself);
  }
  if (node.mtime !== mtime) await work.utimes(path, mtime, itself);
}
