import type { TreeNode } from "../snapshots/tree.ts";

/** What happened to a path. */
export type ChangeKind = "add" | "modify" | "delete";

/** Why a path is in a diff. A change can have several. */
export type ChangeReason =
  | "added"
  | "removed"
  | "type"
  | "content"
  | "mode"
  | "owner"
  | "xattr"
  | "link"
  | "device"
  | "mtime";

/** One difference between two trees. */
export interface Change {
  /** What is done to the path in going from lower to upper. */
  readonly kind: ChangeKind;
  /** Absolute path. Of a removed tree there is just its top. */
  readonly path: string;
  /** Never empty. */
  readonly reasons: readonly ChangeReason[];
  /** The node in the lower tree; absent if added. */
  readonly lower?: TreeNode;
  /** The node in the upper tree; absent if deleted. */
  readonly upper?: TreeNode;
}
