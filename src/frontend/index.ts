/**
 * The short form over the exporter: `build` puts files on a base, `addTar` and its like put what comes from elsewhere into a
 * snapshot, `parseDockerignore` says which files are left out, and `parseCommandLine` reads an entrypoint as people write it.
 *
 * @module
 */

export type { BuildBase, BuildRegistry } from "./base.ts";
export type { BuildOptions } from "./build.ts";
export { build } from "./build.ts";
export { parseCommandLine } from "./command-words.ts";
export { type ConfigWords, parseConfigWords } from "./config-words.ts";
export type { IgnoreMatcher } from "./dockerignore.ts";
export { parseDockerignore } from "./dockerignore.ts";
export { type AddArchiveOptions, type AddedArchive, addArchive } from "./sources/archive.ts";
export {
  type AddFileSystemTreeOptions,
  addFileSystemTree,
  type FileSystemTree,
  type FileSystemTreeDirectory,
  type FileSystemTreeFile,
  type FileSystemTreeSymlink,
} from "./sources/file-system-tree.ts";
export { type AddFilesOptions, addFiles, type BuildFile } from "./sources/files.ts";
export type { ModeOptions } from "./sources/modes.ts";
export type { AddedEntries, SourceFilter, SourceOptions } from "./sources/options.ts";
export { type AddTarOptions, addTar } from "./sources/tar.ts";
export { type AddZipOptions, addZip } from "./sources/zip.ts";
