export type { BuildBase } from "./base.ts";
export type { BuildFile, BuildOptions } from "./build.ts";
export { build } from "./build.ts";
export type { IgnoreMatcher } from "./dockerignore.ts";
export { parseDockerignore } from "./dockerignore.ts";
