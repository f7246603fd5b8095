import { SlipwayError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import { fileNode, type Leaf, specialNode, symlinkNode, withInode } from "./node.ts";
import type { NodeAttributes, TreeNode } from "./tree.ts";

/*
 * The canonical form of a directory, over which its digest is made and in which it is stored: one line of JSON. A directory
 * with many entries has them in segments, lines of their own that it names by digest. Where a segment ends depends on the
 * names alone, so that a change in a large directory changes one or two segments and the rest are shared.
 *
 *   ["directory", mode, uid, gid, mtime, xattrs, [entry, …]]
 *   ["segmented", mode, uid, gid, mtime, xattrs, [digest, …]]     ["segment", [entry, …]]
 */

type XattrsForm = readonly (readonly [name: string, latin1: string])[] | 0;
type Attributes = readonly [mode: number, uid: number, gid: number, mtime: number, xattrs: XattrsForm];

/** One child. Inode 0 stands for none. A child directory's attributes are in its own form. */
export type EntryForm =
  | readonly ["d", name: string, digest: Digest]
  | readonly ["f", name: string, ...Attributes, content: Digest, size: number, inode: number]
  | readonly ["l", name: string, ...Attributes, target: string, inode: number]
  | readonly ["c" | "b" | "p" | "s", name: string, ...Attributes, major: number, minor: number, inode: number];

type Form =
  | readonly ["directory", ...Attributes, readonly EntryForm[]]
  | readonly ["segmented", ...Attributes, readonly Digest[]]
  | readonly ["segment", readonly EntryForm[]];

/** The lines of one directory. */
export interface DirectoryLines {
  /** The line that the directory's digest is made over. */
  readonly line: string;
  /** The segments it names. */
  readonly segments: readonly string[];
}

const SPECIAL_LETTERS = { char: "c", block: "b", fifo: "p", socket: "s" } as const;
const SPECIAL_TYPES = { c: "char", b: "block", p: "fifo", s: "socket" } as const;

/** One name in about 512 ends a segment. */
const SEGMENT_MASK = 0x1ff;
/** Characters after which a segment ends in any case: long xattrs must not make a line of many MiB. */
const SEGMENT_LIMIT = 1024 * 1024;
/** Below this many entries there are no segments. */
const SEGMENTS_FROM = 1024;

/** The lines of a directory with these attributes and entries, which are in bytewise order of their names. */
export function directoryLines(
  attributes: NodeAttributes,
  entries: ReadonlyMap<string, TreeNode>,
  digestOfLine: (line: string) => Digest,
): DirectoryLines {
  const own = attributesForm(attributes);
  const parts: EntryForm[][] = [];
  let part: EntryForm[] = [];
  let weight = 0;
  const segmented = entries.size >= SEGMENTS_FROM;
  for (const [name, node] of entries) {
    part.push(entryForm(name, node));
    weight += name.length + 200 + xattrsWeight(node);
    if (weight >= SEGMENT_LIMIT || (segmented && (nameHash(name) & SEGMENT_MASK) === 0)) {
      parts.push(part);
      part = [];
      weight = 0;
    }
  }
  if (part.length > 0) parts.push(part);
  if (parts.length <= 1) {
    const form: Form = ["directory", ...own, parts[0] ?? []];
    return { line: JSON.stringify(form), segments: [] };
  }
  const segments = parts.map((entriesOfPart) => JSON.stringify(["segment", entriesOfPart] satisfies Form));
  const form: Form = ["segmented", ...own, segments.map(digestOfLine)];
  return { line: JSON.stringify(form), segments };
}

/** A directory as it was read: its attributes and its children's forms. */
export interface ParsedDirectory {
  readonly attributes: NodeAttributes;
  readonly entries: readonly EntryForm[];
}

/**
 * Reads a directory's line, whose digest has been checked.
 * @param segment gives the line of a segment
 * @throws SlipwayError `INVALID_DOCUMENT` if it is none
 */
export function parseDirectory(line: string, segment: (digest: Digest) => string): ParsedDirectory {
  const form = parseLine(line);
  switch (form[0]) {
    case "directory":
      return { attributes: parseAttributes(form[1], form[2], form[3], form[4], form[5]), entries: form[6] };
    case "segmented": {
      const entries: EntryForm[] = [];
      for (const digest of form[6]) {
        const part = parseLine(segment(digest));
        if (part[0] !== "segment") throw unreadable();
        for (const entry of part[1]) entries.push(entry);
      }
      return { attributes: parseAttributes(form[1], form[2], form[3], form[4], form[5]), entries };
    }
    default:
      throw unreadable();
  }
}

/** The node of a child that is no directory. */
export function parseLeaf(form: Exclude<EntryForm, readonly ["d", string, Digest]>): Leaf {
  const attributes = parseAttributes(form[2], form[3], form[4], form[5], form[6]);
  switch (form[0]) {
    case "f":
      return withInode(fileNode(attributes, form[7], form[8]), inodeOf(form[9]));
    case "l":
      return withInode(symlinkNode(attributes, form[7]), inodeOf(form[8]));
    default:
      return withInode(specialNode(attributes, SPECIAL_TYPES[form[0]], form[7], form[8]), inodeOf(form[9]));
  }
}

/** What tells one group of hard links from another: two nodes with the same key are the same object. */
export function leafKey(leaf: Leaf): string {
  return JSON.stringify(entryForm("", leaf));
}

function entryForm(name: string, node: TreeNode): EntryForm {
  switch (node.type) {
    case "directory":
      return ["d", name, node.digest];
    case "file":
      return ["f", name, ...attributesForm(node), node.content, node.size, node.inode ?? 0];
    case "symlink":
      return ["l", name, ...attributesForm(node), node.target, node.inode ?? 0];
    default:
      return [SPECIAL_LETTERS[node.type], name, ...attributesForm(node), node.major, node.minor, node.inode ?? 0];
  }
}

function attributesForm({ mode, uid, gid, mtime, xattrs }: NodeAttributes): Attributes {
  if (xattrs === undefined) return [mode, uid, gid, mtime, 0];
  return [mode, uid, gid, mtime, Array.from(xattrs, ([name, value]) => [name, latin1(value)] as const)];
}

function parseAttributes(...[mode, uid, gid, mtime, xattrs]: Attributes): NodeAttributes {
  if (xattrs === 0) return { mode, uid, gid, mtime };
  return { mode, uid, gid, mtime, xattrs: new Map(xattrs.map(([name, value]) => [name, bytesOf(value)])) };
}

function parseLine(line: string): Form {
  // The line's digest has been checked: it is as it was written, and only its version may be another.
  const form: Form = JSON.parse(line);
  if (Array.isArray(form) && ["directory", "segmented", "segment"].includes(form[0])) return form;
  throw unreadable();
}

function unreadable(): SlipwayError {
  return new SlipwayError(
    "INVALID_DOCUMENT",
    "Cannot read a snapshot: its tree has a form that this version does not know",
  );
}

const inodeOf = (inode: number): number | undefined => (inode === 0 ? undefined : inode);

/** Bytes as a string of as many characters, which JSON can hold. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function xattrsWeight({ xattrs }: NodeAttributes): number {
  if (xattrs === undefined) return 0;
  let weight = 0;
  for (const value of xattrs.values()) weight += 3 * value.byteLength;
  return weight;
}

/** FNV-1a over the UTF-16 code units, folded: only for choosing where segments end. */
function nameHash(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash ^= name.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash ^ (hash >>> 15);
}
