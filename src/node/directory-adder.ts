import { type BigIntStats, lstatSync, readlinkSync } from "node:fs";
import { SlipwayError } from "../errors.ts";
import type { SourceNode, TreeAdder } from "../frontend/sources/tree-adder.ts";
import type { Digest } from "../oci/digest.ts";
import type { KnownSource } from "../snapshots/snapshotter.ts";
import type { NodeAttributes } from "../snapshots/tree.ts";
import { decodeName } from "../tar/names.ts";
import type { HostEntry } from "./directory-walk.ts";
import { FileSource, fileSourceOfSize } from "./file-source.ts";
import { hostError } from "./host-error.ts";
import type { StatCache } from "./stat-cache/stat-cache.ts";
import { deviceNumbers, wholeSeconds } from "./stats.ts";
import type { XattrsByPath } from "./xattrs.ts";

/** Gives the entries of a real directory, as they come in the order of a layer, to what puts them into a snapshot. */
export class DirectoryAdder {
  readonly #adder: TreeAdder;
  #xattrs: XattrsByPath = new Map();
  readonly #statCache: StatCache | undefined;
  /** Regular files, and those of them that are as they were recorded; each hard linked one once. */
  files = 0;
  unread = 0;
  /** The first path of each file that has several names. */
  readonly #firsts = new Map<string, string>();

  constructor(adder: TreeAdder, statCache: StatCache | undefined) {
    this.#adder = adder;
    this.#statCache = statCache;
  }

  /** Takes the extended attributes of all entries, before the first one. */
  setXattrs(xattrs: XattrsByPath): void {
    this.#xattrs = xattrs;
  }

  /** Adds an entry. The content of a file may still be read when this resolves. */
  async add(entry: HostEntry): Promise<void> {
    const { stats, hostPath, path } = entry;
    if (stats.isSocket()) {
      this.#adder.warn(`${hostPath} is a socket, which an image cannot hold: it is left out`);
      return;
    }
    const identity = stats.nlink > 1n && !stats.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
    const first = identity === undefined ? undefined : this.#firsts.get(identity);
    if (identity !== undefined && first === undefined) this.#firsts.set(identity, path);
    const node: SourceNode = first === undefined ? this.#node(entry) : { type: "link", target: first };
    await this.#adder.add(path, node, hostPath);
  }

  #node(entry: HostEntry): SourceNode {
    const { path, hostPath, stats } = entry;
    const attributes = this.#attributes(path, stats);
    if (stats.isDirectory()) return { type: "directory", attributes };
    if (stats.isFile()) return this.#file(entry, attributes);
    if (stats.isSymbolicLink()) return { type: "symlink", attributes, target: targetOf(hostPath) };
    if (stats.isFIFO()) return { type: "fifo", attributes };
    if (stats.isBlockDevice()) return { type: "block", attributes, ...deviceNumbers(stats.rdev) };
    if (stats.isCharacterDevice()) return { type: "char", attributes, ...deviceNumbers(stats.rdev) };
    throw new SlipwayError("UNSUPPORTED", `Cannot read ${hostPath}: it is of a type that an image cannot hold`);
  }

  #file({ parent, name, hostPath, stats }: HostEntry, attributes: NodeAttributes): SourceNode {
    const cache = this.#statCache;
    const size = Number(stats.size);
    this.files++;
    const digest = cache?.find(parent, name, stats);
    if (cache !== undefined && digest !== undefined) {
      this.unread++;
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
        now = statUnchanged(hostPath, stats);
      },
      // Of what changed while it was read only what does not matter to it may have changed: that, too, makes a new stat.
      hashed: cache && ((found) => now.ctimeNs === stats.ctimeNs && cache.add(parent, name, stats, found)),
    };
  }

  #attributes(path: string, stats: BigIntStats): NodeAttributes {
    const xattrs = this.#xattrs.get(path);
    return {
      mode: Number(stats.mode & 0o7777n),
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      mtime: wholeSeconds(stats.mtimeNs),
      ...(xattrs === undefined ? {} : { xattrs }),
    };
  }
}

/** A file that is as it was recorded: read when somebody wants its bytes. */
class UnchangedFile extends FileSource implements KnownSource {
  readonly digest: Digest;
  readonly #cache: StatCache;

  constructor(hostPath: string, size: number, digest: Digest, cache: StatCache) {
    super(hostPath, size, { followSymlinks: false });
    this.digest = digest;
    this.#cache = cache;
  }

  async mistaken(): Promise<void> {
    await this.#cache.distrust();
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
