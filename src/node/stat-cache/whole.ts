import { Buffer } from "node:buffer";
import { type SourceOptions, wantedAttributes } from "../../frontend/sources/options.ts";
import { digestOf } from "../../hash/index.ts";
import type { Digest } from "../../oci/digest.ts";
import { changeAttributes, DEFAULT_ATTRIBUTES } from "../../snapshots/attributes.ts";
import { directoryLines } from "../../snapshots/directory-form.ts";
import type { KnownDirectory, KnownEntry } from "../../snapshots/known-directory.ts";
import { fileNode, specialNode, symlinkNode } from "../../snapshots/node.ts";
import type { KnownSource } from "../../snapshots/snapshotter.ts";
import type { NodeAttributes, TreeNode } from "../../snapshots/tree.ts";
import { nodeHasher } from "../hasher.ts";
import { wholeSeconds } from "../stats.ts";
import { type RecordedStat, recordedStat } from "./file-stat.ts";
import type { RecordedFile, RecordedFiles } from "./part.ts";

/** How entries of a directory become those of a tree. */
export interface TreeForm {
  /** The same for the same options. */
  readonly name: string;
  readonly options: SourceOptions;
}

/** @param xattrs whether extended attributes are read: the portable ones, or none */
export function treeForm(options: SourceOptions, xattrs: boolean): TreeForm {
  const { preserveOwner = false, preserveMtime = false, sourceDateEpoch } = options;
  const epoch = preserveMtime ? sourceDateEpoch : undefined;
  return { name: JSON.stringify(["whole/1", preserveOwner, preserveMtime, epoch ?? "", xattrs]), options };
}

/** What a recorded stat and the attributes beside it say of an entry. */
export function recordedAttributes({ mode, uid, gid, mtimeNs }: RecordedStat, { more }: RecordedFile): NodeAttributes {
  const attributes = { mode, uid, gid, mtime: wholeSeconds(mtimeNs) };
  if (more?.xattrs === undefined) return attributes;
  return { ...attributes, xattrs: new Map(more.xattrs.map(([name, value]) => [name, Buffer.from(value, "base64")])) };
}

/** The attributes that a snapshot gives what is written with these. */
function attributesInTree(file: RecordedFile, stat: RecordedStat, { options }: TreeForm): NodeAttributes {
  const type = stat.type === "directory" || stat.type === "symlink" ? stat.type : "file";
  const wanted = wantedAttributes(options, recordedAttributes(stat, file));
  return changeAttributes(DEFAULT_ATTRIBUTES[type], wanted, "Cannot take a recorded entry");
}

const encoder = new TextEncoder();
const digestOfLine = (line: string): Digest => digestOf(encoder.encode(line), nodeHasher);

/**
 * The digest that a directory has in a snapshot which has exactly what is recorded of it.
 * @param own its own entry in the directory above
 * @returns undefined if something in it cannot be known by its record
 */
export function wholeDigest(
  { directory, names, files }: RecordedFiles,
  own: RecordedFile | undefined,
  form: TreeForm,
  directories: ReadonlyMap<string, RecordedFiles>,
): string | undefined {
  if (own === undefined) return undefined;
  const entries = new Map<string, TreeNode>();
  for (const [at, name] of names.entries()) {
    const file = files[at];
    if (file === undefined) return undefined;
    const node = nodeOf(file, form, () => {
      const path = directory === "" ? name : `${directory}/${name}`;
      return directories.get(path)?.whole;
    });
    if (node === undefined) return undefined;
    entries.set(name, node);
  }
  const attributes = attributesInTree(own, recordedStat(own.words, own.at), form);
  return digestOfLine(directoryLines(attributes, entries, digestOfLine).line);
}

function nodeOf(file: RecordedFile, form: TreeForm, wholeOf: () => string | undefined): TreeNode | undefined {
  const stat = recordedStat(file.words, file.at);
  const attributes = attributesInTree(file, stat, form);
  switch (stat.type) {
    case "directory": {
      const digest = wholeOf() as Digest | undefined;
      // Only its digest is looked at.
      return digest && { type: "directory", ...attributes, entries: new Map(), digest };
    }
    case "file":
      return file.sha256 === "" ? undefined : fileNode(attributes, `sha256:${file.sha256}`, stat.size);
    case "symlink":
      return file.more?.target === undefined ? undefined : symlinkNode(attributes, file.more.target);
    case "fifo":
      return specialNode(attributes, "fifo", 0, 0);
    case "char":
    case "block":
      return file.more?.device && specialNode(attributes, stat.type, ...file.more.device);
    default:
      return undefined;
  }
}

/** A recorded directory as a snapshot takes it in. */
export function knownDirectory(
  { directory, names, files, whole }: RecordedFiles,
  own: RecordedFile,
  form: TreeForm,
  known: (path: string) => RecordedFiles | undefined,
  sourceOf: (path: string, size: number, digest: Digest) => KnownSource,
): KnownDirectory {
  return {
    type: "directory",
    attributes: attributesInTree(own, recordedStat(own.words, own.at), form),
    digest: whole as Digest,
    *entries() {
      for (const [at, file] of files.entries()) {
        const name = names[at] ?? "";
        const path = directory === "" ? name : `${directory}/${name}`;
        yield [name, entryOf(file, path)] as const;
      }
    },
  };

  function entryOf(file: RecordedFile, path: string): KnownEntry {
    const stat = recordedStat(file.words, file.at);
    const attributes = attributesInTree(file, stat, form);
    switch (stat.type) {
      case "directory":
        return knownDirectory(known(path) ?? emptyAt(path), file, form, known, sourceOf);
      case "file":
        return { type: "file", attributes, content: sourceOf(path, stat.size, `sha256:${file.sha256}`) };
      case "symlink":
        return { type: "symlink", attributes, target: file.more?.target ?? "" };
      default: {
        const [major, minor] = file.more?.device ?? [0, 0];
        return { type: stat.type === "char" || stat.type === "block" ? stat.type : "fifo", attributes, major, minor };
      }
    }
  }
}

const emptyAt = (directory: string): RecordedFiles => ({ directory, names: [], files: [] });
