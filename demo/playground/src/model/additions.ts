import { addArchive, type OperationOptions, type WritableSnapshot } from "slipway";
import { addDirectoryHandle, addFileList, takeDataTransfer } from "slipway/browser";

/** What an addition is told. */
export interface AddOptions extends OperationOptions {
  /** The directory that things are added to. */
  readonly dest: string;
  readonly onWarning: (message: string) => void;
}

/** Adds something to the files. */
export type Addition = (work: WritableSnapshot, options: AddOptions) => Promise<unknown>;

/** Whether a file is one that can be unpacked, going by its name. */
export function isArchiveName(name: string): boolean {
  return /\.(?:tar|tar\.gz|tgz|zip)$/i.test(name);
}

/** Files that were picked, with the folders that they were picked in. */
export function addPicked(files: readonly File[]): Addition {
  return (work, options) => addFileList(work, files, options);
}

/** A folder that was picked, also if it is empty. */
export function addFolder(folder: FileSystemDirectoryHandle): Addition {
  return (work, options) => addDirectoryHandle(work, folder, { ...options, dest: `${options.dest}/${folder.name}` });
}

/** Files and folders that were dropped. Must be called within the event: afterwards the browser has taken them away. */
export function addDropped(data: DataTransfer): Addition {
  return takeDataTransfer(data);
}

/** What is in archives: tar, tar.gz and zip, which are told by how they begin. */
export function addArchives(archives: readonly File[]): Addition {
  return async (work, options) => {
    for (const archive of archives) await addArchive(work, archive, options);
  };
}
