import { realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import type { SourceFilter } from "../node/index.ts";

/**
 * Keeps what a build writes out of what it reads: with `slipway build . -o …,dest=image.tar` the image of yesterday would be in the
 * image of today, and a store would be packed while it changes.
 * @param outputs files and directories that the build writes; their parents must exist
 * @param onLeftOut called for each that was met
 */
export async function withoutOutputs(
  directory: string,
  outputs: readonly string[],
  filter: SourceFilter | undefined,
  onLeftOut: (output: string) => void,
): Promise<SourceFilter | undefined> {
  const root = await realpath(directory).catch(() => undefined);
  if (root === undefined) return filter;
  const inside = new Map<string, string>();
  for (const output of outputs) {
    const path = relative(root, await realParent(output));
    if (path !== "" && path !== ".." && !path.startsWith(`..${sep}`)) inside.set(path.split(sep).join("/"), output);
  }
  if (inside.size === 0) return filter;
  return (path, isDirectory) => {
    const output = inside.get(path);
    if (output === undefined) return filter?.(path, isDirectory) ?? true;
    if (filter?.(path, isDirectory) !== false) onLeftOut(output);
    return "skip-tree";
  };
}

/** The path with symlinks in its directory followed, not one in its last place. */
async function realParent(path: string): Promise<string> {
  const absolute = resolve(path);
  return join(await realpath(dirname(absolute)).catch(() => dirname(absolute)), basename(absolute));
}
