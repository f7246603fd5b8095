import type { Digest } from "../oci/digest.ts";
import { directoryLines } from "./directory-form.ts";
import { emptyTree } from "./empty-tree.ts";
import { collectLinks } from "./links.ts";
import type { MetadataStore } from "./metadata.ts";
import type { NodeTable } from "./node-table.ts";
import type { SnapshotRecord, StoredTree } from "./record.ts";
import type { DirectoryNode, Tree } from "./tree.ts";
import { type PackLines, TreeLoad } from "./tree-load.ts";

/** Characters after which a pack is full. Its last line may go beyond. */
const PACK_SIZE = 1024 * 1024;

/** Reads the record of a snapshot's parent. */
export type ParentOf = (record: SnapshotRecord) => Promise<SnapshotRecord | undefined>;

/** Where the trees of snapshots are. */
export interface TreeKeeper {
  /** @throws SlipwayError `DIGEST_MISMATCH` if a directory is missing or damaged */
  load(record: SnapshotRecord, parentOf: ParentOf): Promise<Tree>;
  /**
   * @param packs in which directories need not be kept once more
   * @returns what belongs into the record
   */
  save(
    id: number,
    tree: Tree,
    packs: ReadonlySet<string>,
    range: { readonly first: number; readonly end: number },
  ): Promise<StoredTree>;
  /** Removes what was saved of a snapshot, or only what was saved before a number. */
  remove(id: number, before?: number): Promise<void>;
}

/**
 * Trees in a metadata store. A snapshot owns packs (`tree/<id>/<number>`) with the directories that its parents do not have,
 * each as the lines of its canonical form. So a small change writes one small record; what is shared along a chain is
 * written once; and because a parent stays as long as it has children, the packs of a removed snapshot are needed by nobody.
 */
export class TreeStore implements TreeKeeper {
  readonly #metadata: MetadataStore;
  readonly #table: NodeTable;
  /** The packs in which a directory is known to be, each as `<id>/<first>`. */
  readonly #packs = new WeakMap<DirectoryNode, Set<string>>();
  /** The segments of large directories that are known to be in packs, by the packs' name. */
  readonly #segments = new Map<string, Set<Digest>>();

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
    const root = await new TreeLoad(this.#table, this.#lines(origin, parentOf), {
      directory: (directory, pack) => this.#mark(directory, pack),
      segment: (segment, pack) => this.#markSegment(segment, pack),
    }).directory(digest);
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
    const writtenSegments = new Set<Digest>();
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
      const fresh = segments.filter((segment) => !this.#hasSegment(segment, packs));
      for (const part of [line, ...fresh]) {
        lines.push(part);
        size += part.length;
        if (size >= PACK_SIZE) await flush();
      }
      for (const segment of fresh) writtenSegments.add(this.#table.digestOfLine(segment));
      for (const node of directory.entries.values()) if (node.type === "directory") pending.push(node);
    }
    if (lines.length > 0) await flush();
    for (const directory of written) this.#mark(directory, pack);
    for (const segment of writtenSegments) this.#markSegment(segment, pack);
    return { root: tree.root.digest, nextInode: tree.nextInode, first, end };
  }

  /** Removes a snapshot's packs, or those before a number. */
  async remove(id: number, before: number = Number.POSITIVE_INFINITY): Promise<void> {
    const prefix = packKey(id, undefined);
    for (const key of await this.#metadata.keys(prefix)) {
      if (Number(key.slice(prefix.length)) < before) await this.#metadata.delete(key);
    }
    for (const pack of this.#segments.keys()) {
      if (pack.startsWith(`${id}/`) && Number(pack.slice(pack.indexOf("/") + 1)) < before) this.#segments.delete(pack);
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

  #hasSegment(segment: string, packs: ReadonlySet<string>): boolean {
    if (this.#segments.size === 0) return false;
    const digest = this.#table.digestOfLine(segment);
    for (const pack of packs) if (this.#segments.get(pack)?.has(digest)) return true;
    return false;
  }

  #markSegment(digest: Digest, pack: string): void {
    const segments = this.#segments.get(pack);
    if (segments === undefined) this.#segments.set(pack, new Set([digest]));
    else segments.add(digest);
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
