import type { OperationOptions } from "../../progress.ts";
import type { NodeAttributes } from "../../snapshots/tree.ts";

/**
 * Which entries of a source are taken, by their path in it without a leading `/`: `true`, `false` (for a directory: not itself,
 * but what is in it is asked for) or `"skip-tree"` (nothing in it is asked for).
 */
export type SourceFilter = (path: string, isDirectory: boolean) => boolean | "skip-tree";

/** How the entries of any source are put into a snapshot. */
export interface SourceOptions extends OperationOptions {
  /** Where they come in the snapshot. Default `/`. Missing directories on the way are made (0755, owner 0:0). */
  readonly dest?: string | undefined;
  /** Keep user and group ids where the source has them. Default: 0:0. */
  readonly preserveOwner?: boolean | undefined;
  /** Keep mtimes where the source has them, in whole seconds rounded down. Default: the epoch. */
  readonly preserveMtime?: boolean | undefined;
  /** Seconds since 1970: later mtimes become this one. Only with `preserveMtime`. */
  readonly sourceDateEpoch?: number | undefined;
  /** What is taken. Default all. */
  readonly filter?: SourceFilter | undefined;
  /** Called with what was left out, or could not be read. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** What a source gave. */
export interface AddedEntries {
  /** Number of entries, the root of the source not among them. */
  readonly entries: number;
  /** Bytes of all files, each hard linked one once. */
  readonly size: number;
}

/** The attributes that an entry gets, of those that its source says. */
export function wantedAttributes(
  { preserveOwner, preserveMtime, sourceDateEpoch = Number.POSITIVE_INFINITY }: SourceOptions,
  { mode, uid, gid, mtime, xattrs }: NodeAttributes,
): NodeAttributes {
  return {
    mode,
    uid: preserveOwner === true ? uid : 0,
    gid: preserveOwner === true ? gid : 0,
    mtime: preserveMtime === true ? Math.min(mtime, sourceDateEpoch) : 0,
    ...(xattrs === undefined ? {} : { xattrs }),
  };
}
