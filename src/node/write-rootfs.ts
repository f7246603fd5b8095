import {
  chmod,
  type FileHandle,
  lchown,
  link,
  lstat,
  lutimes,
  mkdir,
  open,
  readdir,
  realpath,
  rm,
  symlink,
  utimes,
} from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { readBlob } from "../content/read.ts";
import type { ContentProvider } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import { type OperationOptions, runStep, type StepReporter } from "../progress.ts";
import type { DirectoryNode, FileNode, SpecialNode, Tree, TreeNode } from "../snapshots/tree.ts";
import { encodeName } from "../tar/names.ts";
import { errnoOf, hostError } from "./host-error.ts";
import { isGranted } from "./permission.ts";
import { makeSpecialFile } from "./special-file.ts";
import { type FileXattrs, writeXattrs } from "./write-xattrs.ts";

/** Something of a tree that the host could not hold. */
export interface RootfsWarning {
  /** Absolute path in the tree. */
  readonly path: string;
  /** A sentence without the path, for people. */
  readonly message: string;
}

/** Options of {@link writeRootfs}. */
export interface WriteRootfsOptions extends OperationOptions {
  /**
   * Also writes what gives a file power over the machine that it lies on: device nodes, setuid and setgid bits, owners, and extended
   * attributes of the system (file capabilities, access lists, labels). Most of it needs root. An image from a stranger can hold a
   * shell that is setuid root, or the node of a disk: only for images that are trusted like a program run by root. Default false.
   */
  readonly unsafeSpecial?: boolean | undefined;
  /** Called for what the host cannot hold: sockets, FIFOs that cannot be made, extended attributes that cannot be set. */
  readonly onWarning?: ((warning: RootfsWarning) => void) | undefined;
}

/** What a directory did not get of a tree: without `unsafeSpecial`, or because the host did not allow it. */
export interface RootfsOmissions {
  /** Device nodes, which were left out. */
  readonly devices: number;
  /** Files and directories that were written without their setuid and setgid bits. */
  readonly setids: number;
  /**
   * Files, directories and symlinks that belong to the caller instead of their user or group. Without `unsafeSpecial`, 0 stands for
   * whoever writes the files, and does not count.
   */
  readonly owners: number;
  /** Files, directories and symlinks that were written without their extended attributes of the system, which are all but `user.*`. */
  readonly xattrs: number;
}

/**
 * Writes a tree's files to a directory of the host: modes, times, symlinks, hard links, FIFOs, and extended attributes where the host
 * can set them. By default all files belong to the caller and none has power of its own (see {@link WriteRootfsOptions.unsafeSpecial}):
 * device nodes are left out, and files are written without setuid and setgid bits and without capabilities. A setuid or setgid bit is
 * only ever set on a file that has the user and group of the tree, so that it never lends the rights of somebody else.
 *
 * Every file is made anew and none is ever opened or replaced, so that no name or symlink of the tree, nor two names that the host takes
 * for one, can lead a write out of the directory. Until all is written nobody else can write into it; who owns it and the directories
 * above it is trusted.
 * @param hostDirectory is made if it is absent, and must be empty if it exists; its parent must exist
 * @returns how much was left out
 * @throws SlipwayError `NOT_EMPTY`; `INVALID_PATH` for a name that no host can have; `DIGEST_MISMATCH`, `SIZE_MISMATCH` and
 *   `NOT_FOUND` from the store; `NO_SPACE`, `PERMISSION_DENIED` (also for a symlink that another user made), `NOT_A_DIRECTORY`, `IO` from
 *   the host. What was written is removed again on failure.
 */
export async function writeRootfs(
  tree: Tree,
  content: ContentProvider,
  hostDirectory: string,
  options: WriteRootfsOptions = {},
): Promise<RootfsOmissions> {
  options.signal?.throwIfAborted();
  const target = await prepareTarget(hostDirectory);
  const writer = new RootfsWriter(content, target.root, options);
  try {
    return await runStep(
      options.onProgress,
      { id: "writing files", name: `writing files to ${target.root}` },
      (report) => writer.write(tree, report),
    );
  } catch (error) {
    await writer.remove(target);
    options.signal?.throwIfAborted();
    throw error;
  }
}

/** Where files are written to. */
interface Target {
  /** Its real path. */
  readonly root: string;
  /** The mode that it had before; undefined if it was made here. */
  readonly mode: number | undefined;
}

/** Makes the directory, or finds it empty, and closes it to others. */
async function prepareTarget(hostDirectory: string): Promise<Target> {
  const target = resolve(hostDirectory);
  const refuse = (code: "NOT_EMPTY" | "PERMISSION_DENIED", reason: string): SlipwayError =>
    new SlipwayError(code, `Cannot write to ${target}: ${reason}; name a directory that is empty, or does not exist`);
  try {
    const created = await mkdir(target, 0o700).then(
      () => true,
      (error: unknown) => {
        if (errnoOf(error) === "EEXIST") return false;
        throw error;
      },
    );
    if (created) return { root: await realpath(target), mode: undefined };
    // In a directory for all, such as /tmp, anybody may have put a symlink in the way that leads elsewhere.
    const found = await lstat(target);
    const root = await realpath(target);
    const me = ownID("uid");
    if (found.isSymbolicLink() && me !== undefined && found.uid !== me && found.uid !== 0) {
      throw refuse("PERMISSION_DENIED", `it is a symlink that another user made, to ${root}`);
    }
    if ((await readdir(root)).length > 0) throw refuse("NOT_EMPTY", "it is not empty");
    const mode = (await lstat(root)).mode & 0o7777;
    // Not permitted where it is another user's, who is trusted then.
    if ((mode & 0o022) !== 0) await chmod(root, 0o700).catch(() => undefined);
    return { root, mode };
  } catch (error) {
    throw hostError(error, `write to ${target}`);
  }
}

/** The caller's id, where the host has such; undefined where that must not be asked. */
function ownID(kind: "uid" | "gid"): number | undefined {
  if (!isGranted({ name: "sys", kind })) return undefined;
  return kind === "uid" ? process.geteuid?.() : process.getegid?.();
}

class RootfsWriter {
  readonly #content: ContentProvider;
  readonly #root: string;
  readonly #options: WriteRootfsOptions;
  /** The first path of every hard link group. */
  readonly #linked = new Map<number, string>();
  /** Directories get their attributes last: a read-only one could not be filled, and filling one changes its time. */
  readonly #directories: { readonly path: string; readonly node: DirectoryNode }[] = [];
  /** Set last of all but directories: a change of owner would take capabilities away again. */
  readonly #xattrs: FileXattrs[] = [];
  readonly #omitted = { devices: 0, setids: 0, owners: 0, xattrs: 0 };
  /** Ids that are the caller's, or stand for the caller. */
  readonly #own = { uids: [0, ownID("uid")], gids: [0, ownID("gid")] };
  #written = 0;

  constructor(content: ContentProvider, root: string, options: WriteRootfsOptions) {
    this.#content = content;
    this.#root = root;
    this.#options = options;
  }

  async write(tree: Tree, report: StepReporter): Promise<RootfsOmissions> {
    await this.#fill("", tree.root, report);
    const complaint = await writeXattrs(this.#root, this.#xattrs, { signal: this.#options.signal });
    if (complaint !== undefined) this.#warn("/", complaint);
    for (const { path, node } of this.#directories.reverse()) {
      await this.#onHost("set the attributes of", path, (host) => this.#setAttributes(host, node));
    }
    return this.#omitted;
  }

  /** Removes everything again; never throws, so that the reason for it is what the caller sees. */
  async remove({ mode }: Target): Promise<void> {
    for (const { path } of this.#directories) await chmod(this.#host(path), 0o700).catch(() => undefined);
    if (mode === undefined) {
      await rm(this.#root, { recursive: true, force: true }).catch(() => undefined);
      return;
    }
    for (const name of await readdir(this.#root, { encoding: "buffer" }).catch(() => [])) {
      const path = Buffer.concat([Buffer.from(`${this.#root}/`), name]);
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
    await chmod(this.#root, mode).catch(() => undefined);
  }

  async #fill(path: string, directory: DirectoryNode, report: StepReporter): Promise<void> {
    this.#directories.push({ path, node: directory });
    this.#noteXattrs(path, directory);
    for (const [name, node] of directory.entries) {
      this.#options.signal?.throwIfAborted();
      if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
        throw new SlipwayError(
          "INVALID_PATH",
          `Cannot write ${JSON.stringify(name)} in ${path || "/"}: not a file name`,
        );
      }
      await this.#make(`${path}/${name}`, node, report);
    }
  }

  async #make(path: string, node: TreeNode, report: StepReporter): Promise<void> {
    if (node.type === "directory") {
      await this.#onHost("make the directory", path, (host) => mkdir(host, 0o700));
      await this.#fill(path, node, report);
      return;
    }
    const first = node.inode === undefined ? undefined : this.#linked.get(node.inode);
    if (first !== undefined) {
      await this.#onHost("make the hard link", path, (host) => link(this.#host(first), host));
      return;
    }
    if (node.type === "file") await this.#writeFile(path, node, report);
    else if (node.type === "symlink") {
      await this.#onHost("make the symlink", path, async (host) => {
        await symlink(toHostName(node.target), host);
        await this.#setAttributes(host, node);
      });
    } else if (!(await this.#makeSpecial(path, node))) return;
    if (node.inode !== undefined) this.#linked.set(node.inode, path);
    this.#noteXattrs(path, node);
  }

  #noteXattrs(path: string, { xattrs }: TreeNode): void {
    if (xattrs === undefined || xattrs.size === 0) return;
    const kept = this.#options.unsafeSpecial
      ? xattrs
      : new Map([...xattrs].filter(([name]) => name.startsWith("user.")));
    if (kept.size < xattrs.size) this.#omitted.xattrs++;
    if (kept.size > 0) this.#xattrs.push({ path: path.slice(1), xattrs: kept });
  }

  async #writeFile(path: string, node: FileNode, report: StepReporter): Promise<void> {
    const file = await this.#onHost("make", path, (host) => open(host, "wx", 0o600));
    try {
      const blob = { digest: node.content, size: node.size };
      for await (const chunk of readBlob(this.#content, blob, { signal: this.#options.signal })) {
        await this.#onHost("write", path, () => writeWhole(file, chunk));
        this.#written += chunk.byteLength;
        report.running(this.#written);
      }
      await this.#onHost("set the attributes of", path, async () => {
        await file.chmod(await this.#modeOnceOwned(node, (uid, gid) => file.chown(uid, gid)));
        await file.utimes(hostTime(node.mtime), hostTime(node.mtime));
      });
    } finally {
      await file.close();
    }
  }

  /** @returns false if the host does not let us */
  async #makeSpecial(path: string, node: SpecialNode): Promise<boolean> {
    if (node.type === "socket") {
      this.#warn(path, "it is a socket, which only the program that listens on it can make");
      return false;
    }
    const isDevice = node.type !== "fifo";
    // Whoever may not make one may make none.
    if (isDevice && (!this.#options.unsafeSpecial || this.#omitted.devices > 0)) {
      this.#omitted.devices++;
      return false;
    }
    try {
      await makeSpecialFile(this.#root, this.#host(path), node.type, node);
    } catch (error) {
      if (isDevice) this.#omitted.devices++;
      this.#warn(path, `the host does not let a ${isDevice ? "device node" : "FIFO"} be made: ${reason(error)}`);
      return false;
    }
    await this.#onHost("set the attributes of", path, (host) => this.#setAttributes(host, node));
    return true;
  }

  async #setAttributes(host: string | Buffer, node: TreeNode): Promise<void> {
    const time = hostTime(node.mtime);
    const mode = await this.#modeOnceOwned(node, (uid, gid) => lchown(host, uid, gid));
    if (node.type === "symlink") {
      await lutimes(host, time, time);
    } else {
      await chmod(host, mode);
      await utimes(host, time, time);
    }
  }

  /** Gives a file its owner, where that is wanted and possible. @returns the mode that it can have then: a change of owner clears some bits */
  async #modeOnceOwned(node: TreeNode, chown: (uid: number, gid: number) => Promise<void>): Promise<number> {
    const isOwned = await this.#giveOwner(node, chown);
    if (isOwned || node.type === "symlink" || (node.mode & SETIDS) === 0) return node.mode;
    this.#omitted.setids++;
    return node.mode & ~SETIDS;
  }

  async #giveOwner({ uid, gid }: TreeNode, chown: (uid: number, gid: number) => Promise<void>): Promise<boolean> {
    if (!this.#options.unsafeSpecial) {
      if (!this.#own.uids.includes(uid) || !this.#own.gids.includes(gid)) this.#omitted.owners++;
      return false;
    }
    try {
      await chown(uid, gid);
      return true;
    } catch (error) {
      // Not permitted, or an id that the user namespace does not have.
      if (!["EPERM", "EINVAL"].includes(errnoOf(error) ?? "")) throw error;
      this.#omitted.owners++;
      return false;
    }
  }

  #host(path: string): string | Buffer {
    return toHostName(this.#root + path);
  }

  async #onHost<T>(what: string, path: string, call: (host: string | Buffer) => Promise<T>): Promise<T> {
    try {
      return await call(this.#host(path));
    } catch (error) {
      throw hostError(error, `${what} ${path || "/"} in ${this.#root}`);
    }
  }

  #warn(path: string, message: string): void {
    this.#options.onWarning?.({ path, message });
  }
}

/** The bits by which a file lends the rights of its user or group. */
const SETIDS = 0o6000;

/** Names that are UTF-8 stay strings, which every runtime takes; others go to the host as the bytes they are. */
function toHostName(name: string): string | Buffer {
  return /\p{Surrogate}/u.test(name) ? Buffer.from(encodeName(name)) : name;
}

/** Node takes a negative number for "now", and a date for what it says. */
const hostTime = (seconds: number): number | Date => (seconds < 0 ? new Date(seconds * 1000) : seconds);

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, offset);
    offset += bytesWritten;
  }
}
