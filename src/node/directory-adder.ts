import { type BigIntStats, lstatSync, readlinkSync } from "node:fs";
import { SlipwayError } from "../errors.ts";
import type { SourceNode, TreeAdder } from "../frontend/sources/tree-adder.ts";
import type { NodeAttributes } from "../snapshots/tree.ts";
import { decodeName } from "../tar/names.ts";
import type { HostEntry } from "./directory-walk.ts";
import { fileSourceOfSize } from "./file-source.ts";
import { hostError } from "./host-error.ts";
import { deviceNumbers, wholeSeconds } from "./stats.ts";
import type { XattrsByPath } from "./xattrs.ts";

/** Gives the entries of a real directory, as they come in the order of a layer, to what puts them into a snapshot. */
export class DirectoryAdder {
  readonly #adder: TreeAdder;
  readonly #xattrs: XattrsByPath;
  /** The first path of each file that has several names. */
  readonly #firsts = new Map<string, string>();

  constructor(adder: TreeAdder, xattrs: XattrsByPath) {
    this.#adder = adder;
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

  #node({ path, hostPath, stats }: HostEntry): SourceNode {
    const attributes = this.#attributes(path, stats);
    if (stats.isDirectory()) return { type: "directory", attributes };
    if (stats.isFile()) {
      const content = fileSourceOfSize(hostPath, Number(stats.size), { followSymlinks: false });
      return { type: "file", attributes, content, size: content.size, written: () => checkUnchanged(hostPath, stats) };
    }
    if (stats.isSymbolicLink()) return { type: "symlink", attributes, target: targetOf(hostPath) };
    if (stats.isFIFO()) return { type: "fifo", attributes };
    if (stats.isBlockDevice()) return { type: "block", attributes, ...deviceNumbers(stats.rdev) };
    if (stats.isCharacterDevice()) return { type: "char", attributes, ...deviceNumbers(stats.rdev) };
    throw new SlipwayError("UNSUPPORTED", `Cannot read ${hostPath}: it is of a type that an image cannot hold`);
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

/** The target of a symlink, whatever bytes it has. */
function targetOf(hostPath: string): string {
  try {
    return decodeName(readlinkSync(hostPath, { encoding: "buffer" }));
  } catch (error) {
    throw hostError(error, `read the symlink ${hostPath}`);
  }
}

function checkUnchanged(hostPath: string, before: BigIntStats): void {
  let now: BigIntStats;
  try {
    now = lstatSync(hostPath, { bigint: true });
  } catch (error) {
    throw hostError(error, `read ${hostPath}`);
  }
  if (now.ino === before.ino && now.size === before.size && now.mtimeNs === before.mtimeNs) return;
  throw new SlipwayError(
    "SIZE_MISMATCH",
    `Cannot read ${hostPath}: it changed while it was read; try again when it is at rest`,
  );
}
