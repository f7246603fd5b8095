import { digestOf } from "../hash/index.ts";
import type { Digest } from "../oci/digest.ts";
import { DEFAULT_ATTRIBUTES } from "./attributes.ts";
import { directoryLines } from "./directory-form.ts";
import { PackedEntries } from "./packed-entries.ts";
import type { DirectoryNode, Tree } from "./tree.ts";

let empty: Tree | undefined;

/** The tree with nothing but its root: 0755, owner 0:0, mtime 0. Always the same object. */
export function emptyTree(): Tree {
  empty ??= { root: emptyDirectory(), links: new Map(), nextInode: 1 };
  return empty;
}

function emptyDirectory(): DirectoryNode {
  const attributes = DEFAULT_ATTRIBUTES.directory;
  const digestOfLine = (line: string): Digest => digestOf(new TextEncoder().encode(line));
  const entries = PackedEntries.of<DirectoryNode>([]);
  const digest = digestOfLine(directoryLines(attributes, entries, digestOfLine).line);
  return { type: "directory", ...attributes, entries, digest };
}
