import type { NodeAttributes } from "../../snapshots/tree.ts";

/** Modes for sources that do not have them. */
export interface ModeOptions {
  /**
   * The mode of an entry, octal `07777`, by its path in the source without a leading `/`: a page marks executables so. Default, and
   * where it says nothing: what the source says, or else 0644 for files and 0755 for directories.
   */
  readonly mode?: ((path: string, isDirectory: boolean) => number | undefined) | undefined;
}

/** The attributes of an entry of nobody at the epoch. */
export function plainAttributes({ mode }: ModeOptions, path: string, isDirectory: boolean): NodeAttributes {
  return { mode: mode?.(path, isDirectory) ?? (isDirectory ? 0o755 : 0o644), uid: 0, gid: 0, mtime: 0 };
}
