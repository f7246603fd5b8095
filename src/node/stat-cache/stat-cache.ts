import type { BigIntStats } from "node:fs";
import type { Digest } from "../../oci/digest.ts";
import type { MetadataStore } from "../../snapshots/metadata.ts";
import { FileStat, isSettled, STAT_WORDS } from "./file-stat.ts";
import type { RecordedFile, RecordedFiles } from "./part.ts";
import { TreeRecords } from "./tree-records.ts";

/** What was found of a recorded file. */
const UNSEEN = 0;
const UNCHANGED = 1;
const CHANGED = 2;

interface KnownDirectory extends RecordedFiles {
  /** For each file one of the above. */
  readonly found: Uint8Array;
  /** Where the next name is looked for first: names come in the order in which they are recorded. */
  next: number;
  /** Where each name is; made when one was not where it was looked for. */
  places: Map<string, number> | undefined;
}

/**
 * The digests of a tree's files as of the last time that it was read, by their stat, as git's index and BuildKit's contenthash keep
 * them. A file of which device, inode, size, mtime and ctime are all as recorded is not read. A file that changed just before it was
 * read is not recorded, for it could change again without another stat ({@link isSettled}).
 */
export class StatCache {
  readonly #records: TreeRecords;
  /** Nanoseconds since 1970, from before anything was read. */
  readonly #began: bigint;
  readonly #known = new Map<string, KnownDirectory>();
  readonly #added = new Map<string, Map<string, RecordedFile>>();
  /** The names in directories that were read, whether they were taken or not. */
  readonly #listings = new Map<string, readonly string[]>();
  readonly #stat = new FileStat();
  #mistaken = false;

  private constructor(records: TreeRecords, began: bigint) {
    this.#records = records;
    this.#began = began;
  }

  /**
   * @param root real path of the tree
   * @throws what the metadata store throws
   */
  static async open(metadata: MetadataStore, root: string): Promise<StatCache> {
    const cache = new StatCache(new TreeRecords(metadata, root), BigInt(Date.now()) * 1_000_000n);
    for (const part of await cache.#records.load()) cache.#know(part);
    return cache;
  }

  /** A large directory is in several parts. */
  #know({ directory, names, files }: RecordedFiles): void {
    const before = this.#known.get(directory);
    const all = { names: [...(before?.names ?? []), ...names], files: [...(before?.files ?? []), ...files] };
    const found = new Uint8Array(all.files.length);
    this.#known.set(directory, { directory, ...all, found, next: 0, places: undefined });
  }

  /** Takes the names that are in a directory of the tree. */
  list(directory: string, names: readonly string[]): void {
    if (this.#known.size > 0) this.#listings.set(directory, names);
  }

  /** The digest of a file that is as it was recorded. */
  find(directory: string, name: string, stats: BigIntStats): Digest | undefined {
    const known = this.#known.get(directory);
    if (known === undefined) return undefined;
    const at = placeOf(name, known);
    const file = at === undefined ? undefined : known.files[at];
    if (at === undefined || file === undefined) return undefined;
    known.next = at + 1;
    const unchanged = this.#stat.take(stats) && isSame(file, this.#stat.words);
    known.found[at] = unchanged ? UNCHANGED : CHANGED;
    return unchanged ? `sha256:${file.sha256}` : undefined;
  }

  /** Records a file that was read, by its stat from before. */
  add(directory: string, name: string, stats: BigIntStats, digest: Digest): void {
    const stat = new FileStat();
    if (!digest.startsWith("sha256:") || !stat.take(stats) || !isSettled(stats, this.#began)) return;
    let files = this.#added.get(directory);
    if (files === undefined) {
      files = new Map();
      this.#added.set(directory, files);
    }
    files.set(name, { words: stat.words, at: 0, sha256: digest.slice("sha256:".length) });
  }

  /**
   * Keeps what was recorded. What an earlier reading recorded and this one did not look at (another filter) stays, unless it is gone.
   * @throws what the metadata store throws
   */
  async save(): Promise<void> {
    const now = Math.floor(Date.now() / 1000);
    const kept = new Map<string, Map<string, RecordedFile>>();
    let changed = this.#added.size > 0;
    for (const { directory, names, files, found } of this.#known.values()) {
      const stays = this.#stillThere(directory);
      const stay = new Map<string, RecordedFile>();
      for (const [at, file] of files.entries()) {
        const name = names[at] ?? "";
        if (found[at] === UNCHANGED || (found[at] === UNSEEN && stays(name))) stay.set(name, file);
        else changed = true;
      }
      kept.set(directory, stay);
    }
    if (this.#mistaken) return;
    if (changed) await this.#records.save(sorted(kept, this.#added), now);
    else if (kept.size > 0) await this.#records.touch(now);
  }

  /** Forgets the tree: a digest was wrong, and so may be any. Never fails. */
  async distrust(): Promise<void> {
    this.#mistaken = true;
    await this.#records.forget().catch(() => undefined);
  }

  /** Whether the names of a directory may still be there. */
  #stillThere(directory: string): (name: string) => boolean {
    const names = this.#listings.get(directory);
    if (names !== undefined) {
      const there = new Set(names);
      return (name) => there.has(name);
    }
    // Not looked into: it was left out, or something above it is gone.
    for (let path = directory; path !== ""; ) {
      const slash = path.lastIndexOf("/");
      const above = path.slice(0, Math.max(slash, 0));
      const listing = this.#listings.get(above);
      if (listing !== undefined && !listing.includes(path.slice(slash + 1))) return () => false;
      path = above;
    }
    return () => true;
  }
}

function placeOf(name: string, known: KnownDirectory): number | undefined {
  if (known.names[known.next] === name) return known.next;
  known.places ??= new Map(known.names.map((each, at) => [each, at]));
  return known.places.get(name);
}

function isSame({ words, at }: RecordedFile, stat: Int32Array): boolean {
  for (let i = 0; i < STAT_WORDS; i++) if (words[at + i] !== stat[i]) return false;
  return true;
}

/** Directories and names in an order that depends on nothing but themselves. */
function* sorted(
  ...sources: readonly ReadonlyMap<string, ReadonlyMap<string, RecordedFile>>[]
): Generator<RecordedFiles, void, undefined> {
  const directories = [...new Set(sources.flatMap((source) => [...source.keys()]))].sort();
  for (const directory of directories) {
    const files = new Map(sources.flatMap((source) => [...(source.get(directory) ?? [])]));
    if (files.size === 0) continue;
    const names = [...files.keys()].sort();
    yield { directory, names, files: names.flatMap((name) => files.get(name) ?? []) };
  }
}
