import type { GarbageRoot } from "../content/gc.ts";
import { SlipwayError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Snapshotter } from "./snapshotter.ts";
import type { DirectoryNode } from "./tree.ts";

/** A file is a leaf, whatever is in it: a collector is not to read it as a manifest. */
const MEDIA_TYPE = "application/octet-stream";

/** How often snapshots are looked through of which some change meanwhile. */
const ATTEMPTS = 100;

/**
 * All contents that snapshots need, each once: roots for garbage collection in the content store. What active snapshots of other
 * processes have not saved is not among them: their blobs need leases.
 */
export async function* snapshotContents(
  snapshotter: Snapshotter,
): AsyncGenerator<Exclude<GarbageRoot, Digest>, void, undefined> {
  const seen = new Set<Digest>();
  const visited = new Set<Digest>();
  // In this order: an active snapshot that is committed in between is seen then. (A view has what its parent has.)
  for (const kind of ["active", "committed"] as const) {
    for (let attempt = 1; ; attempt++) {
      const keys: string[] = [];
      await snapshotter.walk((info) => {
        if (info.kind === kind) keys.push(info.key);
      });
      try {
        for (const key of keys) {
          for (const digest of contentsIn(await rootOf(snapshotter, key, kind), visited)) {
            if (seen.has(digest)) continue;
            seen.add(digest);
            yield { digest, mediaType: MEDIA_TYPE };
          }
        }
        break;
      } catch (error) {
        // It was removed, saved or committed meanwhile. One that is damaged stays so.
        if (attempt === ATTEMPTS || !(error instanceof SlipwayError)) throw error;
      }
    }
  }
}

async function rootOf(snapshotter: Snapshotter, key: string, kind: "active" | "committed"): Promise<DirectoryNode> {
  const ref = kind === "committed" ? await snapshotter.get(key) : undefined;
  try {
    return (await (ref ?? (await snapshotter.resume(key))).tree()).root;
  } finally {
    ref?.release();
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
