import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDockerignore } from "../frontend/index.ts";
import type { EntryFilter } from "../node/index.ts";
import { errnoOf, hostError } from "../node/index.ts";

/**
 * What the `.dockerignore` of a directory lets in; undefined if there is none.
 * @throws SlipwayError `INVALID_ARGUMENT` naming file and line, `PERMISSION_DENIED`, `IO`
 */
export async function readIgnoreFile(directory: string): Promise<EntryFilter | undefined> {
  const path = join(directory, ".dockerignore");
  let text: Uint8Array;
  try {
    text = await readFile(path);
  } catch (error) {
    // What is wrong with the directory itself is found, and told better, when it is read.
    if (["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"].includes(errnoOf(error) ?? "")) return undefined;
    throw hostError(error, `read ${path}`);
  }
  const matcher = parseDockerignore(text, path);
  return (relativePath, isDirectory) => {
    if (!matcher.ignores(relativePath)) return true;
    return isDirectory && !matcher.mayKeepBeneath(relativePath) ? "skip-tree" : false;
  };
}
