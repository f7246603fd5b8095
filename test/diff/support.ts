import { createMemoryContentStore } from "../../src/content/index.ts";
import type { ContentStore } from "../../src/content/store.ts";
import { type LayerEntryOptions, layerEntries } from "../../src/diff/index.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../src/snapshots/index.ts";
import type { Snapshotter, WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import type { Tree, TreeNode } from "../../src/snapshots/tree.ts";
import type { TarHeader } from "../../src/tar/entry.ts";
import { writeTar } from "../../src/tar/index.ts";

/** A snapshotter on memory, and a way to make one tree after the other with it. */
export interface Workbench {
  readonly content: ContentStore;
  readonly snapshots: Snapshotter;
  /** Commits what `change` makes of the parent, and gives its key and tree. */
  make(change: (work: WritableSnapshot) => Promise<void>, parent?: string): Promise<{ key: string; tree: Tree }>;
}

export function workbench(): Workbench {
  const content = createMemoryContentStore();
  const snapshots = createSnapshotter({ content, metadata: createMemoryMetadataStore() });
  let made = 0;
  return {
    content,
    snapshots,
    async make(change, parent) {
      const key = `tree-${made++}`;
      const work = await snapshots.prepare(`${key}-active`, parent);
      await change(work);
      const ref = await snapshots.commit(key, `${key}-active`);
      const tree = await ref.tree();
      ref.release();
      return { key, tree };
    },
  };
}

/** The trees before and after a change. */
export async function pair(
  before: (work: WritableSnapshot) => Promise<void>,
  after: (work: WritableSnapshot) => Promise<void>,
): Promise<{ lower: Tree; upper: Tree }> {
  const bench = workbench();
  const lower = await bench.make(before);
  const upper = await bench.make(after, lower.key);
  return { lower: lower.tree, upper: upper.tree };
}

/** What a layer has, a line for each entry: `d2/l1`, `d1/`, `d1/f1 -> d2/l1` (symlink), `d1/f1 => d2/l1` (hard link). */
export function lines(lower: Tree | undefined, upper: Tree, options?: LayerEntryOptions): string[] {
  return [...layerEntries(lower, upper, options)].map(({ header }) => line(header));
}

function line({ name, type, linkName }: TarHeader): string {
  if (type === "directory") return `${name}/`;
  if (type === "symlink") return `${name} -> ${linkName}`;
  return type === "link" ? `${name} => ${linkName}` : name;
}

/** An entry of a tar, its attributes mostly of no interest. */
export type Entry = Pick<TarHeader, "name" | "type"> & Partial<TarHeader> & { readonly text?: string };

export const dir = (name: string, mode = 0o755): Entry => ({ name, type: "directory", mode });
export const file = (name: string, text = "", mode = 0o644): Entry => ({ name, type: "file", mode, text });
export const symlink = (linkName: string, name: string): Entry => ({ name, type: "symlink", mode: 0o777, linkName });
export const link = (linkName: string, name: string): Entry => ({ name, type: "link", mode: 0o644, linkName });

/** A tar of these entries. */
export function tarOf(...entries: readonly Entry[]): AsyncGenerator<Uint8Array, void, undefined> {
  return writeTar(
    entries.map(({ text = "", ...header }) => {
      const content = new TextEncoder().encode(text);
      return { header: { mode: 0o644, uid: 0, gid: 0, mtime: 0, ...header, size: content.byteLength }, content };
    }),
  );
}

/** All nodes of a tree by path, the root left out. */
export function nodes(tree: Tree): Map<string, TreeNode> {
  const found = new Map<string, TreeNode>();
  const visit = (path: string, node: TreeNode): void => {
    if (path !== "") found.set(path, node);
    if (node.type !== "directory") return;
    for (const [name, child] of node.entries) visit(`${path}/${name}`, child);
  };
  visit("", tree.root);
  return found;
}
