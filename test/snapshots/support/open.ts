import { createMemoryContentStore } from "../../../src/content/index.ts";
import type { ContentStore } from "../../../src/content/store.ts";
import { createSnapshotter } from "../../../src/snapshots/create-snapshotter.ts";
import { createMemoryMetadataStore } from "../../../src/snapshots/memory.ts";
import type { MetadataStore } from "../../../src/snapshots/metadata.ts";
import type { Snapshotter, WritableSnapshot } from "../../../src/snapshots/snapshotter.ts";
import type { Tree, TreeNode } from "../../../src/snapshots/tree.ts";
import { walkTree } from "../../../src/snapshots/walk.ts";

export interface Opened {
  readonly content: ContentStore;
  readonly metadata: MetadataStore;
  readonly snapshots: Snapshotter;
}

/** A snapshotter over stores in memory. */
export function open(metadata: MetadataStore = createMemoryMetadataStore()): Opened {
  const content = createMemoryContentStore();
  return { content, metadata, snapshots: createSnapshotter({ content, metadata }) };
}

/** An empty writable snapshot. */
export async function openWork(): Promise<WritableSnapshot> {
  return await open().snapshots.prepare("work");
}

/** All paths of a tree, in order. */
export function pathsOf(tree: Tree): string[] {
  return Array.from(walkTree(tree), ({ path }) => path);
}

/** The node at names from the root down, each meant itself. */
export function nodeAt(tree: Tree, names: readonly string[]): TreeNode | undefined {
  let node: TreeNode | undefined = tree.root;
  for (const name of names) node = node?.type === "directory" ? node.entries.get(name) : undefined;
  return node;
}

/** Counts the calls that change or read a store. */
export function countingMetadata(): MetadataStore & { readonly writes: string[]; readonly reads: string[] } {
  const store = createMemoryMetadataStore();
  const writes: string[] = [];
  const reads: string[] = [];
  return {
    writes,
    reads,
    async get(key) {
      reads.push(key);
      return await store.get(key);
    },
    async set(key, value) {
      writes.push(key);
      await store.set(key, value);
    },
    async delete(key) {
      writes.push(key);
      await store.delete(key);
    },
    async compareAndSet(key, expected, value) {
      writes.push(key);
      return await store.compareAndSet(key, expected, value);
    },
    keys: (prefix) => store.keys(prefix),
  };
}
