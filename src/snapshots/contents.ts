import type { GarbageRoot } from "../content/gc.ts";
import type { Digest } from "../oci/digest.ts";
import type { Snapshotter } from "./snapshotter.ts";
import type { DirectoryNode } from "./tree.ts";

/** A file is a leaf, whatever is in it: a collector is not to read it as a manifest. */
const MEDIA_TYPE = "application/octet-stream";

/**
 * All contents that snapshots need, each once: roots for garbage collection in the content store. What active snapshots of other
 * processes have not saved is not among them: their blobs need leases.
 */
export async function* snapshotContents(
  snapshotter: Snapshotter,
): AsyncGenerator<Exclude<GarbageRoot, Digest>, void, undefined> {
  const seen = new Set<Digest>();
  const visited = new Set<Digest>();
  const sources: { key: string; kind: string }[] = [];
  await snapshotter.walk(({ key, kind }) => {
    sources.push({ key, kind });
  });
  for (const { key, kind } of sources) {
    // A view has what its parent has.
    if (kind === "view") continue;
    const ref = kind === "committed" ? await snapshotter.get(key) : undefined;
    try {
      const { root } = await (ref ?? (await snapshotter.resume(key))).tree();
      for (const digest of contentsIn(root, visited)) {
        if (seen.has(digest)) continue;
        seen.add(digest);
        yield { digest, mediaType: MEDIA_TYPE };
      }
    } finally {
      ref?.release();
    }
  }
}

function* contentsIn(root: DirectoryNode, visited: Set<Digest>): Generator<Digest, void, undefined> {
  const pending = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    if (visited.has(directory.digest)) continue;
    visited.add(directory.digest);
    for (const node of directory.entries.values()) {
      if (node.type === "directory") pending.push(node);
      else if (node.type === "file") yield node.content;
    }
  }
}
