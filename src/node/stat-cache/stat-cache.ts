import type { BigIntStats } from "node:fs";
import type { Digest } from "../../oci/digest.ts";
import type { MetadataStore } from "../../snapshots/metadata.ts";
import { compareNames } from "../../tar/names.ts";
import { FileStat, isSettled, STAT_WORDS } from "./file-stat.ts";
import { timesDirectories } from "./file-system.ts";
import type { RecordedFile, RecordedFiles, RecordedMore } from "./part.ts";
import { TreeRecords } from "./tree-records.ts";
import { type TreeForm, wholeDigest } from "./whole.ts";

/** What was found of a recorded entry. */
const UNSEEN = 0;
const UNCHANGED = 1;
const CHANGED = 2;

/** A directory as it is recorded. */
export interface KnownFiles extends RecordedFiles {
  /** For each entry one of the above. */
  readonly found: Uint8Array;
  /** Where the next name is looked for first: names come in the order in which they are recorded. */
  next: number;
  /** Where each name is; made when one was not where it was looked for. */
  places: Map<string, number> | undefined;
}

/**
 * What is in a tree as of the last time that it was read: digests of files, by their stat, as git's index and BuildKit's contenthash keep
 * them, and digests of whole directories, by the stats of all that is in them. An entry of which device, inode, size, mtime and ctime are
 * all as recorded is the same. One that changed just before it was read is not recorded, for it could change again without another
 * stat ({@link isSettled}).
 */
export class StatCache {
  readonly #records: TreeRecords;
  /** Nanoseconds since 1970, from before anything was read. */
  readonly #began: bigint;
  readonly #form: TreeForm | undefined;
  readonly #known = new Map<string, KnownFiles>();
  readonly #added = new Map<string, Map<string, RecordedFile>>();
  /** The names in directories that were read, whether they were taken or not. */
  readonly #listings = new Map<string, readonly string[]>();
  /** Directories with names of files that have others in the tree. */
  readonly #linked = new Set<string>();
  /** For each device whether {@link timesDirectories}. */
  readonly #timed = new Map<bigint, boolean>();
  readonly #stat = new FileStat();
  /** What is recorded was found with the same options. */
  #sameForm = false;
  #mistaken = false;

  private constructor(records: TreeRecords, began: bigint, form: TreeForm | undefined) {
    this.#records = records;
    this.#began = began;
    this.#form = form;
  }

  /**
   * @param root real path of the tree
   * @param form how entries are taken; undefined: in a way that has no name, so that digests of directories are not kept
   * @throws what the metadata store throws
   */
  static async open(metadata: MetadataStore, root: string, form: TreeForm | undefined): Promise<StatCache> {
    const cache = new StatCache(new TreeRecords(metadata, root), BigInt(Date.now()) * 1_000_000n, form);
    const tree = await cache.#records.load();
    cache.#sameForm = form !== undefined && tree.form === form.name;
    for (const part of tree.directories) cache.#know(part);
    return cache;
  }

  /** Nothing is recorded of the tree. */
  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  /** Whether extended attributes and digests of directories are recorded that can be used. */
  get knowsAll(): boolean {
    return this.#sameForm && this.#known.size > 0;
  }

  /** A large directory is in several parts. */
  #know({ directory, names, files, whole }: RecordedFiles): void {
    const before = this.#known.get(directory);
    const all =
      before === undefined
        ? { names, files }
        : { names: [...before.names, ...names], files: [...before.files, ...files] };
    const found = new Uint8Array(all.files.length);
    const known = { directory, ...all, whole: this.#sameForm ? whole : undefined };
    this.#known.set(directory, { ...known, found, next: 0, places: undefined });
  }

  /** Notes what is in a directory, and says what is recorded of it. */
  list(directory: string, names: readonly string[]): KnownFiles | undefined {
    if (this.#known.size > 0 || this.#form !== undefined) this.#listings.set(directory, names);
    return this.#known.get(directory);
  }

  /** What is recorded of a directory. */
  known(directory: string): KnownFiles | undefined {
    return this.#known.get(directory);
  }

  /**
   * The names in a directory that is as it was recorded, where its times tell that none has come or gone since: where all its names were
   * recorded, and on a file system that is known to keep such times.
   */
  recordedNames(directory: string, hostPath: string, stats: BigIntStats): readonly string[] | undefined {
    const known = this.#known.get(directory);
    if (known?.whole === undefined) return undefined;
    let timed = this.#timed.get(stats.dev);
    if (timed === undefined) {
      timed = timesDirectories(hostPath);
      this.#timed.set(stats.dev, timed);
    }
    return timed ? known.names : undefined;
  }

  /** Where an entry that is as it was recorded is in its directory. */
  find(known: KnownFiles, name: string, stats: BigIntStats): number | undefined {
    const at = placeOf(name, known);
    const file = at === undefined ? undefined : known.files[at];
    if (at === undefined || file === undefined) return undefined;
    known.next = at + 1;
    const unchanged = this.#stat.take(stats) && isSame(file, this.#stat.words);
    known.found[at] = unchanged ? UNCHANGED : CHANGED;
    return unchanged ? at : undefined;
  }

  /**
   * Records an entry by its stat from before it was read.
   * @param digest of its content, if it is a regular file
   */
  add(directory: string, name: string, stats: BigIntStats, digest: Digest | undefined, more?: RecordedMore): void {
    const stat = new FileStat();
    if (digest?.startsWith("sha256:") === false || !stat.take(stats) || !isSettled(stats, this.#began)) return;
    let files = this.#added.get(directory);
    if (files === undefined) {
      files = new Map();
      this.#added.set(directory, files);
    }
    const recorded = { words: stat.words, at: 0, sha256: digest?.slice("sha256:".length) ?? "" };
    files.set(name, more === undefined ? recorded : { ...recorded, more });
  }

  /** Notes that a file in this directory has another name in the tree: the directory cannot be known by a digest alone. */
  link(directory: string): void {
    this.#linked.add(directory);
  }

  /**
   * Keeps what was recorded. What an earlier reading recorded and this one did not look at (another filter) stays, unless it is gone.
   * @param complete whether all extended attributes could be read
   * @throws what the metadata store throws
   */
  async save(complete: boolean): Promise<void> {
    const now = Math.floor(Date.now() / 1000);
    const form = complete ? this.#form : undefined;
    if (this.#isAllUnchanged()) {
      if (!this.#mistaken) await this.#records.touch(now);
      return;
    }
    const kept = new Map<string, KeptFiles>();
    let changed = this.#added.size > 0;
    for (const known of this.#known.values()) {
      const { directory, names, files, found, whole } = known;
      const stays = this.#stillThere(directory);
      const stay = new Map<string, RecordedFile>();
      for (const [at, file] of files.entries()) {
        const name = names[at] ?? "";
        // What was found with other options has other extended attributes.
        const unseen = found[at] === UNSEEN && (this.#sameForm || this.#form === undefined) && stays(name);
        if (found[at] === UNCHANGED || unseen) stay.set(name, file);
      }
      if (stay.size < files.length) changed = true;
      kept.set(directory, { files: stay, whole: stay.size < files.length ? undefined : whole });
    }
    for (const [directory, files] of this.#added) {
      const all = kept.get(directory)?.files ?? new Map<string, RecordedFile>();
      for (const [name, file] of files) all.set(name, file);
      kept.set(directory, { files: all, whole: undefined });
    }
    if (this.#mistaken) return;
    for (const [directory, names] of this.#listings) {
      if (names.length > 0 || directory === "" || kept.has(directory)) continue;
      kept.set(directory, { files: new Map(), whole: undefined });
      changed = true;
    }
    const directories = sorted(kept, (directory) => (this.#listings.get(directory) ?? []).length === 0);
    if (form !== undefined) changed = this.#findWholes(directories, kept, form) || changed;
    if (changed) await this.#records.save(directories, form?.name ?? "", now);
    else if (kept.size > 0) await this.#records.touch(now);
  }

  /** Whether everything was looked at and found as it is recorded, digests of directories too: to record it again would change nothing. */
  #isAllUnchanged(): boolean {
    if (this.#known.size === 0 || this.#added.size > 0 || this.#linked.size > 0 || !this.#sameForm) return false;
    for (const { directory, whole, found } of this.#known.values()) {
      if ((whole === undefined && directory !== "") || found.some((each) => each !== UNCHANGED)) return false;
      if (!this.#listings.has(directory)) return false;
    }
    for (const directory of this.#listings.keys()) if (directory !== "" && !this.#known.has(directory)) return false;
    return true;
  }

  /** Finds the digests of directories of which all is recorded. @returns whether one is another than was recorded */
  #findWholes(directories: KeptDirectory[], kept: ReadonlyMap<string, KeptFiles>, form: TreeForm): boolean {
    const byPath = new Map(directories.map((each) => [each.directory, each]));
    const changedPaths = new Set<string>();
    for (const directory of [...directories].reverse()) {
      const path = directory.directory;
      const before = this.#known.get(path)?.whole;
      const slash = path.lastIndexOf("/");
      const name = path.slice(slash + 1);
      const above = path.slice(0, Math.max(0, slash));
      const own = path === "" ? undefined : kept.get(above)?.files.get(name);
      const isNew = this.#added.get(above)?.has(name) === true;
      const keeps = directory.whole !== undefined && !changedPaths.has(path) && !isNew && !this.#linked.has(path);
      if (!keeps) directory.whole = this.#isWhole(directory) ? wholeDigest(directory, own, form, byPath) : undefined;
      if (own === undefined) directory.whole = undefined;
      if (directory.whole !== before) changedPaths.add(path).add(above);
    }
    return changedPaths.size > 0;
  }

  #isWhole({ directory, names }: RecordedFiles): boolean {
    const listing = this.#listings.get(directory);
    return listing !== undefined && !this.#linked.has(directory) && sameNames(names, listing);
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
      let there: Set<string> | undefined;
      return (name) => {
        there ??= new Set(names);
        return there.has(name);
      };
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

interface KeptFiles {
  readonly files: Map<string, RecordedFile>;
  readonly whole: string | undefined;
}

interface KeptDirectory extends RecordedFiles {
  whole: string | undefined;
}

/** Whether two lists have the same names in the same order. */
export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, at) => name === b[at]));
}

function placeOf(name: string, known: KnownFiles): number | undefined {
  if (known.names[known.next] === name) return known.next;
  known.places ??= new Map(known.names.map((each, at) => [each, at]));
  return known.places.get(name);
}

function isSame({ words, at }: RecordedFile, stat: Int32Array): boolean {
  for (let i = 0; i < STAT_WORDS; i++) if (words[at + i] !== stat[i]) return false;
  return true;
}

/** Directories and names in an order that depends on nothing but themselves: names as a layer has them, directories before what is in them. */
function sorted(kept: ReadonlyMap<string, KeptFiles>, mayBeEmpty: (directory: string) => boolean): KeptDirectory[] {
  return [...kept.keys()].sort().flatMap((directory) => {
    const { files, whole } = kept.get(directory) ?? { files: new Map<string, RecordedFile>(), whole: undefined };
    if (files.size === 0 && !(directory !== "" && mayBeEmpty(directory))) return [];
    const names = [...files.keys()].sort(compareNames);
    return [{ directory, names, files: names.flatMap((name) => files.get(name) ?? []), whole }];
  });
}
