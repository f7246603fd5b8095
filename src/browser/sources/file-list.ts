import type { AddedEntries } from "../../frontend/index.ts";
import { plainAttributes } from "../../frontend/sources/modes.ts";
import { addTree } from "../../frontend/sources/tree-adder.ts";
import type { WritableSnapshot } from "../../snapshots/index.ts";
import { comparePaths } from "../../tar/names.ts";
import type { FolderOptions, PageSourceOptions } from "./options.ts";
import { addFile } from "./page-entry.ts";

/** How a list of files is read. */
export interface AddFileListOptions extends PageSourceOptions, FolderOptions {}

/**
 * Adds files of an `<input type="file">`, with `webkitdirectory` by their paths in the chosen folder, otherwise by their names.
 * Such a list has no empty folders. Files stay on disk until they are read, and where the snapshot takes sources by reference they
 * are not copied. The result does not depend on the order of the list; what is in the snapshot already is treated as
 * `addDirectoryHandle` does.
 * @throws SlipwayError `NOT_FOUND`, `PERMISSION_DENIED`, `IO` for a file that is gone, may not be read, or has changed; `ALREADY_EXISTS` for
 *   two files of one path; `INVALID_PATH` for a name that an image cannot hold; `IS_A_DIRECTORY`; all name the path
 */
export async function addFileList(
  work: WritableSnapshot,
  files: FileList | readonly File[],
  options: AddFileListOptions = {},
): Promise<AddedEntries> {
  // A list that belongs to an input is emptied when the input is.
  const list = Array.from(files, (file) => ({ file, path: pathOf(file, options.stripFolder ?? false) }));
  list.sort((a, b) => comparePaths(a.path, b.path));
  return await addTree(work, options, { name: "reading files" }, async (adder) => {
    const folders = new Set<string>();
    for (const { file, path } of list) {
      for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
        const folder = path.slice(0, slash);
        if (folders.has(folder)) continue;
        folders.add(folder);
        await adder.add(folder, { type: "directory", attributes: plainAttributes(options, folder, true) });
      }
      await addFile(adder, file, path, options);
    }
  });
}

function pathOf({ webkitRelativePath, name }: File, stripFolder: boolean): string {
  const path = webkitRelativePath || name;
  return stripFolder ? path.slice(path.indexOf("/") + 1) : path;
}
