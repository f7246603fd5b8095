import { type Change, compareTrees, type Tree } from "slipway";

/** What one tree changes of another. */
export interface ChangeSummary {
  /** In the order of a layer's entries. */
  readonly changes: readonly Change[];
  readonly added: number;
  readonly modified: number;
  readonly removed: number;
  /** Bytes of the files that are new or have another content. */
  readonly bytes: number;
}

export function summarise(lower: Tree | undefined, upper: Tree): ChangeSummary {
  const changes = [...compareTrees(lower, upper)];
  const count = (kind: Change["kind"]): number => changes.filter((change) => change.kind === kind).length;
  return {
    changes,
    added: count("add"),
    modified: count("modify"),
    removed: count("delete"),
    bytes: changes.reduce((sum, change) => sum + newBytes(change), 0),
  };
}

/** Bytes that a change brings. */
export function newBytes({ kind, reasons, upper }: Change): number {
  if (upper?.type !== "file") return 0;
  return kind === "add" || reasons.includes("content") || reasons.includes("type") ? upper.size : 0;
}

/** `3 added, 1 changed, 2 removed`; empty for no changes. */
export function describeChanges({ added, modified, removed }: ChangeSummary): string {
  const parts = [
    [added, "added"],
    [modified, "changed"],
    [removed, "removed"],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}`)
    .join(", ");
}
