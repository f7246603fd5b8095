import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** One line for each file of a host directory, with all that must agree if two directories are the same tree. */
export function listTree(root: string): readonly string[] {
  const lines: string[] = [];
  const inodes = new Map<number, string>();
  const visit = (path: string): void => {
    const host = join(root, path);
    const stat = lstatSync(host);
    const first = stat.isDirectory() ? undefined : inodes.get(stat.ino);
    if (first === undefined) inodes.set(stat.ino, path);
    const type = (stat.mode & 0o170000).toString(8);
    const mode = (stat.mode & 0o7777).toString(8);
    const what = stat.isFile()
      ? createHash("sha256").update(readFileSync(host)).digest("hex")
      : stat.isSymbolicLink()
        ? readlinkSync(host)
        : String(stat.rdev);
    // A symlink's mode means nothing.
    const shownMode = stat.isSymbolicLink() ? "-" : mode;
    const link = first === undefined ? "" : ` = ${first}`;
    lines.push(
      `${path} ${type} ${shownMode} ${stat.uid}:${stat.gid} ${Math.floor(stat.mtimeMs / 1000)} ${what}${link}`,
    );
    if (stat.isDirectory()) for (const name of readdirSync(host).sort()) visit(join(path, name));
  };
  for (const name of readdirSync(root).sort()) visit(name);
  return lines;
}
