import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { SlipwayError } from "../errors.ts";
import { DOCUMENT_LIMIT } from "../oci/json/parse.ts";
import { hostError } from "./host-error.ts";

/**
 * The bytes of a small file that somebody else may have made: what is there instead of a regular file (a FIFO, a device that
 * never ends) is refused, not waited for. The calls are the synchronous ones, which take a fraction of what trips through the thread
 * pool do.
 * @throws SlipwayError `NOT_FOUND`, `IS_A_DIRECTORY`, `UNSUPPORTED` if it is no regular file, `INVALID_DOCUMENT` if it has more
 *   than `limit` bytes (default 4 MiB), `PERMISSION_DENIED`, `IO`
 */
export async function readDocument(path: string, limit: number = DOCUMENT_LIMIT): Promise<Uint8Array> {
  try {
    const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stats = fstatSync(file);
      if (stats.isDirectory()) throw new SlipwayError("IS_A_DIRECTORY", `Cannot read ${path}: it is a directory`);
      if (!stats.isFile()) throw new SlipwayError("UNSUPPORTED", `Cannot read ${path}: it is not a regular file`);
      if (stats.size > limit) {
        throw new SlipwayError("INVALID_DOCUMENT", `Cannot read ${path}: it is longer than ${limit} bytes`);
      }
      return readFileSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw hostError(error, `read ${path}`);
  }
}
