import { join } from "node:path";
import { parseDockerignore } from "../frontend/index.ts";
import { isSlipwayError } from "../index.ts";
import type { SourceFilter } from "../node/index.ts";
import { readDocument } from "../node/index.ts";

/**
 * What the `.dockerignore` of a directory lets in; undefined if there is none.
 * @throws SlipwayError `INVALID_ARGUMENT` naming file and line, `IS_A_DIRECTORY`,
 *   `UNSUPPORTED` if it is no regular file, `PERMISSION_DENIED`, `IO`
 */
export async function readIgnoreFile(directory: string): Promise<SourceFilter | undefined> {
  const path = join(directory, ".dockerignore");
  let text: Uint8Array;
  try {
    text = await readDocument(path);
  } catch (error) {
    // What is wrong with the directory itself is found, and told better, when it is read.
    const codes = ["NOT_FOUND", "NOT_A_DIRECTORY", "SYMLINK_LOOP", "INVALID_PATH"] as const;
    if (codes.some((code) => isSlipwayError(error, code))) return undefined;
    throw error;
  }
  const matcher = parseDockerignore(text, path);
  return (relativePath, isDirectory) => {
    if (!matcher.ignores(relativePath)) return true;
    return isDirectory && !matcher.mayKeepBeneath(relativePath) ? "skip-tree" : false;
  };
}
