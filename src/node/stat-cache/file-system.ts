import { statfsSync } from "node:fs";
import process from "node:process";
import { isGranted } from "../permission.ts";

/** `f_type` of Linux's statfs(2), as in its `linux/magic.h`. */
const LOCAL_FILE_SYSTEMS: ReadonlySet<bigint> = new Set([
  0xef53n, // ext2, ext3, ext4
  0x58465342n, // XFS
  0x9123683en, // Btrfs
  0xf2f52010n, // F2FS
  0x2fc12fc1n, // ZFS
  0x01021994n, // tmpfs
  0x794c7630n, // overlayfs
]);

/**
 * Whether a directory there has another mtime and ctime after a name came or went, so that an unchanged stat means the same names (git's
 * untracked cache relies on that, too). POSIX asks for it, but file systems in user space, network file systems and FAT under
 * Windows do not all do it: only of Linux's own local file systems it is taken for granted.
 */
export function timesDirectories(path: string): boolean {
  if (process.platform !== "linux" || !isGranted({ name: "sys", kind: "statfs" })) return false;
  try {
    return LOCAL_FILE_SYSTEMS.has(statfsSync(path, { bigint: true }).type);
  } catch {
    return false;
  }
}
