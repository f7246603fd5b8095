/**
 * The short form over the exporter: `build` puts files on a base, `addTar` and its like put what comes from elsewhere into a
 * snapshot, and `parseDockerignore` says which files are left out.
 *
 * @module
 */

export type { BuildBase } from "./base.ts";
export type { BuildFile, BuildOptions } from "./build.ts";
export { build } from "./build.ts";
export type { IgnoreMatcher } from "./dockerignore.ts";
export { parseDockerignore } from "./dockerignore.ts";
export type { AddedEntries, SourceFilter, SourceOptions } from "./sources/options.ts";
export { type AddTarOptions, addTar } from "./sources/tar.ts";
