import { SlipwayError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import { type EntryForm, leafKey, type ParsedDirectory, parseDirectory, parseLeaf } from "./directory-form.ts";
import type { Leaf } from "./node.ts";
import type { NodeTable } from "./node-table.ts";
import { PackedEntries } from "./packed-entries.ts";
import type { DirectoryNode, TreeNode } from "./tree.ts";

/** The lines of one pack. */
export interface PackLines {
  readonly pack: string;
  readonly lines: readonly string[];
}

/** Is told what was found in which packs. */
export interface Findings {
  directory(directory: DirectoryNode, pack: string): void;
  segment(segment: Digest, pack: string): void;
}

/** One tree being read. Packs are read only as far as they are needed. */
export class TreeLoad {
  readonly #table: NodeTable;
  readonly #source: AsyncGenerator<PackLines, void, undefined>;
  readonly #found: Findings;
  readonly #lines = new Map<Digest, { readonly line: string; readonly pack: string }>();
  readonly #parsed = new Map<Digest, ParsedDirectory & { readonly pack: string }>();
  readonly #linked = new Map<string, Leaf>();
  /** Directories that are there, held while the tree is built. */
  readonly #done = new Map<Digest, DirectoryNode>();

  constructor(table: NodeTable, source: AsyncGenerator<PackLines, void, undefined>, found: Findings) {
    this.#table = table;
    this.#source = source;
    this.#found = found;
  }

  async directory(root: Digest): Promise<DirectoryNode> {
    await this.#collect(root);
    // Not recursive: trees can be deeper than the stack.
    const pending = [root];
    for (let digest = pending.at(-1); digest !== undefined; digest = pending.at(-1)) {
      const missing = this.#done.has(digest) ? [] : this.#missing(digest);
      for (const child of missing) pending.push(child);
      if (missing.length > 0) continue;
      if (!this.#done.has(digest)) this.#done.set(digest, this.#build(digest));
      pending.pop();
    }
    return this.#get(root);
  }

  /** Reads all directories that nobody has in memory. */
  async #collect(root: Digest): Promise<void> {
    const pending = [root];
    for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
      if (this.#parsed.has(digest) || this.#done.has(digest)) continue;
      const known = this.#table.find(digest);
      if (known !== undefined) {
        this.#done.set(digest, known);
        continue;
      }
      const { line, pack } = await this.#line(digest);
      const segments = new Map<Digest, string>();
      if (line.startsWith('["segmented"')) {
        const named: Digest[] = JSON.parse(line)[6];
        for (const segment of named) {
          const found = await this.#line(segment);
          segments.set(segment, found.line);
          this.#found.segment(segment, found.pack);
        }
      }
      const parsed = parseDirectory(line, (segment) => segments.get(segment) ?? "");
      this.#parsed.set(digest, { ...parsed, pack });
      for (const entry of parsed.entries) if (entry[0] === "d") pending.push(entry[2]);
    }
  }

  async #line(digest: Digest): Promise<{ readonly line: string; readonly pack: string }> {
    for (;;) {
      const found = this.#lines.get(digest);
      if (found !== undefined) return found;
      const { done, value } = await this.#source.next();
      if (done) {
        throw new SlipwayError(
          "DIGEST_MISMATCH",
          `Cannot read the snapshot: its directory ${digest} is missing or damaged in the metadata store`,
        );
      }
      for (const line of value.lines) {
        const key = this.#table.digestOfLine(line);
        if (!this.#lines.has(key)) this.#lines.set(key, { line, pack: value.pack });
      }
    }
  }

  #missing(digest: Digest): Digest[] {
    const missing: Digest[] = [];
    for (const entry of this.#parsed.get(digest)?.entries ?? []) {
      if (entry[0] === "d" && !this.#done.has(entry[2])) missing.push(entry[2]);
    }
    return missing;
  }

  #build(digest: Digest): DirectoryNode {
    const parsed = this.#parsed.get(digest);
    if (parsed === undefined) return this.#get(digest);
    const known = this.#table.find(digest);
    if (known !== undefined) return known;
    const entries = PackedEntries.of<DirectoryNode>(parsed.entries.map((entry) => [entry[1], this.#child(entry)]));
    const directory = this.#table.keep({ type: "directory", ...parsed.attributes, entries, digest });
    this.#found.directory(directory, parsed.pack);
    return directory;
  }

  #child(entry: EntryForm): TreeNode {
    if (entry[0] === "d") return this.#get(entry[2]);
    const leaf = parseLeaf(entry);
    if (leaf.inode === undefined) return leaf;
    const key = leafKey(leaf);
    const linked = this.#linked.get(key) ?? this.#table.linked(leaf);
    this.#linked.set(key, linked);
    return linked;
  }

  #get(digest: Digest): DirectoryNode {
    const directory = this.#done.get(digest);
    if (directory !== undefined) return directory;
    throw new SlipwayError("DIGEST_MISMATCH", `Cannot read the snapshot: its directory ${digest} is missing`);
  }
}
