/** The directory of an absolute path; of `/a` and `/` it is the empty string. */
export const parentPath = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

/** The last component of an absolute path. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
