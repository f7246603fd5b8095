import { type BigIntStats, lstatSync, readlinkSync } from "node:fs";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { StepReporter } from "../progress.ts";
import type { WritableSnapshot } from "../snapshots/snapshotter.ts";
import type { DirectoryNode, NodeAttributes, TreeNode } from "../snapshots/tree.ts";
import { decodeName } from "../tar/names.ts";
import type { AddDirectoryOptions, AddedDirectory } from "./directory-source.ts";
import type { HostEntry } from "./directory-walk.ts";
import { fileSourceOfSize } from "./file-source.ts";
import { hostError } from "./host-error.ts";
import { deviceNumbers, wholeSeconds } from "./stats.ts";
import { TaskPool } from "./task-pool.ts";
import type { XattrsByPath } from "./xattrs.ts";

/** Files that are read at the same time. */
const CONCURRENCY = 8;

/** Puts the entries of a real directory, as they come in the order of a layer, into a snapshot. */
export class DirectoryAdder {
  readonly #work: WritableSnapshot;
  readonly #before: DirectoryNode;
  readonly #dest: string;
  readonly #xattrs: XattrsByPath;
  readonly #report: StepReporter;
  readonly #options: AddDirectoryOptions;
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #pool = new TaskPool(CONCURRENCY);
  /** The first path of each file that has several names. */
  readonly #firsts = new Map<string, string>();
  /** Other paths of such files, with the first one, in order: linking them in that order gives the inode numbers. */
  readonly #links: { readonly first: string; readonly path: string }[] = [];
  #entries = 0;
  #size = 0;

  /**
   * @param before what the snapshot has so far
   * @param dest where the directory comes; an absolute path, or `/`
   */
  constructor(
    work: WritableSnapshot,
    before: DirectoryNode,
    dest: string,
    xattrs: XattrsByPath,
    report: StepReporter,
    options: AddDirectoryOptions,
  ) {
    this.#work = work;
    this.#before = before;
    this.#dest = dest === "/" ? "" : dest;
    this.#xattrs = xattrs;
    this.#report = report;
    this.#options = options;
    const { signal } = options;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
  }

  /** Adds an entry. The content of a file may still be read when this resolves. */
  async add(entry: HostEntry): Promise<void> {
    const { stats, hostPath } = entry;
    if (stats.isSocket()) {
      this.#options.onWarning?.(`${hostPath} is a socket, which an image cannot hold: it is left out`);
      return;
    }
    const path = `${this.#dest}/${entry.path}`;
    this.#entries++;
    if (stats.isDirectory()) {
      await this.#addDirectory(entry, path);
      return;
    }
    await this.#makeRoom(path, hostPath);
    const identity = stats.nlink > 1n ? `${stats.dev}:${stats.ino}` : undefined;
    const first = identity === undefined ? undefined : this.#firsts.get(identity);
    if (first !== undefined) {
      this.#links.push({ first, path });
      return;
    }
    if (identity !== undefined) this.#firsts.set(identity, path);
    await this.#addLeaf(entry, path);
  }

  /** Waits for what is still read, and makes the hard links. */
  async finish(): Promise<AddedDirectory> {
    await this.#pool.finish();
    for (const { first, path } of this.#links) await this.#work.link(first, path);
    return { entries: this.#entries, size: this.#size };
  }

  /** Ends what is still read. */
  async stop(reason: unknown): Promise<void> {
    this.#stop.abort(reason);
    await this.#pool.settle();
  }

  async #addDirectory(entry: HostEntry, path: string): Promise<void> {
    const existing = await this.#existing(path);
    if (existing?.type === "directory") return;
    if (existing !== undefined) {
      if (existing.type === "symlink" && (await this.#isDirectory(path))) return;
      await this.#work.remove(path);
    }
    await this.#work.mkdir(path, this.#attributes(entry));
  }

  async #addLeaf(entry: HostEntry, path: string): Promise<void> {
    const { stats, hostPath } = entry;
    const attributes = this.#attributes(entry);
    if (stats.isFile()) {
      await this.#pool.start(() => this.#addFile(entry, path, attributes));
    } else if (stats.isSymbolicLink()) {
      await this.#work.symlink(targetOf(hostPath), path, attributes);
    } else if (stats.isFIFO()) {
      await this.#work.mknod(path, "fifo", attributes);
    } else if (stats.isCharacterDevice() || stats.isBlockDevice()) {
      const type = stats.isBlockDevice() ? "block" : "char";
      await this.#work.mknod(path, type, { ...attributes, ...deviceNumbers(stats.rdev) });
    } else {
      throw new SlipwayError("UNSUPPORTED", `Cannot read ${hostPath}: it is of a type that an image cannot hold`);
    }
  }

  async #addFile({ hostPath, stats }: HostEntry, path: string, attributes: NodeAttributes): Promise<void> {
    const source = fileSourceOfSize(hostPath, Number(stats.size), { followSymlinks: false });
    await this.#work.writeFile(path, source, { ...attributes, signal: this.#signal });
    if (hasChanged(hostPath, stats)) {
      throw new SlipwayError(
        "SIZE_MISMATCH",
        `Cannot read ${hostPath}: it changed while it was read; try again when it is at rest`,
      );
    }
    this.#size += source.size;
    this.#report.running(this.#size);
  }

  /** Takes away what the snapshot has at the place of anything but a directory. */
  async #makeRoom(path: string, hostPath: string): Promise<void> {
    const existing = await this.#existing(path);
    if (existing === undefined) return;
    if (existing.type === "directory") {
      throw new SlipwayError("IS_A_DIRECTORY", `Cannot add ${hostPath}: ${path} is a directory already`);
    }
    await this.#work.remove(path);
  }

  async #existing(path: string): Promise<TreeNode | undefined> {
    if (!mayExist(this.#before, path)) return undefined;
    return await ifThere(async () => (await this.#work.lstat(path)).node);
  }

  async #isDirectory(path: string): Promise<boolean> {
    const node = await ifThere(async () => (await this.#work.stat(path)).node);
    return node?.type === "directory";
  }

  #attributes({ path, stats }: HostEntry): NodeAttributes {
    const { preserveOwner, preserveMtime, sourceDateEpoch = Number.POSITIVE_INFINITY } = this.#options;
    const xattrs = this.#xattrs.get(path);
    return {
      mode: Number(stats.mode & 0o7777n),
      uid: preserveOwner === true ? Number(stats.uid) : 0,
      gid: preserveOwner === true ? Number(stats.gid) : 0,
      mtime: preserveMtime === true ? Math.min(wholeSeconds(stats.mtimeNs), sourceDateEpoch) : 0,
      ...(xattrs === undefined ? {} : { xattrs }),
    };
  }
}

/** False if the tree surely has nothing at the path. Asking the snapshot costs more, and most trees are built on nothing. */
function mayExist(root: DirectoryNode, path: string): boolean {
  let node: TreeNode | undefined = root;
  for (const name of path.split("/").slice(1)) {
    // A symlink may lead anywhere, and in the place of a file there may be a directory by now.
    if (node.type !== "directory") return true;
    node = node.entries.get(name);
    if (node === undefined) return false;
  }
  return true;
}

async function ifThere<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND")) return undefined;
    throw error;
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

function hasChanged(hostPath: string, before: BigIntStats): boolean {
  try {
    const now = lstatSync(hostPath, { bigint: true });
    return now.ino !== before.ino || now.size !== before.size || now.mtimeNs !== before.mtimeNs;
  } catch (error) {
    throw hostError(error, `read ${hostPath}`);
  }
}
