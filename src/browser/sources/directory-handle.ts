import type { AddedEntries } from "../../frontend/index.ts";
import { addTree } from "../../frontend/sources/tree-adder.ts";
import type { WritableSnapshot } from "../../snapshots/index.ts";
import type { PageSourceOptions } from "./options.ts";
import { addEntries, entriesOfHandle, look } from "./page-entry.ts";

/**
 * Adds what is in a directory that the page has a handle of, from `showDirectoryPicker` or of the origin's own files. The result is the
 * same as of `addDirectory` of `slipway/node` for files that have 0644 and directories that have 0755; `mode` says others. Files
 * stay on disk until they are read, and where the snapshot takes sources by reference they are not copied.
 *
 * A directory that the snapshot has already, also as a symlink to one, takes in the entries and stays as it is otherwise; anything
 * else is replaced, except that nothing but a directory comes in a directory's place.
 * @throws SlipwayError `NOT_FOUND`, `PERMISSION_DENIED`, `IO` for a file that is gone, may not be read, or has changed; `INVALID_PATH` for a
 *   name that an image cannot hold; `IS_A_DIRECTORY`; all name the path
 */
export async function addDirectoryHandle(
  work: WritableSnapshot,
  handle: FileSystemDirectoryHandle,
  options: PageSourceOptions = {},
): Promise<AddedEntries> {
  return await addTree(work, options, { name: `reading ${handle.name || "directory"}` }, async (adder) => {
    await addEntries(adder, await look(() => entriesOfHandle(handle), handle.name || "the directory"), "", options);
  });
}
