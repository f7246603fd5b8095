/**
 * The short form over the exporter: `build` puts files on a base, and `parseDockerignore` says which files are left out.
 * `parseCommandLine` reads an entrypoint as people write it.
 *
 * @module
 */

export type { BuildBase } from "./base.ts";
export type { BuildFile, BuildOptions } from "./build.ts";
export { build } from "./build.ts";
export { parseCommandLine } from "./command-words.ts";
export type { IgnoreMatcher } from "./dockerignore.ts";
export { parseDockerignore } from "./dockerignore.ts";
