import type { WritableSnapshot } from "slipway";

/** What an addition is told. */
export interface AddOptions {
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

/** Files that were picked, with the folders that they were picked in; or, if wanted, what is in the archives. */
export function addFiles(files: readonly File[], unpack: boolean): Addition {
  if (unpack) return addArchives(files);
  return async (work, { dest }) => {
    for (const file of files) await work.writeFile(`${dest}/${file.webkitRelativePath || file.name}`, file);
  };
}

/** What is in archives. */
export function addArchives(archives: readonly File[]): Addition {
  return addFiles(archives, false);
}

/** Files and folders that were dropped. Must be called within the event. */
export function addDropped(data: DataTransfer): Addition {
  return addFiles([...data.files], false);
}
