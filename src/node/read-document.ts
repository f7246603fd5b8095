import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { SlipwayError } from "../errors.ts";
import { DOCUMENT_LIMIT } from "../oci/json/parse.ts";
import { hostError } from "./host-error.ts";

/**
 * The bytes of a small file that somebody else may have made: what is there instead of a regular file (a FIFO, a device that
 * never ends) is refused, not waited for.
 * @throws SlipwayError `NOT_FOUND`, `IS_A_DIRECTORY`, `UNSUPPORTED` if it is no regular file, `INVALID_DOCUMENT` if it has more
 *   than `limit` bytes (default 4 MiB), `PERMISSION_DENIED`, `IO`
 */
export async function readDocument(path: string, limit: number = DOCUMENT_LIMIT): Promise<Uint8Array> {
  try {
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stats = await file.stat();
      if (stats.isDirectory()) throw new SlipwayError("IS_A_DIRECTORY", `Cannot read ${path}: it is a directory`);
      if (!stats.isFile()) throw new SlipwayError("UNSUPPORTED", `Cannot read ${path}: it is not a regular file`);
      if (stats.size > limit) {
        throw new SlipwayError("INVALID_DOCUMENT", `Cannot read ${path}: it is longer than ${limit} bytes`);
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw hostError(error, `read ${path}`);
  }
}
