import { SlipwayError } from "../../errors.ts";
import type { AddedEntries } from "../../frontend/index.ts";
import { addTree } from "../../frontend/sources/tree-adder.ts";
import type { WritableSnapshot } from "../../snapshots/index.ts";
import type { FolderOptions, PageSourceOptions } from "./options.ts";
import { addEntries, entryOfHandle, look, type PageEntry } from "./page-entry.ts";

/** How dropped files are read. */
export interface AddDataTransferOptions extends PageSourceOptions, FolderOptions {}

/** What Chromium has beyond the standard: https://wicg.github.io/file-system-access/#drag-and-drop */
interface HandleItem extends DataTransferItem {
  getAsFileSystemHandle?(): Promise<FileSystemFileHandle | FileSystemDirectoryHandle | null>;
}

/**
 * Adds files and folders that were dropped on a page, or pasted, with all that is in the folders, empty ones too. Call it in the event's
 * handler before anything is awaited: afterwards the browser has taken the items away. Files stay on disk until they are
 * read, and where the snapshot takes sources by reference they are not copied. What is in the snapshot already is treated as
 * `addDirectoryHandle` does.
 * @throws SlipwayError `INVALID_ARGUMENT` if there is no file among the items, or no more; `NOT_FOUND`, `PERMISSION_DENIED`, `IO` for a
 *   file that is gone, may not be read, or has changed; `ALREADY_EXISTS` for two files of one name; `INVALID_PATH` for a name
 *   that an image cannot hold; `IS_A_DIRECTORY`; all name the path
 */
export async function addDataTransfer(
  work: WritableSnapshot,
  items: DataTransfer | DataTransferItemList,
  options: AddDataTransferOptions = {},
): Promise<AddedEntries> {
  // Up to the first `await` this runs within the event.
  return await takeDataTransfer(items)(work, options);
}

/**
 * The same in two steps, for who has to ask or to wait before the files are added: takes the items in the event's handler, and gives
 * what adds them later.
 *
 * @example
 * ```ts
 * const addTo = takeDataTransfer(event.dataTransfer);
 * if (await userWantsThat()) await addTo(work, { dest: "/srv" });
 * ```
 * @throws SlipwayError `INVALID_ARGUMENT` if there is no file among the items, or no more. What adds them throws the rest of what
 *   {@link addDataTransfer} does.
 */
export function takeDataTransfer(
  items: DataTransfer | DataTransferItemList,
): (work: WritableSnapshot, options?: AddDataTransferOptions) => Promise<AddedEntries> {
  const taken = Array.from("items" in items ? items.items : items).flatMap((item) => take(item) ?? []);
  if (taken.length === 0) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      "Cannot read what was dropped: there is no file; take the items in the event's handler, before anything is awaited",
    );
  }
  return (work, options = {}) =>
    addTree(work, options, { name: "reading dropped files" }, async (adder) => {
      const entries = await Promise.all(taken.map((dropped) => entryOf(dropped)));
      if (options.stripFolder !== true) {
        await addEntries(adder, entries, "", options);
        return;
      }
      const within = entries.map((entry) =>
        entry.kind === "directory" ? look(() => entry.entries(), entry.name) : [entry],
      );
      await addEntries(adder, (await Promise.all(within)).flat(), "", options);
    });
}

/** What can be had of an item, all of it asked for at once. */
interface Taken {
  readonly handle: Promise<FileSystemFileHandle | FileSystemDirectoryHandle | null> | undefined;
  readonly entry: FileSystemEntry | null | undefined;
  readonly file: File | null;
}

function take(item: HandleItem): Taken | undefined {
  if (item.kind !== "file") return undefined;
  return {
    // Refused for folders that the browser finds too sensitive, and for items that a script has made.
    handle: item.getAsFileSystemHandle?.().catch(() => null),
    entry: item.webkitGetAsEntry?.(),
    file: item.getAsFile(),
  };
}

async function entryOf({ handle, entry, file }: Taken): Promise<PageEntry> {
  const opened = await handle;
  if (opened) return entryOfHandle(opened);
  if (entry) return entryOfEntry(entry);
  if (file !== null) return { kind: "file", name: file.name, file: async () => file };
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    "Cannot read what was dropped: the browser gives no access to one of the items",
  );
}

function entryOfEntry(entry: FileSystemEntry): PageEntry {
  const { name } = entry;
  if (isDirectoryEntry(entry)) return { kind: "directory", name, entries: () => entriesOfEntry(entry) };
  const file = entry as FileSystemFileEntry;
  return { kind: "file", name, file: () => new Promise((resolve, reject) => file.file(resolve, reject)) };
}

const isDirectoryEntry = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;

async function entriesOfEntry(directory: FileSystemDirectoryEntry): Promise<readonly PageEntry[]> {
  const reader = directory.createReader();
  const entries: PageEntry[] = [];
  for (;;) {
    // At most a hundred at a time in Chromium; none says that these were all.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return entries;
    entries.push(...some.map(entryOfEntry));
  }
}
