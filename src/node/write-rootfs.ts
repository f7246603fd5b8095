import {
  chmod,
  type FileHandle,
  lchown,
  link,
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
import { readBlob } from "../content/read.ts";
import type { ContentProvider } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import { type OperationOptions, runStep, type StepReporter } from "../progress.ts";
import type { DirectoryNode, FileNode, SpecialNode, Tree, TreeNode } from "../snapshots/tree.ts";
import { encodeName } from "../tar/names.ts";
import { errnoOf, hostError } from "./host-error.ts";
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
  /** Gives every file its owner and group of the tree, which needs root. Default: all belong to the caller. */
  readonly preserveOwner?: boolean | undefined;
  /** Called for what was left out: device nodes that may not be made, sockets, extended attributes that cannot be set. */
  readonly onWarning?: ((warning: RootfsWarning) => void) | undefined;
}

/**
 * Writes a tree's files to a directory of the host: modes (setuid too), times, symlinks, hard links, FIFOs, and device nodes
 * and extended attributes where that is permitted. Every file is made anew and none is ever opened or replaced, so that no name or symlink of the
 * tree, nor two names that the host takes for one, can lead a write out of the directory.
 * @param hostDirectory is made if it is absent, and must be empty if it exists; its parent must exist
 * @throws SlipwayError `NOT_EMPTY`; `INVALID_PATH` for a name that no host can have; `DIGEST_MISMATCH`, `SIZE_MISMATCH` and
 *   `NOT_FOUND` from the store; `NO_SPACE`, `PERMISSION_DENIED`, `NOT_A_DIRECTORY`, `IO` from the host. What was written is
 *   removed again on failure.
 */
export async function writeRootfs(
  tree: Tree,
  content: ContentProvider,
  hostDirectory: string,
  options: WriteRootfsOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const { root, created } = await prepareTarget(hostDirectory);
  const writer = new RootfsWriter(content, root, options);
  try {
    await runStep(options.onProgress, { id: "writing files", name: `writing files to ${root}` }, (report) =>
      writer.write(tree, report),
    );
  } catch (error) {
    await writer.remove(created);
    options.signal?.throwIfAborted();
    throw error;
  }
}

/** The target's real path, and whether it was made here. */
async function prepareTarget(hostDirectory: string): Promise<{ readonly root: string; readonly created: boolean }> {
  const target = resolve(hostDirectory);
  try {
    const created = await mkdir(target).then(
      () => true,
      (error: unknown) => {
        if (errnoOf(error) === "EEXIST") return false;
        throw error;
      },
    );
    const root = await realpath(target);
    if (created || (await readdir(root)).length === 0) return { root, created };
  } catch (error) {
    throw hostError(error, `write to ${target}`);
  }
  throw new SlipwayError(
    "NOT_EMPTY",
    `Cannot write to ${target}: it is not empty; name a directory that is, or one that does not exist`,
  );
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
  #written = 0;

  constructor(content: ContentProvider, root: string, options: WriteRootfsOptions) {
    this.#content = content;
    this.#root = root;
    this.#options = options;
  }

  async write(tree: Tree, report: StepReporter): Promise<void> {
    await this.#fill("", tree.root, report);
    const complaint = await writeXattrs(this.#root, this.#xattrs, { signal: this.#options.signal });
    if (complaint !== undefined) this.#warn("/", complaint);
    for (const { path, node } of this.#directories.reverse()) {
      await this.#onHost("set the attributes of", path, (host) => this.#setAttributes(host, node));
    }
  }

  /** Removes everything again; never throws, so that the reason for it is what the caller sees. */
  async remove(created: boolean): Promise<void> {
    for (const { path } of this.#directories) await chmod(this.#host(path), 0o700).catch(() => undefined);
    if (created) {
      await rm(this.#root, { recursive: true, force: true }).catch(() => undefined);
      return;
    }
    for (const name of await readdir(this.#root, { encoding: "buffer" }).catch(() => [])) {
      const path = Buffer.concat([Buffer.from(`${this.#root}/`), name]);
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
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
    if (xattrs !== undefined && xattrs.size > 0) this.#xattrs.push({ path: path.slice(1), xattrs });
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
        // The owner first: changing it clears the setuid bits.
        if (this.#options.preserveOwner) await file.chown(node.uid, node.gid);
        await file.chmod(node.mode);
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
    try {
      await makeSpecialFile(this.#root, this.#host(path), node.type, node);
    } catch (error) {
      this.#warn(
        path,
        `the host does not let a ${node.type === "fifo" ? "FIFO" : "device node"} be made: ${reason(error)}`,
      );
      return false;
    }
    await this.#onHost("set the attributes of", path, (host) => this.#setAttributes(host, node));
    return true;
  }

  async #setAttributes(host: string | Buffer, node: TreeNode): Promise<void> {
    const time = hostTime(node.mtime);
    if (this.#options.preserveOwner) await lchown(host, node.uid, node.gid);
    if (node.type === "symlink") {
      await lutimes(host, time, time);
    } else {
      await chmod(host, node.mode);
      await utimes(host, time, time);
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
