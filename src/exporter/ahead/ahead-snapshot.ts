import type { ByteRange } from "../../bytes.ts";
import type { OperationOptions } from "../../progress.ts";
import { changeAttributes, DEFAULT_ATTRIBUTES } from "../../snapshots/attributes.ts";
import type { KnownDirectory } from "../../snapshots/known-directory.ts";
import { specialNode, symlinkNode } from "../../snapshots/node.ts";
import type {
  AttributeOptions,
  FileContent,
  FileStat,
  FollowOptions,
  WritableSnapshot,
} from "../../snapshots/snapshotter.ts";
import type { NodeAttributes, SpecialNode, Tree } from "../../snapshots/tree.ts";
import { putKnownDirectory } from "../../snapshots/writable.ts";
import type { LayerAhead } from "./layer-ahead.ts";

/** A snapshot whose entries go to a layer, too, while they are made. Whatever else is done to it ends that layer. */
export class AheadSnapshot implements WritableSnapshot {
  readonly key: string;
  readonly #work: WritableSnapshot;
  readonly #layer: LayerAhead;

  constructor(work: WritableSnapshot, layer: LayerAhead) {
    this.key = work.key;
    this.#work = work;
    this.#layer = layer;
  }

  async writeFile(path: string, content: FileContent, options?: AttributeOptions & OperationOptions): Promise<void> {
    const attributes = attributesFor("file", options, path);
    const file = attributes && this.#layer.announceFile(path, attributes, content);
    if (file === undefined) {
      this.#layer.giveUp();
      await this.#work.writeFile(path, content, options);
      return;
    }
    try {
      await this.#work.writeFile(path, file.content, options);
      const { node } = await this.#work.lstat(path);
      this.#layer.written(file, node.type === "file" ? node.content : undefined);
    } catch (error) {
      this.#layer.giveUp();
      throw error;
    }
    await this.#layer.room();
  }

  async mkdir(path: string, options: AttributeOptions & { readonly recursive?: boolean } = {}): Promise<void> {
    const attributes = attributesFor("directory", options, path);
    this.#layer.announceDirectory(path, attributes, options.recursive === true);
    await this.#work.mkdir(path, options);
    await this.#layer.room();
  }

  /** A directory whose digest is known: its files are not read, and it may be in a layer already. */
  async putDirectory(path: string, directory: KnownDirectory): Promise<boolean> {
    this.#layer.giveUp();
    return await putKnownDirectory(this.#work, path, directory);
  }

  async symlink(target: string, path: string, options?: AttributeOptions): Promise<void> {
    const attributes = attributesFor("symlink", options, path);
    this.#layer.announce(path, attributes && symlinkNode(attributes, target));
    await this.#work.symlink(target, path, options);
    await this.#layer.room();
  }

  async link(existing: string, path: string): Promise<void> {
    // What is wrong with it the snapshot says in the words of a link.
    const there = await this.#work.lstat(existing).catch(() => undefined);
    if (there === undefined) this.#layer.giveUp();
    else this.#layer.announceLink(path, there.node, there.path);
    await this.#work.link(existing, path);
  }

  async mknod(
    path: string,
    type: SpecialNode["type"],
    options: AttributeOptions & { readonly major?: number; readonly minor?: number } = {},
  ): Promise<void> {
    const attributes = attributesFor("file", options, path);
    const { major = 0, minor = 0 } = options;
    // A layer cannot hold a socket, and whoever writes one in the usual way says so.
    const held = attributes !== undefined && type !== "socket";
    this.#layer.announce(path, held ? specialNode(attributes, type, major, minor) : undefined);
    await this.#work.mknod(path, type, options);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#layer.giveUp();
    await this.#work.rename(from, to);
  }

  async remove(path: string, options?: { readonly recursive?: boolean; readonly force?: boolean }): Promise<void> {
    this.#layer.giveUp();
    await this.#work.remove(path, options);
  }

  async chmod(path: string, mode: number): Promise<void> {
    this.#layer.giveUp();
    await this.#work.chmod(path, mode);
  }

  async chown(path: string, uid: number, gid: number, options?: FollowOptions): Promise<void> {
    this.#layer.giveUp();
    await this.#work.chown(path, uid, gid, options);
  }

  async utimes(path: string, mtime: number, options?: FollowOptions): Promise<void> {
    this.#layer.giveUp();
    await this.#work.utimes(path, mtime, options);
  }

  async setxattr(path: string, name: string, value: Uint8Array | string, options?: FollowOptions): Promise<void> {
    this.#layer.giveUp();
    await this.#work.setxattr(path, name, value, options);
  }

  async removexattr(path: string, name: string, options?: FollowOptions): Promise<void> {
    this.#layer.giveUp();
    await this.#work.removexattr(path, name, options);
  }

  tree(): Promise<Tree> {
    return this.#work.tree();
  }

  stat(path: string): Promise<FileStat> {
    return this.#work.stat(path);
  }

  lstat(path: string): Promise<FileStat> {
    return this.#work.lstat(path);
  }

  exists(path: string): Promise<boolean> {
    return this.#work.exists(path);
  }

  readdir(path: string): Promise<readonly string[]> {
    return this.#work.readdir(path);
  }

  readlink(path: string): Promise<string> {
    return this.#work.readlink(path);
  }

  read(path: string, range?: ByteRange): AsyncIterable<Uint8Array> {
    return this.#work.read(path, range);
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#work.readFile(path);
  }

  readTextFile(path: string): Promise<string> {
    return this.#work.readTextFile(path);
  }
}

/** The attributes that a new node gets. Undefined if it cannot have them, which is for the snapshot to say. */
function attributesFor(
  type: keyof typeof DEFAULT_ATTRIBUTES,
  options: AttributeOptions | undefined,
  path: string,
): NodeAttributes | undefined {
  try {
    return changeAttributes(DEFAULT_ATTRIBUTES[type], options, `Cannot write ${path}`);
  } catch {
    return undefined;
  }
}
