import { SlipwayError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import {
  directoryLines,
  type EntryForm,
  leafKey,
  type ParsedDirectory,
  parseDirectory,
  parseLeaf,
} from "./directory-form.ts";
import { emptyTree } from "./empty-tree.ts";
import { collectLinks } from "./links.ts";
import type { MetadataStore } from "./metadata.ts";
import type { Leaf } from "./node.ts";
import type { NodeTable } from "./node-table.ts";
import type { SnapshotRecord, StoredTree } from "./record.ts";
import type { DirectoryNode, Tree, TreeNode } from "./tree.ts";

/** Characters after which a pack is full. Its last line may go beyond. */
const PACK_SIZE = 1024 * 1024;

/** Reads the record of a snapshot's parent. */
export type ParentOf = (record: SnapshotRecord) => Promise<SnapshotRecord | undefined>;

/**
 * Trees in a metadata store. A snapshot owns packs (`tree/<id>/<number>`) with the directories that its parents do not have,
 * each as the lines of its canonical form. So a small change writes one small record; what is shared along a chain is
 * written once; and because a parent stays as long as it has children, the packs of a removed snapshot are needed by nobody.
 */
export class TreeStore {
  readonly #metadata: MetadataStore;
  readonly #table: NodeTable;
  /** The packs in which a directory is known to be, each as `<id>/<first>`. */
  readonly #packs = new WeakMap<DirectoryNode, Set<string>>();

  constructor(metadata: MetadataStore, table: NodeTable) {
    this.#metadata = metadata;
    this.#table = table;
  }

  /**
   * Reads a snapshot's tree. Every directory is verified by its digest.
   * @throws SlipwayError `DIGEST_MISMATCH` if a directory is missing or damaged
   */
  async load(record: SnapshotRecord, parentOf: ParentOf): Promise<Tree> {
    let origin: SnapshotRecord | undefined = record;
    while (origin !== undefined && origin.tree === undefined) origin = await parentOf(origin);
    if (origin?.tree === undefined) return emptyTree();
    const { root: digest, nextInode } = origin.tree;
    const root = await new TreeLoad(this.#table, this.#lines(origin, parentOf), (directory, pack) =>
      this.#mark(directory, pack),
    ).directory(digest);
    return { root, links: collectLinks(root), nextInode };
  }

  /**
   * Writes what of a tree the packs of the parents do not have.
   * @param packs those of the parents, as {@link packsOf} gives them; and the snapshot's own, if they are to be added to
   * @returns what belongs into the record
   */
  async save(
    id: number,
    tree: Tree,
    packs: ReadonlySet<string>,
    range: { first: number; end: number },
  ): Promise<StoredTree> {
    const { first } = range;
    let { end } = range;
    const pack = packName(id, first);
    const written = new Set<DirectoryNode>();
    let lines: string[] = [];
    let size = 0;
    const flush = async (): Promise<void> => {
      const bytes = new TextEncoder().encode(lines.join("\n"));
      // A number can be taken by what a save that did not come to its end has left.
      while (!(await this.#metadata.compareAndSet(packKey(id, end), undefined, bytes))) end++;
      end++;
      lines = [];
      size = 0;
    };
    const pending: DirectoryNode[] = [tree.root];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      if (written.has(directory) || this.#isIn(directory, packs)) continue;
      written.add(directory);
      const { line, segments } = directoryLines(directory, directory.entries, this.#table.digestOfLine);
      for (const part of [line, ...segments]) {
        lines.push(part);
        size += part.length;
        if (size >= PACK_SIZE) await flush();
      }
      for (const node of directory.entries.values()) if (node.type === "directory") pending.push(node);
    }
    if (lines.length > 0) await flush();
    for (const directory of written) this.#mark(directory, pack);
    return { root: tree.root.digest, nextInode: tree.nextInode, first, end };
  }

  /** Removes a snapshot's packs, or those before a number. */
  async remove(id: number, before: number = Number.POSITIVE_INFINITY): Promise<void> {
    const prefix = packKey(id, undefined);
    for (const key of await this.#metadata.keys(prefix)) {
      if (Number(key.slice(prefix.length)) < before) await this.#metadata.delete(key);
    }
  }

  /** The lines of a snapshot's packs, then of its parents'. */
  async *#lines(from: SnapshotRecord, parentOf: ParentOf): AsyncGenerator<PackLines, void, undefined> {
    for (let record: SnapshotRecord | undefined = from; record !== undefined; record = await parentOf(record)) {
      if (record.tree === undefined) continue;
      const { first, end } = record.tree;
      for (let number = first; number < end; number++) {
        const bytes = await this.#metadata.get(packKey(record.id, number));
        if (bytes !== undefined) {
          yield { pack: packName(record.id, first), lines: new TextDecoder().decode(bytes).split("\n") };
        }
      }
    }
  }

  #isIn(directory: DirectoryNode, packs: ReadonlySet<string>): boolean {
    for (const pack of this.#packs.get(directory) ?? []) if (packs.has(pack)) return true;
    return false;
  }

  #mark(directory: DirectoryNode, pack: string): void {
    const packs = this.#packs.get(directory);
    if (packs === undefined) this.#packs.set(directory, new Set([pack]));
    else packs.add(pack);
  }
}

/** The name of a snapshot's packs as a whole. */
export function packName(id: number, first: number): string {
  return `${id}/${first}`;
}

function packKey(id: number, number: number | undefined): string {
  return `tree/${id}/${number ?? ""}`;
}

interface PackLines {
  readonly pack: string;
  readonly lines: readonly string[];
}

/** One tree being read. Packs are read only as far as they are needed. */
class TreeLoad {
  readonly #table: NodeTable;
  readonly #source: AsyncGenerator<PackLines, void, undefined>;
  readonly #found: (directory: DirectoryNode, pack: string) => void;
  readonly #lines = new Map<Digest, { readonly line: string; readonly pack: string }>();
  readonly #parsed = new Map<Digest, ParsedDirectory & { readonly pack: string }>();
  readonly #linked = new Map<string, Leaf>();
  /** Directories that are there, held while the tree is built. */
  readonly #done = new Map<Digest, DirectoryNode>();

  constructor(
    table: NodeTable,
    source: AsyncGenerator<PackLines, void, undefined>,
    found: (directory: DirectoryNode, pack: string) => void,
  ) {
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
        for (const segment of named) segments.set(segment, (await this.#line(segment)).line);
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
    const entries = new Map<string, TreeNode>();
    for (const entry of parsed.entries) entries.set(entry[1], this.#child(entry));
    const directory = this.#table.keep({ type: "directory", ...parsed.attributes, entries, digest });
    this.#found(directory, parsed.pack);
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
