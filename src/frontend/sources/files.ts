import { runStep } from "../../progress.ts";
import { joinPath, splitPath } from "../../snapshots/path.ts";
import type { AttributeOptions, FileContent, WritableSnapshot } from "../../snapshots/snapshotter.ts";
import { checkNames, entryNames, shown } from "./entry-name.ts";
import type { AddedEntries, SourceOptions } from "./options.ts";
import { Selection } from "./selection.ts";

/** A file by its content, or by content with attributes. */
export type BuildFile = FileContent | (AttributeOptions & { readonly content: FileContent });

/** How files are added. */
export type AddFilesOptions = Pick<SourceOptions, "dest" | "filter" | "signal" | "onProgress">;

/**
 * Writes files into a snapshot, in the order in which they are given. Parents are made as needed (0755); a new file has 0644, owner 0:0
 * and mtime 0 unless its attributes are given; a file that is there keeps the attributes that are not given, and symlinks of
 * the snapshot are followed, as `writeFile` does.
 * @param files by path; a leading `/` means nothing
 * @throws SlipwayError `INVALID_PATH` for `..` and whiteouts, `IS_A_DIRECTORY`, `NOT_A_DIRECTORY`, and what `writeFile` throws
 */
export async function addFiles(
  work: WritableSnapshot,
  files: Readonly<Record<string, BuildFile>>,
  options: AddFilesOptions = {},
): Promise<AddedEntries> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  return await runStep(onProgress, { id: "writing files", name: "writing files" }, async ({ running }) => {
    const dest = splitPath(options.dest ?? "/", `Cannot add to ${options.dest}`).names;
    const selection = new Selection(options.filter);
    let entries = 0;
    let size = 0;
    // Not by pairs: those would be all in memory at once.
    for (const path of Object.keys(files)) {
      const file = files[path] as BuildFile;
      signal?.throwIfAborted();
      const doing = `Cannot write ${shown(path)}`;
      const names = entryNames(path, doing);
      if (!selection.file(names.join("/"))) continue;
      checkNames(names, doing);
      const { content, ...attributes } = isFileWithAttributes(file) ? file : { content: file };
      const at = joinPath([...dest, ...names]);
      await work.writeFile(at, content, { ...attributes, signal });
      const { node } = await work.stat(at);
      entries++;
      size += node.type === "file" ? node.size : 0;
      running(size);
    }
    return { entries, size };
  });
}

/** Of all that a file's content can be, only this has a property `content`. */
const isFileWithAttributes = (file: BuildFile): file is Exclude<BuildFile, FileContent> =>
  typeof file === "object" && file !== null && "content" in file;
