import { Buffer } from "node:buffer";
import { type BigIntStats, lstatSync, readlinkSync } from "node:fs";
import { SlipwayError } from "../errors.ts";
import type { KnownCounts } from "../frontend/sources/counts.ts";
import type { SourceNode } from "../frontend/sources/source-node.ts";
import type { TreeAdder } from "../frontend/sources/tree-adder.ts";
import type { Digest } from "../oci/digest.ts";
import type { KnownSource } from "../snapshots/snapshotter.ts";
import type { NodeAttributes } from "../snapshots/tree.ts";
import { decodeName } from "../tar/names.ts";
import { type HostEntry, recordedEntry } from "./directory-walk.ts";
import { FileSource, fileSourceOfSize } from "./file-source.ts";
import { hostError } from "./host-error.ts";
import { inodeAt, isDirectoryAt, linksAt, recordedStat, sizeAt } from "./stat-cache/file-stat.ts";
import type { RecordedFile, RecordedMore } from "./stat-cache/part.ts";
import type { KnownFiles, StatCache } from "./stat-cache/stat-cache.ts";
import { knownDirectory, recordedAttributes, type TreeForm } from "./stat-cache/whole.ts";
import { deviceNumbers, wholeSeconds } from "./stats.ts";
import type { XattrsByPath } from "./xattrs.ts";

/** Where what is recorded of a directory is, and how entries are taken. */
export interface RecordsInUse {
  readonly cache: StatCache;
  readonly form: TreeForm | undefined;
}

/** Gives the entries of a real directory, as they come in the order of a layer, to what puts them into a snapshot. */
export class DirectoryAdder {
  readonly #adder: TreeAdder;
  #xattrs: XattrsByPath = new Map();
  readonly #records: RecordsInUse | undefined;
  /** Regular files, and those of them that are as they were recorded; each hard linked one once. */
  files = 0;
  unread = 0;
  /** The first of each file that has several names. */
  readonly #firsts = new Map<string, HostEntry>();
  /** Directories that are as they were recorded. They come last: only then it is known which files have names elsewhere, too. */
  readonly #whole: HostEntry[] = [];

  constructor(adder: TreeAdder, records: RecordsInUse | undefined) {
    this.#adder = adder;
    this.#records = records;
  }

  /** Takes the extended attributes of all entries of which they are not recorded, before the first of them. */
  setXattrs(xattrs: XattrsByPath): void {
    this.#xattrs = xattrs;
  }

  /** Adds an entry. The content of a file may still be read when this resolves. */
  async add(entry: HostEntry): Promise<void> {
    if (entry.whole !== undefined) {
      this.#whole.push(entry);
      return;
    }
    const facts = factsOf(entry);
    const { hostPath, path } = entry;
    if (facts.type === "socket") {
      this.#adder.warn(`${hostPath} is a socket, which an image cannot hold: it is left out`);
      return;
    }
    const identity = facts.links > 1 && facts.type !== "directory" ? `${facts.dev}:${facts.ino}` : undefined;
    const first = identity === undefined ? undefined : this.#firsts.get(identity);
    if (identity !== undefined && first === undefined) this.#firsts.set(identity, entry);
    if (first !== undefined) for (const { parent } of [first, entry]) this.#records?.cache.link(parent);
    const node: SourceNode = first === undefined ? this.#node(entry, facts) : { type: "link", target: first.path };
    await this.#adder.add(path, node, hostPath);
  }

  /** Adds the directories that are as they were recorded, as wholes where that is possible. */
  async finish(): Promise<void> {
    const wholes = this.#whole.map((entry) => ({ entry, ...this.#survey(entry) }));
    const shared = this.#sharedInodes(wholes);
    // Hard links come after what they name, and so after all that is added entry by entry.
    const possible: WholeDirectory[] = [];
    for (const each of wholes) {
      const isShared = shared.size > 0 && each.linked.some((inode) => shared.has(inode));
      if (isShared) await this.#addEach(each.entry);
      else possible.push(each);
    }
    for (const each of possible) if (!(await this.#addWhole(each))) await this.#addEach(each.entry);
  }

  async #addWhole({ entry, counts }: WholeDirectory): Promise<boolean> {
    const { recorded, whole } = entry;
    const form = this.#records?.form;
    if (recorded === undefined || whole === undefined || form === undefined) return false;
    const known = knownDirectory(whole, recorded, form, (path) => this.#known(path), this.#sourceBelow(entry));
    if (!(await this.#adder.addKnown(entry.path, known, counts))) return false;
    this.files += counts.files;
    this.unread += counts.files;
    return true;
  }

  /** Adds a directory that is as it was recorded entry by entry. */
  async #addEach(entry: HostEntry): Promise<void> {
    await this.add({ ...entry, whole: undefined });
    for (const below of this.#below(entry)) {
      if (below.whole === undefined) await this.add(below);
      else await this.#addEach(below);
    }
  }

  *#below(entry: HostEntry): Generator<HostEntry, void, undefined> {
    const { whole } = entry;
    for (const [at, name] of whole?.names.entries() ?? []) {
      if (whole !== undefined) yield recordedEntry(entry, whole, name, at, this.#records?.cache);
    }
  }

  /** What is in a directory that is as it was recorded. */
  #survey({ whole }: HostEntry): Pick<WholeDirectory, "counts" | "linked"> {
    const counts = { entries: 1, files: 0, size: 0 };
    const linked: number[] = [];
    const pending: (KnownFiles | undefined)[] = [whole];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { directory, names, files } = next;
      for (let index = 0; index < files.length; index++) {
        const { words, at, sha256 } = files[index] as RecordedFile;
        counts.entries++;
        if (sha256 !== "") {
          counts.files++;
          counts.size += sizeAt(words, at);
        } else if (isDirectoryAt(words, at)) {
          const name = names[index] ?? "";
          pending.push(this.#known(directory === "" ? name : `${directory}/${name}`));
          continue;
        }
        if (linksAt(words, at) > 1) linked.push(inodeAt(words, at));
      }
    }
    return { counts, linked };
  }

  /**
   * Inodes of which there are several names, one of them in a directory that is as it was recorded: what came from elsewhere, or was left
   * out before, may have changed nothing in it.
   */
  #sharedInodes(wholes: readonly WholeDirectory[]): ReadonlySet<number> {
    const shared = new Set<number>();
    if (wholes.every(({ linked }) => linked.length === 0)) return shared;
    const firsts = Array.from(this.#firsts.values(), (first) => Number(factsOf(first).ino));
    const lists = [firsts, ...wholes.map(({ linked }) => linked)];
    const inodes = new Float64Array(lists.reduce((sum, { length }) => sum + length, 0));
    let filled = 0;
    for (const list of lists) {
      inodes.set(list, filled);
      filled += list.length;
    }
    inodes.sort();
    for (let at = 1; at < inodes.length; at++) {
      if (inodes[at] === inodes[at - 1]) shared.add(inodes[at] as number);
    }
    return shared;
  }

  #known(path: string): KnownFiles | undefined {
    return this.#records?.cache.known(path);
  }

  #sourceBelow({ path: top, hostPath }: HostEntry): (path: string, size: number, digest: Digest) => KnownSource {
    const cache = this.#records?.cache;
    return (path, size, digest) => new UnchangedFile(hostPath + path.slice(top.length), size, digest, cache);
  }

  #node(entry: HostEntry, facts: EntryFacts): SourceNode {
    const { path, hostPath, parent, name, stats, recorded } = entry;
    const cache = this.#records?.cache;
    // What is recorded with other options has other extended attributes beside it.
    const isKnown = recorded !== undefined && (cache?.knowsAll === true || this.#records?.form === undefined);
    const attributes = this.#attributes(path, facts, cache?.knowsAll === true ? recorded : undefined);
    const record = (digest: Digest | undefined, more?: RecordedMore): void => {
      const all = { ...more, ...xattrsForm(attributes) };
      const some = Object.keys(all).length > 0 ? all : undefined;
      if (!isKnown && stats !== undefined) cache?.add(parent, name, stats, digest, some);
    };
    switch (facts.type) {
      case "file":
        return this.#file(entry, facts, attributes, record);
      case "symlink": {
        const target = recorded?.more?.target ?? targetOf(hostPath);
        record(undefined, { target });
        return { type: "symlink", attributes, target };
      }
      case "directory":
      case "fifo":
        record(undefined);
        return { type: facts.type, attributes };
      case "block":
      case "char": {
        const [major, minor] = recorded?.more?.device ?? devicesOf(stats);
        record(undefined, { device: [major, minor] });
        return { type: facts.type, attributes, major, minor };
      }
      default:
        throw new SlipwayError("UNSUPPORTED", `Cannot read ${hostPath}: it is of a type that an image cannot hold`);
    }
  }

  #file(
    { hostPath, stats, recorded }: HostEntry,
    { size }: EntryFacts,
    attributes: NodeAttributes,
    record: (digest: Digest) => void,
  ): SourceNode {
    const cache = this.#records?.cache;
    this.files++;
    if (cache !== undefined && recorded !== undefined && recorded.sha256 !== "") {
      this.unread++;
      const digest: Digest = `sha256:${recorded.sha256}`;
      record(digest);
      return { type: "file", attributes, content: new UnchangedFile(hostPath, size, digest, cache), size };
    }
    const content = fileSourceOfSize(hostPath, size, { followSymlinks: false });
    let now = stats;
    return {
      type: "file",
      attributes,
      content,
      size,
      written: () => {
        if (stats !== undefined) now = statUnchanged(hostPath, stats);
      },
      // Of what changed while it was read only what does not matter to it may have changed: that, too, makes a new stat.
      hashed: cache && ((found) => now?.ctimeNs === stats?.ctimeNs && record(found)),
    };
  }

  #attributes(path: string, facts: EntryFacts, recorded: RecordedFile | undefined): NodeAttributes {
    const { mode, uid, gid, mtimeNs } = facts;
    if (recorded !== undefined) return recordedAttributes(facts, recorded);
    const xattrs = this.#xattrs.get(path);
    return { mode, uid, gid, mtime: wholeSeconds(mtimeNs), ...(xattrs === undefined ? {} : { xattrs }) };
  }
}

type EntryFacts = ReturnType<typeof recordedStat>;

function factsOf({ stats, recorded }: HostEntry): EntryFacts {
  if (stats === undefined) {
    if (recorded === undefined)
      throw new SlipwayError("FAILED_PRECONDITION", "Cannot add an entry of which nothing is known");
    return recordedStat(recorded.words, recorded.at);
  }
  return {
    type: typeOf(stats),
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    links: Number(stats.nlink),
    dev: stats.dev,
    ino: stats.ino,
  };
}

function typeOf(stats: BigIntStats): EntryFacts["type"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "fifo";
  if (stats.isBlockDevice()) return "block";
  if (stats.isCharacterDevice()) return "char";
  return stats.isSocket() ? "socket" : "unknown";
}

function devicesOf(stats: BigIntStats | undefined): readonly [number, number] {
  const { major, minor } = deviceNumbers(stats?.rdev ?? 0n);
  return [major, minor];
}

function xattrsForm({ xattrs }: NodeAttributes): RecordedMore {
  if (xattrs === undefined || xattrs.size === 0) return {};
  return { xattrs: Array.from(xattrs, ([name, value]) => [name, Buffer.from(value).toString("base64")] as const) };
}

/** A directory that is as it was recorded. */
interface WholeDirectory {
  readonly entry: HostEntry;
  /** Of what is in it, itself among the entries. */
  readonly counts: KnownCounts;
  /** The inodes of what has several names, here or elsewhere; those of another device may have the same number. */
  readonly linked: readonly number[];
}

/** A file that is as it was recorded: read when somebody wants its bytes. */
class UnchangedFile extends FileSource implements KnownSource {
  readonly digest: Digest;
  readonly #cache: StatCache | undefined;

  constructor(hostPath: string, size: number, digest: Digest, cache: StatCache | undefined) {
    super(hostPath, size, { followSymlinks: false });
    this.digest = digest;
    this.#cache = cache;
  }

  async mistaken(): Promise<void> {
    await this.#cache?.distrust();
  }
}

/** The target of a symlink, whatever bytes it has. */
function targetOf(hostPath: string): string {
  try {
    return decodeName(readlinkSync(hostPath, { encoding: "buffer" }));
  } catch (error) {
    throw hostError(error, `read the symlink ${hostPath}`);
  }
}

/** @throws SlipwayError `SIZE_MISMATCH` if the file is not the one that it was before */
function statUnchanged(hostPath: string, before: BigIntStats): BigIntStats {
  let now: BigIntStats;
  try {
    now = lstatSync(hostPath, { bigint: true });
  } catch (error) {
    throw hostError(error, `read ${hostPath}`);
  }
  if (now.ino === before.ino && now.size === before.size && now.mtimeNs === before.mtimeNs) return now;
  throw new SlipwayError(
    "SIZE_MISMATCH",
    `Cannot read ${hostPath}: it changed while it was read; try again when it is at rest`,
  );
}
